/* SPDX-License-Identifier: GPL-2.0-only */
/* Manual pages, made of the command tables when the build runs `ktstr __man [COMMAND]`. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "cli/cmd.h"

/* What the environment decides. tests/unit/man.py finds what is read and not listed here. */
static const struct {
	const char *name, *text;
} environment[] = {
	{ "KTSTR_CACHE_DIR", "where kernels and image parts are kept; replaces the next two" },
	{ "XDG_CACHE_HOME", "the cache is its folder ktstr" },
	{ "HOME", "without either, the cache is .cache/ktstr in it" },
	{ "XDG_RUNTIME_DIR",
	  "its folder ktstr has the locks on host CPUs, and what is known of KVM and QEMU" },
	{ "KTSTR_DEBIAN_MIRROR", "where Debian kernels are fetched from" },
	{ "KTSTR_DEBIAN_KEYRING", "which keys may have signed them" },
	{ "KTSTR_CONTENTION_BYPASS",
	  "1: a host short of descriptors or memory is no reason to skip, unless near a limit" },
	{ "KTSTR_SLOW", "how many times as long as others this host takes: limits in real time are "
			"so much longer" },
	{ "KTSTR_SYSROOT", "where shared libraries of guests of another architecture are" },
	{ "KTSTR", "the ktstr that a test binary starts when it is executed itself" },
	{ "INSTALL_MOD_PATH", "where a kernel tree's modules were installed, as for make" },
	{ "PATH", "where QEMU, schedulers and programs to include are looked for" },
	{ "TERM", "\"dumb\" or nothing: no progress line, no colour" },
	{ "NO_COLOR", "set to anything: no colour" },
};

static void put_text(struct buf *b, const char *s)
{
	for (bool start = true; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			buf_puts(b, "\\&");
		if (*s == '\\')
			buf_puts(b, "\\e");
		else if (*s == '-')
			buf_puts(b, "\\-");
		else
			buf_putc(b, *s);
		start = *s == '\n';
	}
}

/* Paragraphs are separated by an empty line. */
static void put_paragraphs(struct buf *b, const char *s)
{
	while (*s) {
		const char *end = strstr(s, "\n\n");
		SCOPED(mem_free) char *one = strndup(s, end ? (size_t)(end - s) : strlen(s));

		put_text(b, one ? one : "");
		buf_putc(b, '\n');
		s = end ? end + 2 : s + strlen(s);
		if (*s)
			buf_puts(b, ".PP\n");
	}
}

static void put_font(struct buf *b, char font, const char *s)
{
	buf_printf(b, "\\f%c", font);
	put_text(b, s);
	buf_puts(b, "\\fR");
}

static void put_option_names(struct buf *b, const struct opt *o)
{
	const char letter[] = { '-', o->letter, 0 };
	char name[OPT_NAME_MAX + 2] = "--";

	opt_name(o, name + 2);
	if (o->letter) {
		put_font(b, 'B', letter);
		buf_puts(b, ", ");
	}
	put_font(b, 'B', name);
	if (opt_arg(o)) {
		buf_putc(b, ' ');
		put_font(b, 'I', opt_arg(o));
	}
	buf_putc(b, '\n');
}

static void put_opts(struct buf *b, const struct opt *opts)
{
	for (const struct opt *o = opts; o && o->field; o++) {
		const char *fallback = o->default_text ? o->default_text : o->fallback;

		buf_puts(b, ".TP\n");
		put_option_names(b, o);
		put_text(b, o->text);
		if (fallback) {
			buf_puts(b, " [");
			put_text(b, fallback);
			buf_putc(b, ']');
		}
		buf_putc(b, '\n');
		for (size_t i = 0; o->kind == OPT_CHOICE && o->names[i]; i++) {
			buf_puts(b, i ? ", " : ".br\none of ");
			put_font(b, 'B', o->names[i]);
		}
		if (o->kind == OPT_CHOICE)
			buf_putc(b, '\n');
		if (o->more) {
			buf_puts(b, ".br\n");
			put_text(b, o->more);
			buf_putc(b, '\n');
		}
	}
}

static void put_synopsis(struct buf *b, const struct cmd *c)
{
	char name[64], full[80];

	snprintf(full, sizeof(full), "ktstr %s", cmd_full_name(c, name, sizeof(name)));
	put_font(b, 'B', full);
	buf_puts(b, c->subs ? " \\fICOMMAND\\fR" : c->opts ? " [\\fIoptions\\fR]" : "");
	if (c->usage) {
		buf_putc(b, ' ');
		put_font(b, 'I', c->usage);
	}
	buf_putc(b, '\n');
}

