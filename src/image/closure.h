/* SPDX-License-Identifier: GPL-2.0-only */
/* Which shared libraries an ELF program needs, as the dynamic loader of its system would find them. */
#ifndef IMAGE_CLOSURE_H
#define IMAGE_CLOSURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/scoped.h"
#include "machine/arch.h"

struct err;
struct inputs;

struct closure_file {
	char *guest_path; /* where the loader in the guest will look: "/lib64/ld-linux-x86-64.so.2" */
	char *host_path; /* without symlinks */
	char *name;	 /* the loader has to be told where this library is; NULL = it knows */
};

/* Interpreter and libraries, each once; the program itself is not in it. */
struct closure {
	struct closure_file *at;
	size_t nr;
};

void closure_fini(struct closure *c);
DEFINE_SCOPED_FINI(struct closure, closure_fini)

/*
 * Adds what @program (host path) needs to @c. @sysroot "" = the host's own; else every path
 * is looked for below it, and never outside of it, but for an $ORIGIN of a program that is not in it.
 * RPATH/RUNPATH with $ORIGIN and $LIB, ld.so.cache or ld.so.conf, multiarch default directories. A
 * script gets its interpreter's closure, and the interpreter itself as a file; "env NAME" gets NAME
 * too. Static programs add nothing.
 * -EXDEV: wrong architecture; -ENOENT: a library is missing (named, with who needs it); -ENOEXEC:
 * neither ELF nor script.
 */
struct closure_query {
	const char *program;
	const char *guest_path; /* where it will be in the guest, which is its $ORIGIN there */
	enum arch arch;
	const char *sysroot; /* never NULL */
	struct inputs *in;   /* gets what was looked at; may be NULL */
};
int closure_add(struct closure *c, const struct closure_query *q, struct err *e);

/* The sysroot to use for guests of @a when the user named none: "" for the host's architecture, else
 * $KTSTR_SYSROOT, then the folders tools/sysroot and Debian's cross packages make. NULL if none. */
const char *closure_default_sysroot(enum arch a);

#endif
