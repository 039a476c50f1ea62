/* SPDX-License-Identifier: GPL-2.0-only */
/* All modules of a kernel by name. Private to this folder. */
#ifndef IMAGE_MODULE_INDEX_H
#define IMAGE_MODULE_INDEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/scoped.h"

struct err;
struct inputs;

struct module_row {
	char *name; /* canonical: "_", never "-" */
	char *path; /* below the directory; NULL = built in */
	char *deps; /* paths with blanks between, from modules.dep; NULL = see the file */
};

struct module_index {
	struct module_row *at;
	size_t nr, cap;
};

void module_index_fini(struct module_index *x);
DEFINE_SCOPED_FINI(struct module_index, module_index_fini)

/* Reads modules.builtin, and modules.dep or else the directory tree. */
int module_index_read(const char *dir, struct module_index *ret, struct inputs *in, struct err *e);
const struct module_row *module_index_find(const struct module_index *x, const char *name);

/* "kernel/net/a-b.ko.xz" or "a-b": a fresh "a_b"; NULL without memory. */
char *module_name_of(const char *path);

#endif
