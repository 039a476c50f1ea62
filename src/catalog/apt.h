/* SPDX-License-Identifier: GPL-2.0-only */
/* apt in a root of its own below the cache: nothing on the host is read but keys and proxies. */
#ifndef CATALOG_APT_H
#define CATALOG_APT_H

#include <stdint.h>

#include "base/buf.h"
#include "catalog/cache.h"

/* One suite for one architecture. Held exclusively while open. */
struct apt {
	struct path dir, conf;
	char mirror[256];
	char label[128]; /* "debian trixie-backports (amd64)" */
	int lock_fd;
};
#define APT_NONE ((struct apt){ .lock_fd = -1 })
void apt_fini(struct apt *a);
DEFINE_SCOPED_FINI(struct apt, apt_fini)

/* Waits for whoever else uses the same root, and says so. */
int apt_open(struct catalog *c, const char *suite, enum arch arch, const struct catalog_progress *p,
	     struct apt *ret, struct err *e);
/* Package lists, signatures checked by apt; any part of them missing is an error. */
int apt_update(const struct apt *a, struct err *e);
/* Records of the candidates of @names (NULL-terminated), as in a Packages file. */
int apt_show(const struct apt *a, const char *const *names, struct buf *out, struct err *e);
/* "name=version" each, NULL-terminated; apt checks the hashes. The .deb files end up in @dir. */
int apt_download(const struct apt *a, const char *const *packages, const char *dir, struct err *e);
#endif
