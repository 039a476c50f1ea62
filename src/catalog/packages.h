/* SPDX-License-Identifier: GPL-2.0-only */
/* Which packages one kernel is spread over. */
#ifndef CATALOG_PACKAGES_H
#define CATALOG_PACKAGES_H

#include <stddef.h>
#include <stdint.h>

struct err;

struct package {
	char name[128];
	char version[128];
	uint64_t size; /* of the download, 0 = not known yet */
};

#define PACKAGES_MAX 16
struct packages {
	struct package at[PACKAGES_MAX];
	size_t nr;
};

/*
 * Adds to @all the kernel packages that the records in @text (as in a Packages file) depend on with
 * an exact version, and the sizes of those whose records are there. Up to Linux 6.18 one package has
 * everything; since 7.0 an empty one depends on the parts.
 */
int packages_follow(const char *text, struct packages *all, struct err *e);

#endif
