/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the catalog: where things lie in the cache directory, and how entries come and go. */
#ifndef CATALOG_CACHE_H
#define CATALOG_CACHE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scoped.h"
#include "catalog/catalog.h"
#include "catalog/metadata.h"

struct err;

/*
 * Below the cache directory:
 *   kernels/KEY/   finished entries; a name appears there only by rename(2)
 *   locks/         lock files; readers of an entry hold KEY.lock shared
 *   tmp/           drafts; each directory is locked by its maker, so an unlocked one is abandoned
 *   debian/        private apt roots, one per suite and architecture
 *   busybox/ARCH/  Debian's static busybox
 *   parts/         belongs to src/image
 *   objects/SHA    files named by their contents (catalog/objects.h)
 *   known/         hashes of files that need not be read again
 *   runs/ID/       records of runs (catalog/runs.h)
 *   snapshots/KEY  machines as they were frozen (catalog/snapshots.h); who makes one holds
 *                  locks/snapshot-KEY.lock, who reads one holds nothing
 */
struct catalog {
	char *dir;
	int read_only; /* negative errno: why nothing can be written; 0 = it can */
	char *busybox[NR_ARCHES];
};

#define KEY_LEN 64
#define KEY_PREFIX_MIN 6
#define LOCK_WAIT_NS (10ull * 1000000000)

/* A path by value. One that did not fit is "", which no system call accepts. */
struct path {
	char s[PATH_MAX];
};
struct path path_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Below the cache directory. */
struct path cache_path(const struct catalog *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* 0, or why the cache cannot be written, with what to do about it. */
int cache_check_writable(const struct catalog *c, struct err *e);
/* Names the cache directory in @e and, when the disk is full, what helps. Returns @r. */
int cache_write_failed(const struct catalog *c, int r, struct err *e);

void progress_say(const struct catalog_progress *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A directory below tmp/ that is ours until it is published or dropped. */
struct draft {
	char *dir;
	int lock_fd;
};
#define DRAFT_NONE ((struct draft){ .lock_fd = -1 })
void draft_fini(struct draft *d); /* removes what was not published */
DEFINE_SCOPED_FINI(struct draft, draft_fini)
int draft_open(struct catalog *c, struct draft *ret, struct err *e);
/* Removes drafts whose maker is gone. Adds their size to *bytes (may be NULL). */
int draft_sweep(struct catalog *c, bool dry_run, uint64_t *bytes, struct err *e);
/*
 * The first @size bytes of @fd become the file @to of the cache. The name appears, or changes what it
 * leads to, when the file is whole.
 */
int cache_put_file(struct catalog *c, const struct path *to, int fd, uint64_t size, struct err *e);

/*
 * Turns a draft with its parts in place into the entry @m->key, or drops it when a good entry of that
 * key exists already. *ret is the entry, locked for reading.
 */
int entry_publish(struct catalog *c, struct draft *d, struct metadata *m, struct kernel *ret,
		  bool *ret_new, struct err *e);
/* Locked for reading and checked. -ENOENT: no such entry; -EBADMSG: damaged, with the reason. */
int entry_open(struct catalog *c, const char *key, struct kernel *ret, struct err *e);
/* The same without a lock: for showing, not for using. */
int entry_peek(struct catalog *c, const char *key, struct kernel *ret, struct err *e);
/* Only what it says about itself; whether its files are good is not looked at. */
int entry_metadata(struct catalog *c, const char *key, struct metadata *ret, struct err *e);
/* Replaces what the entry says about itself; the sizes and the key stay. */
int entry_relabel(struct catalog *c, const struct metadata *m, struct err *e);
/* Makes it disappear at once, then frees the space. -EBUSY names who uses it. */
int entry_remove(struct catalog *c, const char *key, struct err *e);
uint64_t tree_size(const char *dir); /* bytes on disk */

/* Names of all entries, damaged ones too, in order. */
struct key_list {
	char (*at)[KEY_LEN + 1];
	size_t nr;
};
void key_list_fini(struct key_list *l);
DEFINE_SCOPED_FINI(struct key_list, key_list_fini)
int cache_keys(const struct catalog *c, struct key_list *ret, struct err *e);
/* The one key that @prefix starts. -EINVAL: no key or too short; -ENOENT; -EEXIST: several. */
int cache_find_key(const struct catalog *c, const char *prefix, char ret[KEY_LEN + 1],
		   struct err *e);

#endif
