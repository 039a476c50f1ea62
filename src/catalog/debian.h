/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels out of Debian's archive. */
#ifndef CATALOG_DEBIAN_H
#define CATALOG_DEBIAN_H

#include <stdbool.h>

#include "catalog/cache.h"

struct err;

struct debian_flavour {
	const char *name;
	const char *infix; /* of the package: linux-image-INFIXarm64 */
};

struct debian_spec {
	char suite[48];
	const struct debian_flavour *flavour;
	enum arch arch;
};

/* "debian[:SUITE][:FLAVOUR]". -EINVAL with what is wrong. */
int debian_spec_parse(const char *text, enum arch arch, struct debian_spec *ret, struct err *e);

/* The newest good entry of @s, locked; -ENOENT if there is none. Damaged ones are told to @p. */
int debian_cached(struct catalog *c, const struct debian_spec *s, const struct catalog_progress *p,
		  struct kernel *ret, struct err *e);
/* Asks Debian. @only_missing: somebody else may have fetched one while we waited for the lock. */
int debian_fetch(struct catalog *c, const struct debian_spec *s, bool only_missing,
		 const struct catalog_progress *p, struct kernel *ret, bool *ret_new,
		 struct err *e);

#endif
