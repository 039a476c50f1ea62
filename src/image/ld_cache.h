/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * glibc's /etc/ld.so.cache, format "glibc-ld.so.cache1.1": which file a library name stands for.
 * Read from hosts and sysroots (hostile input), written for guests. Private to this folder.
 */
#ifndef IMAGE_LD_CACHE_H
#define IMAGE_LD_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "machine/arch.h"

struct err;

/* One line of the cache. */
struct ld_entry {
	const char *soname;
	const char *path;
};

/*
 * The path for @soname on @a in @cache, a file read into memory, or NULL. Entries for particular
 * CPUs are passed over: the guest's CPU is not the host's. Borrowed from @cache.
 */
const char *ld_cache_find(const void *cache, size_t len, const char *soname, enum arch a);

/* Appends a cache of these entries, which are sorted in place, to @out. */
void ld_cache_write(struct buf *out, struct ld_entry *entries, size_t nr, enum arch a);

#endif
