/* SPDX-License-Identifier: GPL-2.0-only */
/* Finding a program that guests of an architecture can run. */
#ifndef HARNESS_PROGRAM_H
#define HARNESS_PROGRAM_H

#include "harness/words.h"
#include "machine/arch.h"

/*
 * 0: guests of @a can run it (scripts count as such). -EXDEV: another architecture, -ENOEXEC: not a
 * program, -ENODATA: too short to be one, or the errno of opening it.
 */
int program_fits(const char *path, enum arch a);

/* Where the shared libraries of programs for @a come from: "" = the host, NULL = nowhere. */
const char *program_sysroot(enum arch a);

/* Directories to look in: one by format, or all of PATH. */
int program_add_place(struct words *places, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int program_add_path(struct words *places);

/*
 * The first fitting program of that name; a name with a slash is a path and looked for nowhere else.
 * -ENOENT, or -EXDEV with the path of one that is there but does not fit in *ret_misfit (may stay
 * NULL; the caller frees it).
 */
int program_find(const struct words *places, const char *name, enum arch a, char **ret,
		 char **ret_misfit);

#endif
