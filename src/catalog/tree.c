/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "catalog/cache.h"

static void fts_end(FTS *f)
{
	if (f)
		fts_close(f);
}
DEFINE_SCOPED(FTS *, fts_end)

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

int tree_walk(const char *dir, int (*fn)(void *ctx, const struct tree_file *f, struct err *e),
	      void *ctx, struct err *e)
{
	struct path root = path_format("%s", dir);
	char *roots[] = { root.s, NULL };
	SCOPED(fts_end) FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	size_t skip = strlen(root.s) + 1;
	FTSENT *at;
	int r = 0;

	if (!fts)
		return err_sys(e, -errno, "%s", dir);
	while (r == 0 && (at = fts_read(fts))) {
		if (at->fts_info == FTS_ERR || at->fts_info == FTS_DNR || at->fts_info == FTS_NS)
			return err_sys(e, -at->fts_errno, "%s", at->fts_path);
		if (at->fts_info != FTS_F || at->fts_level == 0)
			continue;
		const struct tree_file f = {
			.path = at->fts_path,
			.name = at->fts_path + skip,
			.size = (uint64_t)at->fts_statp->st_size,
			.disk_bytes = (uint64_t)at->fts_statp->st_blocks * 512,
			.used_at = (uint64_t)MAX(at->fts_statp->st_atime, at->fts_statp->st_mtime),
		};
		r = fn(ctx, &f, e);
	}
	return r;
}

static int add_up(void *ctx, const struct tree_file *f, struct err *e)
{
	struct tree_sum *sum = ctx;

	sum->nr++;
	sum->bytes += f->size;
	sum->disk_bytes += f->disk_bytes;
	return 0;
}

int tree_measure(const char *dir, struct tree_sum *ret, struct err *e)
{
	struct tree_sum sum = { 0 };
	int r = tree_walk(dir, add_up, &sum, e);

	if (r == 0)
		*ret = sum;
	return r;
}

int file_copy(const char *from, const char *to, struct err *e)
{
	SCOPED(close_fd) int in = open(from, O_RDONLY | O_CLOEXEC);
	SCOPED(close_fd) int out = -1;
	ssize_t n;

	if (in < 0)
		return err_sys(e, -errno, "%s", from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (out < 0)
		return err_sys(e, -errno, "%s", to);
	do
		n = sendfile(out, in, NULL, 1u << 30);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? err_sys(e, -errno, "%s: copying to %s", from, to) : 0;
}

int file_write(const char *to, const void *data, size_t len)
{
	SCOPED(close_fd) int fd =
		open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	return fd < 0 ? -errno : write_full(fd, data, len);
}

bool is_module_file(const char *name)
{
	const char *slash = strrchr(name, '/'), *ko = strstr(slash ? slash : name, ".ko");

	return (ko && (!ko[3] || ko[3] == '.')) || !strncmp(name, "modules.", 8);
}

static int copy_one(void *ctx, const struct tree_file *f, struct err *e)
{
	struct path to = path_format("%s/%s", (const char *)ctx, f->name);
	struct path dir = to;

	if (!is_module_file(f->name))
		return 0;
	if (!to.s[0])
		return err_sys(e, -ENAMETOOLONG, "%s", f->path);
	*strrchr(dir.s, '/') = 0;
	int r = make_dirs(dir.s, 0755, e);
	return r < 0 ? r : file_copy(f->path, to.s, e);
}

int tree_copy(const char *from, const char *to, struct err *e)
{
	struct path root = path_format("%s", to);
	int r = make_dirs(to, 0755, e);

	return r < 0 ? r : tree_walk(from, copy_one, root.s, e);
}

/* Names are ended and sizes given, so that no two different sets of files look alike. */
static int hash_file(struct sha256_ctx *sha, const char *name, const char *path, struct err *e)
{
	SCOPED(mapping_close) struct mapping m = { 0 };
	char size[32];
	int r = mapping_open(&m, path, e);

	if (r < 0)
		return r;
	snprintf(size, sizeof(size), "%zu\n", m.len);
	sha256_update(sha, strlen(name) + 1, (const uint8_t *)name);
	sha256_update(sha, strlen(size), (const uint8_t *)size);
	sha256_update(sha, m.len, m.at);
	return 0;
}

static int hash_module(void *ctx, const struct tree_file *f, struct err *e)
{
	return is_module_file(f->name) ? hash_file(ctx, f->name, f->path, e) : 0;
}

int kernel_key(const char *image, const char *config, const char *modules, char ret[65],
	       struct err *e)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;

	sha256_init(&sha);
	int r = hash_file(&sha, "/image", image, e);
	if (r == 0 && config)
		r = hash_file(&sha, "/config", config, e);
	if (r == 0 && modules)
		r = tree_walk(modules, hash_module, &sha, e);
	if (r < 0)
		return r;
	sha256_digest(&sha, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
	return 0;
}
