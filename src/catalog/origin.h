/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel as files somewhere: the image and what lies beside it, and how an entry is made of them. */
#ifndef CATALOG_ORIGIN_H
#define CATALOG_ORIGIN_H

#include <stdbool.h>

#include "catalog/cache.h"

struct err;

/* Paths are "" where there is nothing. */
struct origin {
	struct path image, config, map, modules;
	char release[128];
	enum arch arch;
};

/*
 * @path: a kernel file, or a build tree (then the image for @want is taken). Modules, configuration
 * and map are looked for where distributions and build trees keep them.
 */
int origin_find(const char *path, const enum arch *want, struct origin *ret, struct err *e);

/* Whether the origin's files are moved into the entry or belong to somebody else. */
enum origin_use { ORIGIN_MOVE, ORIGIN_COPY };

/* Fills @m's sizes, key, release and architecture, and publishes. */
int origin_store(struct catalog *c, struct draft *d, const struct origin *o, enum origin_use use,
		 struct metadata *m, struct kernel *ret, bool *ret_new, struct err *e);
/* Only the bootable form is stored, under the key of the image alone; nothing if the image is that. */
int origin_resolve(struct catalog *c, const struct origin *o, const struct catalog_progress *p,
		   struct kernel *ret, struct err *e);

#endif
