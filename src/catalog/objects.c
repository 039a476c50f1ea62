/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/cache.h"
#include "catalog/lock.h"

#define CHUNK (1u << 20)

bool object_name_is_good(const char *name)
{
	return strlen(name) == OBJECT_NAME_LEN &&
	       strspn(name, "0123456789abcdef") == OBJECT_NAME_LEN;
}

int objects_hold(struct catalog *c, int *ret_lock, struct err *e)
{
	struct path p = cache_path(c, "/locks/objects.lock");
	int r = cache_check_writable(c, e);

	return r < 0 ? r
		     : lock_take(p.s, LOCK_SH, LOCK_WAIT_NS, "objects of the cache", NULL, ret_lock,
				 e);
}

static void finish_hash(struct sha256_ctx *sha, char ret[OBJECT_NAME_LEN + 1])
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	sha256_digest(sha, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

int hash_fd(int fd, uint64_t size, char ret[OBJECT_NAME_LEN + 1])
{
	SCOPED(mem_free) uint8_t *chunk = malloc(CHUNK);
	struct sha256_ctx sha;

	if (!chunk)
		return -ENOMEM;
	sha256_init(&sha);
	for (uint64_t at = 0; at < size;) {
		size_t n = (size_t)MIN(size - at, (uint64_t)CHUNK);
		int r = pread_full(fd, chunk, n, at);

		if (r < 0)
			return r;
		sha256_update(&sha, n, chunk);
		at += n;
	}
	finish_hash(&sha, ret);
	return 0;
}

void hash_bytes(const void *data, size_t len, char ret[OBJECT_NAME_LEN + 1])
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, len, data);
	finish_hash(&sha, ret);
}

/* ---- what is known about files: CACHE/known/IDENTITY is a link that reads as the hash ---- */

static struct path known_path(const struct catalog *c, const struct stat *st)
{
	return cache_path(c, "/known/%jx-%jx-%jx-%jx.%lx-%jx.%lx", (uintmax_t)st->st_dev,
			  (uintmax_t)st->st_ino, (uintmax_t)st->st_size,
			  (uintmax_t)st->st_mtim.tv_sec, (unsigned long)st->st_mtim.tv_nsec,
			  (uintmax_t)st->st_ctim.tv_sec, (unsigned long)st->st_ctim.tv_nsec);
}

static bool is_known(const struct catalog *c, const struct stat *st, char ret[OBJECT_NAME_LEN + 1])
{
	char name[OBJECT_NAME_LEN + 2] = "";
	ssize_t n = readlink(known_path(c, st).s, name, sizeof(name) - 1);

	if (n != OBJECT_NAME_LEN || !object_name_is_good(name))
		return false;
	memcpy(ret, name, OBJECT_NAME_LEN + 1);
	return true;
}

/* Without it the file is read again next time: nothing to complain about. */
static void make_known(const struct catalog *c, int fd, const char *name)
{
	struct stat st;

	if (fstat(fd, &st) == 0)
		(void)!symlink(name, known_path(c, &st).s);
}

/* From what is known, or by reading it: then it is for the caller to make it known. */
static int name_of(const struct catalog *c, int fd, const char *path, char ret[OBJECT_NAME_LEN + 1],
		   uint64_t *ret_size, struct err *e)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, -errno, "%s", path);
	int r = is_known(c, &st, ret) ? 0 : hash_fd(fd, (uint64_t)st.st_size, ret);
	*ret_size = (uint64_t)st.st_size;
	return r < 0 ? err_sys(e, r, "%s", path) : 0;
}

int file_hash(struct catalog *c, const char *path, char ret[OBJECT_NAME_LEN + 1], struct err *e)
{
	SCOPED(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char name[OBJECT_NAME_LEN + 1];
	uint64_t size;
	int r = name_of(c, fd, path, name, &size, e);

	if (r < 0)
		return r;
	make_known(c, fd, name);
	memcpy(ret, name, sizeof(name));
	return 0;
}

/* ---- putting ---- */

static bool is_there(const struct path *p, uint64_t size)
{
	struct stat st;

	return lstat(p->s, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

/* One that has its name and another size is damaged. */
static int make_way(const struct path *p, uint64_t size)
{
	if (is_there(p, size))
		return 1;
	return unlink(p->s) < 0 && errno != ENOENT ? -errno : 0;
}

static bool put_link(const struct path *to, const char *same, uint64_t size)
{
	struct stat st;

	if (lstat(same, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return false;
	return link(same, to->s) == 0 || is_there(to, size);
}

int object_put_fd(struct catalog *c, const char *name, int fd, uint64_t size, const char *same,
		  struct err *e)
{
	struct path to = cache_path(c, "/objects/%s", name);
	int r = cache_check_writable(c, e);

	if (r < 0)
		return r;
	r = make_way(&to, size);
	if (r < 0)
		return cache_write_failed(c, r, e);
	if (r == 1 || (same && put_link(&to, same, size)))
		return 0;
	return cache_put_file(c, &to, fd, size, e);
}

int object_put_file(struct catalog *c, const char *path, char ret[OBJECT_NAME_LEN + 1],
		    struct err *e)
{
	SCOPED(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char name[OBJECT_NAME_LEN + 1];
	uint64_t size;
	int r = name_of(c, fd, path, name, &size, e);

	if (!r)
		r = object_put_fd(c, name, fd, size, path, e);
	if (r < 0)
		return r;
	/* after the link was made, which changes its times */
	make_known(c, fd, name);
	memcpy(ret, name, sizeof(name));
	return 0;
}

/* ---- taking ---- */

int object_open(struct catalog *c, const char *name, int *ret, uint64_t *ret_size, struct err *e)
{
	struct path p = cache_path(c, "/objects/%s", name);
	SCOPED(close_fd) int fd = open(p.s, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char found[OBJECT_NAME_LEN + 1];
	struct stat st;

	if (fd < 0)
		return err_sys(e, -errno, "%.200s", p.s);
	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "%.200s", p.s);
	int r = S_ISREG(st.st_mode) ? hash_fd(fd, (uint64_t)st.st_size, found) : -EINVAL;
	if (r < 0)
		return err_sys(e, r, "%.200s", p.s);
	if (strcmp(found, name) != 0) {
		(void)!unlink(p.s);
		return err_set(e, -EBADMSG, "%.200s was damaged and has been removed", p.s);
	}
	*ret = hand_over_fd(&fd);
	*ret_size = (uint64_t)st.st_size;
	return 0;
}
