/* SPDX-License-Identifier: GPL-2.0-only */
/* Command line options as tables: the row says everything, parsing neither prints nor exits. */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/*
 * The type of the field decides what an option is, so a row cannot lie:
 *
 *	bool			flag, takes no value
 *	const char *		text; NULL when not given
 *	struct opt_list		text, any number of times; nr = 0 when not given
 *	struct opt_u32, opt_u64	decimal number
 *	struct opt_hex		hexadecimal number, 0x optional (seeds)
 *	struct opt_size		bytes: 512M, 2G; a bare number counts in .unit
 *	struct opt_duration	nanoseconds: 30s, 250ms, 2m; a bare number is seconds
 *	struct opt_choice	index into .names
 *
 * .given tells what the user said from what .fallback put there.
 */
struct opt_list {
	const char **at;
	size_t nr;
};
struct opt_u32 {
	uint32_t v;
	bool given;
};
struct opt_u64 {
	uint64_t v;
	bool given;
};
struct opt_hex {
	uint64_t v;
	bool given;
};
struct opt_size {
	uint64_t v;
	bool given;
};
struct opt_duration {
	uint64_t v;
	bool given;
};
struct opt_choice {
	uint32_t v;
	bool given;
};

enum opt_kind {
	OPT_FLAG,
	OPT_TEXT,
	OPT_LIST,
	OPT_U32,
	OPT_U64,
	OPT_HEX,
	OPT_SIZE,
	OPT_DURATION,
	OPT_CHOICE,
	NR_OPT_KINDS,
};

/* What the shell offers for a value or an argument. OPT_CHOICE completes its names by itself. */
enum complete {
	COMPLETE_NOTHING,
	COMPLETE_FILE,
	COMPLETE_DIR,
	COMPLETE_KERNEL,   /* cache keys, debian:..., files */
	COMPLETE_TOPOLOGY, /* presets */
	COMPLETE_RUN,	   /* ids of recorded runs */
	COMPLETE_ARCH,
	COMPLETE_FORMAT,  /* names of output formats */
	COMPLETE_COMMAND, /* names of ktstr's commands */
};

struct opt {
	const char *field; /* "vm.no_skip" is --no-skip */
	enum opt_kind kind;
	size_t offset;
	const char *text;	  /* one line of help, lower case, no full stop */
	char letter;		  /* short name, 0 = none */
	const char *arg;	  /* what the value is called: "KERNEL"; kinds have a default */
	const char *fallback;	  /* parsed as if given, shown in the help */
	const char *default_text; /* shown instead of fallback, where only words can say it */
	const char *const *names; /* of an OPT_CHOICE, NULL-terminated */
	const char *not_with;	  /* long name of an option that excludes this one */
	const char *more;	  /* sentences for --help and the man page */
	uint64_t unit;		  /* bytes a bare size counts in; 0 = 1 */
	enum complete complete;
};

/* clang-format off */
#define OPT_KIND_OF(f) \
	_Generic((f), bool: OPT_FLAG, const char *: OPT_TEXT, struct opt_list: OPT_LIST, \
		 struct opt_u32: OPT_U32, struct opt_u64: OPT_U64, struct opt_hex: OPT_HEX, \
		 struct opt_size: OPT_SIZE, struct opt_duration: OPT_DURATION, \
		 struct opt_choice: OPT_CHOICE)
/* clang-format on */

/* OPT(struct run_args, memory, "guest memory", 'm', .arg = "SIZE", .unit = 1 << 20) */
#define OPT(args, name, ...) \
	{ .field = #name, \
	  .kind = OPT_KIND_OF(((args *)0)->name), \
	  .offset = offsetof(args, name), \
	  .text = __VA_ARGS__ }
#define OPT_END { .field = NULL }

/* Long name into @buf: last component of the field, "_" as "-". Returns @buf. */
#define OPT_NAME_MAX 40
const char *opt_name(const struct opt *o, char buf[OPT_NAME_MAX]);
/* The row of long name @name, or NULL. */
const struct opt *opt_find(const struct opt *opts, const char *name);
const struct opt *opt_find_letter(const struct opt *opts, char letter);
/* What the value is called in help texts; NULL for flags. */
const char *opt_arg(const struct opt *o);

/* What is left after the options. */
struct opt_rest {
	int argc;
	char **argv; /* inside the argv that was parsed */
	enum { OPT_HELP_NONE, OPT_HELP_SHORT, OPT_HELP_LONG } help;
};

/*
 * Parses argv[0..argc) (no program name) into @args, which is zeroed by the caller. argv is
 * reordered; texts point into it. "--" ends options, and so does the first argument if
 * @first_ends. -h and --help stop parsing and are told in @ret. Even after an error call
 * opt_fini(). -EINVAL with a sentence; -ENOMEM.
 */
int opt_parse(const struct opt *opts, bool first_ends, int argc, char **argv, void *args,
	      struct opt_rest *ret, struct err *e);
void opt_fini(const struct opt *opts, void *args);

#endif