static void put_subs(struct buf *b, const struct cmd *const *subs)
{
	if (subs)
		buf_puts(b, ".SH COMMANDS\n");
	for (; subs && *subs; subs++) {
		buf_puts(b, ".SS ");
		put_synopsis(b, *subs);
		put_text(b, (*subs)->summary);
		buf_putc(b, '\n');
		if ((*subs)->about) {
			buf_puts(b, ".PP\n");
			put_paragraphs(b, (*subs)->about);
		}
		put_opts(b, (*subs)->opts);
	}
}

static void put_exits(struct buf *b, const struct cmd_exit *exits)
{
	buf_puts(b, ".SH EXIT STATUS\n");
	for (; exits->text; exits++) {
		buf_printf(b, ".TP\n.B %d\n", exits->code);
		put_text(b, exits->text);
		buf_putc(b, '\n');
	}
}

static void put_example(struct buf *b, const struct cmd_example *x)
{
	buf_puts(b, ".TP\n");
	put_font(b, 'B', x->command);
	buf_putc(b, '\n');
	put_text(b, x->text);
	buf_putc(b, '\n');
}

static void put_examples(struct buf *b, const struct cmd *c)
{
	bool any = c->examples;

	for (const struct cmd *const *s = c->subs; s && *s; s++)
		any |= (*s)->examples != NULL;
	if (any)
		buf_puts(b, ".SH EXAMPLES\n");
	for (const struct cmd_example *x = c->examples; x && x->command; x++)
		put_example(b, x);
	for (const struct cmd *const *s = c->subs; s && *s; s++)
		for (const struct cmd_example *x = (*s)->examples; x && x->command; x++)
			put_example(b, x);
}

static void put_head(struct buf *b, const char *page, const char *summary)
{
	buf_puts(b, ".TH ");
	put_text(b, page);
	buf_printf(b, " 1 \"\" \"ktstr %s\" \"ktstr manual\"\n.nh\n.ad l\n.SH NAME\n",
		   ktstr_version);
	put_text(b, page);
	buf_puts(b, " \\- ");
	put_text(b, summary);
	buf_puts(b, "\n.SH SYNOPSIS\n");
}

static void put_see_also(struct buf *b, const struct cmd *self)
{
	bool first = true;

	buf_puts(b, ".SH SEE ALSO\n");
	if (self) {
		buf_puts(b, ".BR ktstr (1)\n");
		return;
	}
	for (const struct cmd *const *c = cmd_list; *c; c++, first = false)
		buf_printf(b, "%s.BR ktstr\\-%s (1)", first ? "" : ",\n", (*c)->name);
	buf_putc(b, '\n');
}

static void put_overview(struct buf *b)
{
	put_head(b, "ktstr", "test Linux process schedulers in virtual machines");
	buf_puts(b, "\\fBktstr\\fR \\fICOMMAND\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]\n"
		    ".br\n\\fBktstr \\-\\-version\\fR\n.SH DESCRIPTION\n");
	put_paragraphs(b, "Every test boots its own kernel in its own virtual machine whose CPU "
			  "topology is part of the test, puts a declared load on it, watches from "
			  "inside and from outside, and gives one of four verdicts: pass, fail, "
			  "inconclusive, skip.\n\n"
			  "Options may stand before or after arguments, as --name VALUE or "
			  "--name=VALUE; -- ends them. Every command explains itself with -h "
			  "(briefly) and --help.");
	buf_puts(b, ".SH COMMANDS\n");
	for (const struct cmd *const *c = cmd_list; *c; c++)
		put_example(b, &(struct cmd_example){ (*c)->name, (*c)->summary });
	put_exits(b, cmd_exits_test);
	buf_puts(b, ".SH ENVIRONMENT\n");
	for (size_t i = 0; i < ARRAY_SIZE(environment); i++)
		put_example(b, &(struct cmd_example){ environment[i].name, environment[i].text });
}

void man_page(const struct cmd *c, struct buf *b)
{
	char page[64];

	if (!c) {
		put_overview(b);
		put_see_also(b, NULL);
		return;
	}
	snprintf(page, sizeof(page), "ktstr-%s", c->name);
	put_head(b, page, c->summary);
	put_synopsis(b, c);
	if (c->about) {
		buf_puts(b, ".SH DESCRIPTION\n");
		put_paragraphs(b, c->about);
	}
	if (c->opts)
		buf_puts(b, ".SH OPTIONS\n");
	put_opts(b, c->opts);
	put_subs(b, c->subs);
	put_exits(b, c->exits ? c->exits : cmd_exits_default);
	put_examples(b, c);
	put_see_also(b, c);
}
