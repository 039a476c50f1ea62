/* SPDX-License-Identifier: GPL-2.0-only */
/* Help texts for the terminal, made of the command tables. */
#include <string.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "cli/cmd.h"

#define HELP_COLUMNS 80

/* "-k, --kernel KERNEL" */
static void put_names(struct buf *b, const struct opt *o)
{
	char name[OPT_NAME_MAX];

	if (o->letter)
		buf_printf(b, "-%c, ", o->letter);
	else
		buf_puts(b, "    ");
	buf_printf(b, "--%s", opt_name(o, name));
	if (opt_arg(o))
		buf_printf(b, " %s", opt_arg(o));
}

static size_t names_width(const struct opt *opts)
{
	size_t width = strlen("-h, --help");

	for (const struct opt *o = opts; o && o->field; o++) {
		SCOPED(buf_fini) struct buf b = { 0 };

		put_names(&b, o);
		width = MAX(width, b.len);
	}
	return width;
}

static void put_default(struct buf *b, const struct opt *o)
{
	const char *s = o->default_text ? o->default_text : o->fallback;

	if (s)
		buf_printf(b, " [%s]", s);
}

static void put_opts(struct buf *b, const struct opt *opts)
{
	size_t width = names_width(opts);

	buf_puts(b, "\noptions:\n");
	for (const struct opt *o = opts; o && o->field; o++) {
		SCOPED(buf_fini) struct buf names = { 0 }, value = { 0 };

		put_names(&names, o);
		put_default(&value, o);
		if (width + strlen(o->text) + value.len + 4 > HELP_COLUMNS)
			buf_clear(&value); /* --help has it */
		buf_printf(b, "  %-*s  %s%s\n", (int)width, buf_str(&names), o->text,
			   buf_str(&value));
	}
	buf_printf(b, "  %-*s  this overview; --help says more\n", (int)width, "-h, --help");
}

static void put_usage(struct buf *b, const struct cmd *c)
{
	char name[64];

	buf_printf(b, "usage: ktstr %s", cmd_full_name(c, name, sizeof(name)));
	if (c->subs)
		buf_puts(b, " COMMAND");
	else
		buf_puts(b, " [options]");
	if (c->usage)
		buf_printf(b, " %s", c->usage);
	buf_printf(b, "\n%s\n", c->summary);
}

static void put_list(struct buf *b, const struct cmd *const *list)
{
	size_t width = 0;

	for (const struct cmd *const *c = list; *c; c++)
		width = MAX(width, strlen((*c)->name));
	buf_puts(b, "\ncommands:\n");
	for (const struct cmd *const *c = list; *c; c++)
		buf_printf(b, "  %-*s  %s\n", (int)width, (*c)->name, (*c)->summary);
}

void help_overview(struct buf *b)
{
	buf_puts(b,
		 "usage: ktstr COMMAND [options] [arguments]\n"
		 "tests Linux process schedulers: each test boots its own kernel in its own VM\n");
	put_list(b, cmd_list);
	buf_puts(b, "\n'ktstr COMMAND -h' lists a command's options, '--help' explains them\n");
}

void help_short(const struct cmd *c, struct buf *b)
{
	put_usage(b, c);
	if (c->subs)
		put_list(b, c->subs);
	else
		put_opts(b, c->opts);
}

void help_wrap(struct buf *b, const char *text, size_t indent)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " \n");

		if (column && column + 1 + n > HELP_COLUMNS) {
			buf_putc(b, '\n');
			column = 0;
		}
		if (n)
			buf_printf(b, "%*s%.*s", column ? 1 : (int)indent, "", (int)n, text);
		column += n ? (column ? 1 : indent) + n : 0;
		text += n;
		if (*text == '\n') {
			buf_putc(b, '\n');
			column = 0;
		}
		text += *text != 0;
	}
	if (column)
		buf_putc(b, '\n');
}

static void put_choices(struct buf *b, const struct opt *o)
{
	buf_printf(b, "%8sone of", "");
	for (size_t i = 0; o->names[i]; i++)
		buf_printf(b, "%s %s", i ? "," : "", o->names[i]);
	buf_putc(b, '\n');
}

static void put_long_opts(struct buf *b, const struct opt *opts)
{
	if (opts && opts->field)
		buf_puts(b, "\noptions:\n");
	for (const struct opt *o = opts; o && o->field; o++) {
		buf_puts(b, "  ");
		put_names(b, o);
		buf_printf(b, "\n%8s%s", "", o->text);
		put_default(b, o);
		buf_putc(b, '\n');
		if (o->kind == OPT_CHOICE)
			put_choices(b, o);
		if (o->more)
			help_wrap(b, o->more, 8);
	}
}

static void put_exits(struct buf *b, const struct cmd_exit *exits)
{
	buf_puts(b, "\nexit status:\n");
	for (; exits->text; exits++)
		buf_printf(b, "  %3d  %s\n", exits->code, exits->text);
}

static void put_examples(struct buf *b, const struct cmd_example *examples)
{
	if (examples)
		buf_puts(b, "\nexamples:\n");
	for (; examples && examples->command; examples++) {
		buf_printf(b, "  %s\n", examples->command);
		help_wrap(b, examples->text, 8);
	}
}

void help_long(const struct cmd *c, struct buf *b)
{
	put_usage(b, c);
	if (c->about) {
		buf_putc(b, '\n');
		help_wrap(b, c->about, 0);
	}
	if (c->subs)
		put_list(b, c->subs);
	else
		put_long_opts(b, c->opts);
	put_examples(b, c->examples);
	put_exits(b, c->exits ? c->exits : cmd_exits_default);
}
