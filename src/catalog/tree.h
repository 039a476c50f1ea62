/* SPDX-License-Identifier: GPL-2.0-only */
/* Directory trees: walked in a fixed order, measured, copied, and the key of a kernel's contents. */
#ifndef CATALOG_TREE_H
#define CATALOG_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct tree_file {
	const char *path; /* as it can be opened */
	const char *name; /* below the directory walked */
	uint64_t size;
	uint64_t disk_bytes;
	uint64_t used_at; /* seconds since the epoch: written, or read where the mount keeps that */
};

/* Calls @fn for each regular file below @dir, in the order of their names, links not followed. */
int tree_walk(const char *dir, int (*fn)(void *ctx, const struct tree_file *f, struct err *e),
	      void *ctx, struct err *e);

struct tree_sum {
	uint64_t nr;
	uint64_t bytes;
	uint64_t disk_bytes;
};
int tree_measure(const char *dir, struct tree_sum *ret, struct err *e);

/*
 * Whether a file of this name below a modules directory is one of a kernel's modules or a list of
 * them. Distributions and build trees keep much else there.
 */
bool is_module_file(const char *name);
/* Copies those. @to is made. */
int tree_copy(const char *from, const char *to, struct err *e);
int file_copy(const char *from, const char *to, struct err *e);
int file_write(const char *to, const void *data, size_t len); /* a new file; negative errno */

/*
 * SHA-256 over the kernel file, its configuration and the names and contents of its modules; @config
 * and @modules may be NULL. So the same kernel has the same key wherever it came from.
 */
int kernel_key(const char *image, const char *config, const char *modules, char ret[65],
	       struct err *e);

#endif
