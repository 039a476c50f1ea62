/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel modules: which files a set of names needs, in load order, uncompressed. */
#ifndef IMAGE_MODULE_H
#define IMAGE_MODULE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/scoped.h"

struct err;
struct inputs;

struct module_file {
	char *name; /* "virtio_mmio" */
	char *path; /* of the possibly compressed .ko below the modules directory */
};

struct module_list {
	struct module_file *at;
	size_t nr;
};

void module_list_fini(struct module_list *l);
DEFINE_SCOPED_FINI(struct module_list, module_list_fini)

/*
 * Adds each of @names (NULL-terminated; "-" and "_" are the same) and its dependencies, dependencies
 * first, each once. @dir is a modules directory (.../lib/modules/VERSION) with or without
 * modules.dep: Debian's packages have none before depmod, so "depends=" in .modinfo is read from the
 * files themselves. Built-in modules (modules.builtin) add nothing. Unknown: -ENOENT. What was looked
 * at goes to @in, which may be NULL.
 */
int module_closure(const char *dir, const char *const *names, struct module_list *l,
		   struct inputs *in, struct err *e);

/* Reads one module file, decompressing it if needed, into @out. */
int module_read(const char *path, struct buf *out, struct err *e);

#endif
