/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "catalog/catalog.h"
#include "catalog/runs.h"
#include "harness/sink.h"
#include "machine/arch.h"
#include "machine/topology.h"

struct completion {
	struct buf *out;
	const char *lead; /* stays in front of every candidate: "--arch=", "human," */
	size_t lead_len;
	const char *typed; /* what candidates begin with */
};

static void offer(const struct completion *c, const char *s)
{
	if (strncmp(s, c->typed, strlen(c->typed)) != 0)
		return;
	buf_put(c->out, c->lead, c->lead_len);
	buf_puts(c->out, s);
	buf_putc(c->out, '\n');
}

static void offer_cmds(const struct completion *c, const struct cmd *const *list)
{
	for (; list && *list; list++)
		offer(c, (*list)->name);
}

/* A cache that cannot be read offers nothing: completion never complains. */
static void offer_kernels(const struct completion *c)
{
	SCOPED(catalog_close) struct catalog *cat = NULL;
	SCOPED(kernel_list_fini) struct kernel_list l = { 0 };
	size_t damaged;

	offer(c, "debian");
	offer(c, KERNEL_DEFAULT);
	if (catalog_open(NULL, &cat, NULL) == 0 && catalog_list(cat, &l, &damaged, NULL) == 0)
		for (size_t i = 0; i < l.nr; i++) {
			char key[13];

			snprintf(key, sizeof(key), "%.12s", l.at[i].key);
			offer(c, key);
		}
	buf_puts(c->out, ":files\n");
}

static void offer_runs(const struct completion *c)
{
	SCOPED(catalog_close) struct catalog *cat = NULL;
	SCOPED(run_list_fini) struct run_list l = { 0 };

	offer(c, RUN_LAST);
	if (catalog_open(NULL, &cat, NULL) == 0 && runs_list(cat, &l, NULL) == 0)
		for (size_t i = 0; i < l.nr; i++)
			offer(c, l.at[i].id);
}

static void offer_kind(const struct completion *c, enum complete kind)
{
	switch (kind) {
	case COMPLETE_NOTHING:
		break;
	case COMPLETE_FILE:
		buf_puts(c->out, ":files\n");
		break;
	case COMPLETE_DIR:
		buf_puts(c->out, ":dirs\n");
		break;
	case COMPLETE_KERNEL:
		offer_kernels(c);
		break;
	case COMPLETE_RUN:
		offer_runs(c);
		break;
	case COMPLETE_TOPOLOGY:
		for (const struct topo_preset *p = topo_presets; p->name; p++)
			offer(c, p->name);
		break;
	case COMPLETE_ARCH:
		for (unsigned int a = 0; a < NR_ARCHES; a++)
			offer(c, arch_names((enum arch)a)->name);
		break;
	case COMPLETE_FORMAT:
		for (const struct sink_type *const *t = sink_types; *t; t++)
			offer(c, (*t)->name);
		break;
	case COMPLETE_COMMAND:
		offer_cmds(c, cmd_list);
		break;
	}
}

/* Formats are a list: what follows the last comma is being typed, or a file name behind "=". */
static void offer_value(struct completion c, const struct opt *o)
{
	const char *comma = o->complete == COMPLETE_FORMAT ? strrchr(c.typed, ',') : NULL;
	char lead[256];

	if (comma) {
		snprintf(lead, sizeof(lead), "%.*s%.*s", (int)c.lead_len, c.lead,
			 (int)(comma + 1 - c.typed), c.typed);
		c = (struct completion){ c.out, lead, strlen(lead), comma + 1 };
	}
	if (o->complete == COMPLETE_FORMAT && strchr(c.typed, '='))
		buf_puts(c.out, ":files\n");
	for (size_t i = 0; o->kind == OPT_CHOICE && o->names[i]; i++)
		offer(&c, o->names[i]);
	offer_kind(&c, o->complete);
}

static void offer_opts(const struct completion *c, const struct opt *opts)
{
	char name[OPT_NAME_MAX + 2] = "--";

	for (const struct opt *o = opts; o && o->field; o++) {
		opt_name(o, name + 2);
		offer(c, name);
	}
	offer(c, "--help");
}

/* The option that takes the word after @word as its value, or NULL. */
static const struct opt *wants_value(const struct opt *opts, const char *word)
{
	const struct opt *o = NULL;

	if (word[0] != '-' || !word[1])
		return NULL;
	if (word[1] == '-') {
		o = opt_find(opts, word + 2);
		return o && o->kind != OPT_FLAG ? o : NULL;
	}
	for (const char *s = word + 1; *s; s++) {
		o = opt_find_letter(opts, *s);
		if (!o || o->kind != OPT_FLAG)
			return o && !s[1] ? o : NULL;
	}
	return NULL;
}

static void complete_word(const struct cmd *cmd, const char *word, struct buf *b)
{
	struct completion c = { b, "", 0, word };
	const char *eq = strchr(word, '=');
	char name[OPT_NAME_MAX];

	if (word[0] != '-') {
		offer_kind(&c, cmd->complete);
	} else if (word[1] == '-' && eq) {
		snprintf(name, sizeof(name), "%.*s", (int)(eq - word - 2), word + 2);
		const struct opt *o = opt_find(cmd->opts, name);
		c = (struct completion){ b, word, (size_t)(eq + 1 - word), eq + 1 };
		if (o && o->kind != OPT_FLAG)
			offer_value(c, o);
	} else {
		offer_opts(&c, cmd->opts);
	}
}

static void complete_cmd(const struct cmd *cmd, int nr, const char *const *words, struct buf *b)
{
	struct completion c = { b, "", 0, words[nr - 1] };
	bool open = true;

	for (int i = 0; i < nr - 1; i++) {
		const struct opt *o = open ? wants_value(cmd->opts, words[i]) : NULL;

		if (o && i == nr - 2) {
			offer_value(c, o);
			return;
		}
		if (open && (!strcmp(words[i], "--") || (words[i][0] != '-' && cmd->first_ends)))
			open = false;
		i += o != NULL;
	}
	if (open)
		complete_word(cmd, words[nr - 1], b);
	else
		offer_kind(&c, cmd->first_ends ? COMPLETE_FILE : cmd->complete);
}

void complete_words(const struct cmd *const *list, int nr, const char *const *words, struct buf *b)
{
	if (nr < 1)
		return;
	struct completion c = { b, "", 0, words[0] };
	if (nr == 1) {
		offer_cmds(&c, list);
		offer(&c, "--help");
		offer(&c, "--version");
		return;
	}
	const struct cmd *cmd = cmd_find(list, words[0]);
	if (cmd && cmd->subs)
		complete_words(cmd->subs, nr - 1, words + 1, b);
	else if (cmd)
		complete_cmd(cmd, nr - 1, words + 1, b);
}
