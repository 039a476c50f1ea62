/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds one shared library the way ld.so(8) does. Private to this folder. */
#ifndef IMAGE_LIB_SEARCH_H
#define IMAGE_LIB_SEARCH_H

#include "base/buf.h"
#include "image/elf_needs.h"
#include "machine/arch.h"

struct err;
struct inputs;

/*
 * A directory or file that has one name on the host and another one in the guest. The host's name
 * counts from @root: "" or the sysroot.
 */
struct place {
	const char *root; /* borrowed */
	char *path;
	char *guest;
};

/* An ELF file of the right architecture. */
struct object {
	struct place dir; /* its $ORIGIN */
	char *guest;
	char *host;
	char *name; /* found by this name through the system's directories; else NULL */
	struct elf_needs needs;
	size_t loader; /* index of who asked for it first; its own for the first */
};

void object_fini(struct object *o);
DEFINE_SCOPED_FINI(struct object, object_fini)

struct lib_search {
	enum arch arch;
	const char *root; /* borrowed */
	struct inputs *in;
	bool system_read; /* the next two are filled */
	struct buf cache; /* ld.so.cache, empty if there is none */
	struct buf dirs;  /* of ld.so.conf, each with a NUL; only without a cache */
	char *other_arch; /* last file that was passed over for its architecture */
};

void lib_search_fini(struct lib_search *s);
DEFINE_SCOPED_FINI(struct lib_search, lib_search_fini)

/* All return 1 and fill *ret, or 0 if it is not there, or a negative errno. */

/* The file @path counted from @root, to be at @guest. */
int lib_search_file(struct lib_search *s, const char *root, const char *path, const char *guest,
		    struct object *ret, struct err *e);
/* In the directories of an RPATH or RUNPATH that stands in @owner. */
int lib_search_path(struct lib_search *s, const char *dirs, const struct object *owner,
		    const char *name, struct object *ret, struct err *e);
/* A name with a slash in it, as @owner has it. */
int lib_search_slashed(struct lib_search *s, const struct object *owner, const char *name,
		       struct object *ret, struct err *e);
/* Through ld.so.cache, or ld.so.conf, and the default directories. */
int lib_search_system(struct lib_search *s, const char *name, bool default_dirs, struct object *ret,
		      struct err *e);

/* Without "//", "." and ".."; fresh; NULL without memory. */
char *path_cleaned(const char *path);
/* The directory part of a clean path; fresh. */
char *path_directory(const char *path);

#endif
