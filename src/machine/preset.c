/* SPDX-License-Identifier: GPL-2.0-only */
/* The named machine shapes. Adding one is adding a row; names are unique and start with a letter. */
#include "machine/preset.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "base/text.h"
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

const struct topo_preset *topo_preset_find(const char *name)
{
	for (const struct topo_preset *p = topo_presets; p->name; p++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

int topo_preset_unknown(const char *name, struct err *e)
{
	const char *names[ARRAY_SIZE(topo_presets)];
	size_t nr = 0;

	for (; topo_presets[nr].name; nr++)
		names[nr] = topo_presets[nr].name;
	const char *near = name_nearest(name, names, nr);
	if (near)
		return err_set(e, -EINVAL, "topology %s: no such preset; did you mean %s?", name,
			       near);
	return err_set(e, -EINVAL,
		       "topology %.64s: neither a preset (ktstr topo --presets) nor "
		       "AnBlCcDt, " TOPO_FORM_HELP,
		       name);
}
