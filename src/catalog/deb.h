/* SPDX-License-Identifier: GPL-2.0-only */
/* What is inside a Debian package. Its bytes are hostile even when signed. */
#ifndef CATALOG_DEB_H
#define CATALOG_DEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/*
 * Writes the regular files of a .deb that @wanted says yes to into @dir, which nobody else writes to.
 * Names are as in the package without a leading "./" and "usr/". Anything that tries to leave @dir,
 * more than @max_bytes in all, or a damaged archive is -EBADMSG and named.
 */
int deb_unpack(const void *data, size_t len, bool (*wanted)(const char *name), const char *dir,
	       uint64_t max_bytes, struct err *e);

/* The value of field @name in record @text of a Packages file; "" if there is none. */
size_t deb_field(const char *text, const char *name, const char **ret);

/* Debian Policy 5.6.12: negative, 0, positive as @a is older, the same, newer. */
int deb_version_compare(const char *a, const char *b);

#endif
