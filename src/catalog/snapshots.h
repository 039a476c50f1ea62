/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frozen machines in the cache: CACHE/snapshots/KEY is one that never changes. What KEY is made of and
 * what is in the file is the harness's business; whether the file is good shows when it is read.
 */
#ifndef CATALOG_SNAPSHOTS_H
#define CATALOG_SNAPSHOTS_H

#include <stdint.h>

struct catalog;
struct err;
struct patience;

/* 64 digits 0-9 a-f. Anything else is -EINVAL. */
#define SNAPSHOT_KEY_LEN 64
/* How the names of their lock files begin. */
#define SNAPSHOT_LOCK "snapshot-"
/* On disk, all of them. */
#define SNAPSHOTS_MAX_BYTES (2ull << 30)

/*
 * Waits until nobody else makes the snapshot @key, and keeps others from it until *ret_lock is closed.
 * @wait_ns and @how as for lock_take_patiently(): -EBUSY when that was not enough.
 */
int snapshot_hold(struct catalog *c, const char *key, uint64_t wait_ns, const struct patience *how,
		  int *ret_lock, struct err *e);
/*
 * -ENOENT: there is none; -EBADMSG: no file. Marks it as used now, where that is possible. What is
 * open stays readable whoever removes it.
 */
int snapshot_open(struct catalog *c, const char *key, int *ret_fd, struct err *e);
/* Copies all of @fd, from its start. One of the same key that is there already is replaced. */
int snapshot_put(struct catalog *c, const char *key, int fd, struct err *e);
/* A damaged one. */
void snapshot_drop(struct catalog *c, const char *key);

/*
 * The least recently used ones go until SNAPSHOTS_MAX_BYTES hold; who puts one calls this when it is
 * done. Never blocks; what cannot be removed now is removed another time.
 */
void snapshots_trim(struct catalog *c);
void snapshots_trim_to(struct catalog *c, uint64_t max_bytes); /* inside of it */

#endif
