/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/cache.h"
#include "catalog/lock.h"
#include "catalog/objects.h"
#include "catalog/tree.h"

/* A key has the form of an object's name: both are SHA-256. */
_Static_assert(SNAPSHOT_KEY_LEN == OBJECT_NAME_LEN, "a key is checked as a name");

static int check_key(const char *key, struct err *e)
{
	return object_name_is_good(key)
		       ? 0
		       : err_set(e, -EINVAL, "snapshot \"%.80s\": a key has %d digits 0-9 a-f", key,
				 SNAPSHOT_KEY_LEN);
}

int snapshot_hold(struct catalog *c, const char *key, uint64_t wait_ns, const struct patience *how,
		  int *ret_lock, struct err *e)
{
	struct path lock = cache_path(c, "/locks/" SNAPSHOT_LOCK "%.64s.lock", key);
	char what[32];
	int r = check_key(key, e);

	if (!r)
		r = cache_check_writable(c, e);
	if (r < 0)
		return r;
	snprintf(what, sizeof(what), "snapshot %.12s", key);
	return lock_take(lock.s, LOCK_EX, wait_ns, what, how, ret_lock, e);
}

int snapshot_open(struct catalog *c, const char *key, int *ret_fd, struct err *e)
{
	struct path p = cache_path(c, "/snapshots/%.64s", key);
	SCOPED(close_fd) int fd = -1;
	struct stat st;
	int r = check_key(key, e);

	if (r < 0)
		return r;
	/* without waiting for the writer of a pipe that somebody put there */
	fd = open(p.s, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, -errno, "snapshot %.12s", key);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EBADMSG, "snapshot %.12s: no regular file", key);
	/* The stamp of last use; in a cache of somebody else's there is none to keep. */
	(void)!futimens(fd, NULL);
	*ret_fd = hand_over_fd(&fd);
	return 0;
}

int snapshot_put(struct catalog *c, const char *key, int fd, struct err *e)
{
	struct path to = cache_path(c, "/snapshots/%.64s", key);
	struct stat st;
	int r = check_key(key, e);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "snapshot %.12s", key);
	return cache_put_file(c, &to, fd, (uint64_t)st.st_size, e);
}

void snapshot_drop(struct catalog *c, const char *key)
{
	if (!check_key(key, NULL))
		(void)!unlink(cache_path(c, "/snapshots/%s", key).s);
}

/* ---- how many there are ---- */

struct snapshot {
	char key[SNAPSHOT_KEY_LEN + 1];
	struct timespec used;
	uint64_t bytes;
};

struct snapshots {
	struct snapshot *at;
	size_t nr;
	uint64_t bytes;
};

static void snapshots_fini(struct snapshots *l)
{
	free(l->at);
}
DEFINE_SCOPED_FINI(struct snapshots, snapshots_fini)

static int compare_times(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec ? -1 : 1;
	return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

/* Several may be used within a second, so the stamp is taken from the file again. */
static int add_snapshot(void *ctx, const struct tree_file *f, struct err *e)
{
	struct snapshots *l = ctx;
	struct stat st;

	if (!object_name_is_good(f->name) || lstat(f->path, &st) < 0)
		return 0;
	struct snapshot *more = reallocarray(l->at, l->nr + 1, sizeof(*l->at));
	if (!more)
		return -ENOMEM;
	l->at = more;
	struct snapshot *s = &more[l->nr++];
	memcpy(s->key, f->name, sizeof(s->key));
	s->used = compare_times(&st.st_atim, &st.st_mtim) > 0 ? st.st_atim : st.st_mtim;
	s->bytes = f->disk_bytes;
	l->bytes += s->bytes;
	return 0;
}

static int oldest_use_first(const void *a, const void *b)
{
	const struct snapshot *x = a, *y = b;

	return compare_times(&x->used, &y->used);
}

void snapshots_trim_to(struct catalog *c, uint64_t max_bytes)
{
	SCOPED(snapshots_fini) struct snapshots l = { 0 };

	/* where one vanishes meanwhile the list ends: somebody else is at it */
	tree_walk(cache_path(c, "/snapshots").s, add_snapshot, &l, NULL);
	if (l.bytes <= max_bytes)
		return;
	qsort(l.at, l.nr, sizeof(*l.at), oldest_use_first);
	for (size_t i = 0; i < l.nr && l.bytes > max_bytes; i++) {
		snapshot_drop(c, l.at[i].key);
		l.bytes -= l.at[i].bytes;
	}
}

void snapshots_trim(struct catalog *c)
{
	snapshots_trim_to(c, SNAPSHOTS_MAX_BYTES);
}
