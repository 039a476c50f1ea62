/* SPDX-License-Identifier: GPL-2.0-only */
/* What a command of ktstr is, how it ends, and how it says what went wrong. */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/opt.h"

struct buf;
struct err;

/* How the process ends. 4 to 124 are never ours. */
enum exit_code {
	EXIT_PASSED = 0,
	EXIT_FAILED = 1,
	EXIT_INCONCLUSIVE = 2,
	EXIT_CANNOT_RUN = 3, /* usage, kernel, host */
	EXIT_HARNESS = 125,  /* `ktstr run` only, where other codes are the command's */
	EXIT_INTERRUPTED = 130,
};

struct cmd_exit {
	int code;
	const char *text; /* NULL ends the table */
};
struct cmd_example {
	const char *command; /* NULL ends the table */
	const char *text;
};

#define ARGS_ANY UINT32_MAX

/*
 * One command. Adding one: a file cmd_<name>.c with `const struct cmd cmd_<name>`, and <name> in the
 * list of src/cli/meson.build (the order there is the order in the help). Help, man page, completion
 * and usage errors all come from this struct. A command with subs has no main and no opts.
 *
 * main() gets the filled args struct and the arguments that are not options; it returns an enum
 * exit_code and never ends the process. opt_fini() is called for it.
 */
struct cmd {
	const char *name;
	const char *summary; /* one line, lower case, no full stop */
	const char *usage;   /* arguments as help shows them: "FILE..."; NULL = none */
	const char *about;   /* paragraphs for --help and man page, separated by an empty line */
	const struct opt *opts;
	size_t args_size;
	uint32_t min_args, max_args;
	bool first_ends; /* the first argument ends the options: the rest is a command line */
	enum complete complete; /* what arguments are */
	const struct cmd_example *examples;
	const struct cmd_exit *exits; /* NULL = cmd_exits_default */
	const struct cmd *const *subs;
	int (*main)(void *args, int argc, char **argv);
};

extern const struct cmd *const cmd_list[];	  /* NULL-terminated */
extern const struct cmd_exit cmd_exits_default[]; /* of commands that judge nothing */
extern const struct cmd_exit cmd_exits_test[];	  /* of those that do */
extern const char ktstr_version[];

/* By name in a NULL-terminated list (which may be NULL). */
const struct cmd *cmd_find(const struct cmd *const *list, const char *name);
/* "kernel fetch" for a subcommand, else its name. */
const char *cmd_full_name(const struct cmd *c, char *buf, size_t cap);

/* Prints "ktstr CMD: <e>" to stderr; returns EXIT_CANNOT_RUN, or EXIT_HARNESS if that is in ->exits. */
int cmd_fail(const struct cmd *c, const struct err *e);
/* Prints "ktstr CMD: ..." and where to look it up to stderr; returns the same. */
int cmd_usage_error(const struct cmd *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Prints all that @b holds; returns EXIT_PASSED, or fails if it is not all that there was. */
int cmd_print(const struct cmd *c, const struct buf *b);
/* Parses and runs: argv excludes the command's own name. */
int cmd_run_args(const struct cmd *c, int argc, char **argv);

/* Texts made of the tables. */
/* @text in lines of at most 79 columns, @indent blanks in front; newlines are kept. */
void help_wrap(struct buf *b, const char *text, size_t indent);
void help_overview(struct buf *b);
void help_short(const struct cmd *c, struct buf *b);
void help_long(const struct cmd *c, struct buf *b);
void man_page(const struct cmd *c, struct buf *b); /* NULL = ktstr(1) */

#endif
