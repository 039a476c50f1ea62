/* SPDX-License-Identifier: GPL-2.0-only */
/* Running a command of the table, and what all commands say alike. */
#include "cli/cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/commands.h"

const char ktstr_version[] = KTSTR_VERSION;

#define CMD_EXTERN(name) extern const struct cmd cmd_##name;
CMDS(CMD_EXTERN)

#define CMD_ROW(name) &cmd_##name,
const struct cmd *const cmd_list[] = { CMDS(CMD_ROW) NULL };

const struct cmd_exit cmd_exits_default[] = {
	{ EXIT_PASSED, "success" },
	{ EXIT_CANNOT_RUN, "could not run: usage, kernel or host; one line says why" },
	{ EXIT_INTERRUPTED, "interrupted" },
	{ 0 },
};

const struct cmd_exit cmd_exits_test[] = {
	{ EXIT_PASSED, "all passed; skipped tests are counted and shown" },
	{ EXIT_FAILED, "something failed" },
	{ EXIT_INCONCLUSIVE, "nothing failed, but something could not be judged" },
	{ EXIT_CANNOT_RUN, "could not run: usage, kernel or host; one line says why" },
	{ EXIT_INTERRUPTED, "interrupted; what was decided until then is reported" },
	{ 0 },
};

const struct cmd *cmd_find(const struct cmd *const *list, const char *name)
{
	for (; list && *list; list++)
		if (!strcmp((*list)->name, name))
			return *list;
	return NULL;
}

const char *cmd_full_name(const struct cmd *c, char *buf, size_t cap)
{
	for (const struct cmd *const *p = cmd_list; *p; p++)
		if (cmd_find((*p)->subs, c->name) == c) {
			snprintf(buf, cap, "%s %s", (*p)->name, c->name);
			return buf;
		}
	snprintf(buf, cap, "%s", c->name);
	return buf;
}

/* Where other codes are somebody else's, ours is EXIT_HARNESS. */
static int cannot_run(const struct cmd *c)
{
	for (const struct cmd_exit *x = c->exits; x && x->text; x++)
		if (x->code == EXIT_HARNESS)
			return EXIT_HARNESS;
	return EXIT_CANNOT_RUN;
}

int cmd_fail(const struct cmd *c, const struct err *e)
{
	char name[64];

	fprintf(stderr, "ktstr %s: %s\n", cmd_full_name(c, name, sizeof(name)), e->text);
	return cannot_run(c);
}

int cmd_usage_error(const struct cmd *c, const char *fmt, ...)
{
	char name[64];
	va_list ap;

	cmd_full_name(c, name, sizeof(name));
	fprintf(stderr, "ktstr %s: ", name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nsee 'ktstr %s -h'\n", name);
	return cannot_run(c);
}

int cmd_print(const struct cmd *c, const struct buf *b)
{
	struct err e = { 0 };

	if (b->bad) {
		err_sys(&e, b->bad, "output");
		return cmd_fail(c, &e);
	}
	return fputs(buf_str(b), stdout) < 0 ? cannot_run(c) : EXIT_PASSED;
}

static int print_help(const struct cmd *c, bool all)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	(all ? help_long : help_short)(c, &b);
	return cmd_print(c, &b);
}

static int run_parsed(const struct cmd *c, int argc, char **argv, void *args)
{
	struct err e = { 0 };
	struct opt_rest rest;
	int r = opt_parse(c->opts, c->first_ends, argc, argv, args, &rest, &e);

	if (r < 0)
		return cmd_usage_error(c, "%s", e.text);
	if (rest.help)
		return print_help(c, rest.help == OPT_HELP_LONG);
	if ((uint32_t)rest.argc < c->min_args)
		return cmd_usage_error(c, "needs %s", c->usage);
	if ((uint32_t)rest.argc > c->max_args)
		return cmd_usage_error(c, "unexpected argument \"%s\"", rest.argv[c->max_args]);
	return c->main(args, rest.argc, rest.argv);
}

static int unknown_sub(const struct cmd *c, const char *name)
{
	const char *names[32];
	size_t nr = 0;

	for (; c->subs[nr] && nr < ARRAY_SIZE(names); nr++)
		names[nr] = c->subs[nr]->name;
	const char *near = name_nearest(name, names, nr);
	if (near)
		return cmd_usage_error(c, "unknown command \"%s\"; did you mean \"%s\"?", name,
				       near);
	return cmd_usage_error(c, "unknown command \"%s\"", name);
}

static int run_sub(const struct cmd *c, int argc, char **argv)
{
	if (argc < 1)
		return cmd_usage_error(c, "needs a command");
	if (!strcmp(argv[0], "-h") || !strcmp(argv[0], "--help"))
		return print_help(c, argv[0][1] == '-');
	const struct cmd *sub = cmd_find(c->subs, argv[0]);
	return sub ? cmd_run_args(sub, argc - 1, argv + 1) : unknown_sub(c, argv[0]);
}

int cmd_run_args(const struct cmd *c, int argc, char **argv)
{
	if (c->subs)
		return run_sub(c, argc, argv);
	void *args = calloc(1, c->args_size + 1);
	if (!args)
		return cmd_fail(c, &(struct err){ .code = -ENOMEM, .text = "out of memory" });
	int r = run_parsed(c, argc, argv, args);
	opt_fini(c->opts, args);
	free(args);
	return r;
}
