/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels: names to entries of a content-addressed cache that is safe under concurrent use. */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scoped.h"
#include "machine/arch.h"

struct err;

/* Progress sentences of long operations, e.g. "fetching linux-image-...: 14 MB"; may be NULL. */
struct catalog_progress {
	void (*say)(void *ctx, const char *text);
	void *ctx;
};

/* A kernel ready to boot. While it lives a shared lock keeps the entry from being removed. */
struct kernel {
	char key[65];	   /* SHA-256 of the contents, hex */
	char name[160];	   /* how to show it: "debian 7.3.4 cloud-amd64", or the path's base name */
	char version[128]; /* uname -r */
	char source
		[256]; /* how it came: "debian:trixie-backports:cloud linux-image-... 7.3.4-1~bpo13+1" */
	enum arch arch;
	char *boot_path;     /* directly bootable: ELF vmlinux or Image */
	char *modules_dir;   /* .../lib/modules/VERSION, NULL if none are known */
	char *config_path;   /* .config, NULL */
	char *system_map;    /* NULL */
	uint64_t size_bytes; /* of the entry on disk */
	uint64_t fetched_at; /* seconds since the epoch */
	uint64_t used_at;
	int lock_fd;
};

void kernel_fini(struct kernel *k);
DEFINE_SCOPED_FINI(struct kernel, kernel_fini)

struct catalog; /* one cache directory */

/* @dir NULL: $KTSTR_CACHE_DIR, else $XDG_CACHE_HOME/ktstr, else $HOME/.cache/ktstr. Creates it. */
int catalog_open(const char *dir, struct catalog **ret, struct err *e);
void catalog_close(struct catalog *c);
DEFINE_SCOPED(struct catalog *, catalog_close)
const char *catalog_dir(const struct catalog *c);
/* 0, or what is missing on this machine for kernels to be fetched; does not ask the network. */
int catalog_can_fetch(const struct catalog *c, struct err *e);

#define KERNEL_DEFAULT "debian:trixie-backports:cloud"

/*
 * Resolves @spec for guests of @a: NULL or "" = KERNEL_DEFAULT; "debian[:SUITE][:FLAVOUR]" (newest
 * of that suite known to the cache; fetched if there is none); a path to bzImage, Image, vmlinux or
 * a build tree (unpacked form cached by content, the file itself is not copied); a cache key or
 * unique prefix of one (>= 6 digits).
 */
int catalog_resolve(struct catalog *c, const char *spec, enum arch a,
		    const struct catalog_progress *p, struct kernel *ret, struct err *e);
/* Like resolve, but asks the source for something newer first (debian:...). *ret_new says if it was. */
int catalog_fetch(struct catalog *c, const char *spec, enum arch a,
		  const struct catalog_progress *p, struct kernel *ret, bool *ret_new,
		  struct err *e);
/* Copies a kernel (and modules directory, may be NULL) of one's own into the cache. */
int catalog_import(struct catalog *c, const char *path, const char *modules_dir, const char *name,
		   struct kernel *ret, struct err *e);

struct kernel_list {
	struct kernel *at;
	size_t nr;
};
void kernel_list_fini(struct kernel_list *l);
DEFINE_SCOPED_FINI(struct kernel_list, kernel_list_fini)
/* Newest use first. Damaged entries are not listed; their number goes to *ret_damaged. */
int catalog_list(struct catalog *c, struct kernel_list *ret, size_t *ret_damaged, struct err *e);
/* -EBUSY while somebody uses it (holder named in @e). */
int catalog_remove(struct catalog *c, const char *key_or_prefix, struct err *e);
/*
 * Removes damaged entries, abandoned temporaries, superseded Debian kernels, stale image parts and
 * snapshots of machines, what was not used for @unused_days, records of runs older than that (but
 * never the newest @keep_runs) and what only they needed.
 */
int catalog_gc(struct catalog *c, uint32_t unused_days, uint32_t keep_runs, bool dry_run,
	       uint64_t *ret_bytes, const struct catalog_progress *p, struct err *e);

/* Debian's static busybox for guests of @a, fetched the same way; path owned by the catalog. */
int catalog_busybox(struct catalog *c, enum arch a, const struct catalog_progress *p,
		    const char **ret, struct err *e);

#endif
