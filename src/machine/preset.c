/* SPDX-License-Identifier: GPL-2.0-only */
/* The named machine shapes. Adding one is adding a row; names are unique and start with a letter. */
#include "machine/preset.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "machine/topology.h"

const struct topo_preset topo_presets[] = {
	{ "tiny-1llc", { 1, 1, 4, 1 }, true },
	{ "tiny-2llc", { 1, 2, 2, 1 }, true },
	{ "odd-3llc", { 1, 3, 3, 1 }, true },
	{ "odd-5llc", { 1, 5, 3, 1 }, true },
	{ "odd-7llc", { 1, 7, 2, 1 }, true },
	{ "smt-2llc", { 1, 2, 2, 2 }, false },
	{ "smt-3llc", { 1, 3, 2, 2 }, false },
	{ "medium-4llc", { 1, 4, 4, 2 }, false },
	{ "medium-8llc", { 1, 8, 4, 2 }, false },
	{ "large-4llc", { 1, 4, 16, 2 }, false },
	{ "large-8llc", { 1, 8, 8, 2 }, false },
	{ "near-max-llc", { 1, 15, 8, 2 }, false },
	{ "max-cpu", { 1, 14, 9, 2 }, false },
	{ "medium-4llc-nosmt", { 1, 4, 8, 1 }, true },
	{ "medium-8llc-nosmt", { 1, 8, 8, 1 }, true },
	{ "large-4llc-nosmt", { 1, 4, 32, 1 }, true },
	{ "large-8llc-nosmt", { 1, 8, 16, 1 }, true },
	{ "near-max-llc-nosmt", { 1, 15, 16, 1 }, true },
	{ "max-cpu-nosmt", { 1, 14, 18, 1 }, true },
	{ "numa2-4llc", { 2, 4, 4, 1 }, true },
	{ "numa2-8llc", { 2, 8, 8, 2 }, false },
	{ "numa2-8llc-nosmt", { 2, 8, 16, 1 }, true },
	{ "numa4-8llc", { 4, 8, 4, 1 }, true },
	{ "numa4-12llc", { 4, 12, 8, 2 }, false },
	{ 0 },
};

#define NAME_MAX_LEN 32 /* longer text resembles no preset */

const struct topo_preset *topo_preset_find(const char *name)
{
	for (const struct topo_preset *p = topo_presets; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

/* Levenshtein distance of two short strings. */
static size_t edits(const char *a, const char *b)
{
	size_t row[NAME_MAX_LEN + 1], nb = strlen(b);

	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[nb];
}

/* The nearest preset within a third of the name's length, else NULL. */
static const struct topo_preset *nearest(const char *name)
{
	const struct topo_preset *best = NULL;
	size_t least = strlen(name) / 3 + 1;

	if (strlen(name) > NAME_MAX_LEN)
		return NULL;
	for (const struct topo_preset *p = topo_presets; p->name; p++) {
		size_t d = edits(name, p->name);

		if (d >= least)
			continue;
		least = d;
		best = p;
	}
	return best;
}

int topo_preset_unknown(const char *name, struct err *e)
{
	const struct topo_preset *p = nearest(name);

	if (p)
		return err_set(e, -EINVAL, "topology %s: no such preset; did you mean %s?", name,
			       p->name);
	return err_set(e, -EINVAL,
		       "topology %.64s: neither a preset (ktstr topo --presets) nor "
		       "AnBlCcDt, " TOPO_FORM_HELP,
		       name);
}
