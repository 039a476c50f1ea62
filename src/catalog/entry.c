/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of the cache: made as drafts, published by one rename, read under a lock, removed whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/cache.h"
#include "catalog/lock.h"
#include "catalog/tree.h"

#define METADATA_MAX 65536

void draft_fini(struct draft *d)
{
	if (d->dir)
		remove_tree(d->dir, NULL);
	free(d->dir);
	close_fd(&d->lock_fd);
	*d = DRAFT_NONE;
}

/* Ours only if the name still leads to what we locked: a sweeper may have come in between. */
static int draft_lock(const char *dir, int *ret)
{
	SCOPED(close_fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat a, b;

	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (fstat(fd, &a) < 0 || lstat(dir, &b) < 0 || a.st_ino != b.st_ino)
		return -EAGAIN;
	*ret = hand_over_fd(&fd);
	return 0;
}

int draft_open(struct catalog *c, struct draft *ret, struct err *e)
{
	struct draft d = DRAFT_NONE;
	int r = cache_check_writable(c, e);

	if (r < 0)
		return r;
	do {
		struct path p = cache_path(c, "/tmp/XXXXXX");

		if (!mkdtemp(p.s))
			return cache_write_failed(c, -errno, e);
		r = draft_lock(p.s, &d.lock_fd);
		if (r == 0)
			d.dir = strdup(p.s);
	} while (r == -EAGAIN);
	if (r < 0)
		return cache_write_failed(c, r, e);
	*ret = d;
	return d.dir ? 0 : err_sys(e, -ENOMEM, "cache");
}

int draft_sweep(struct catalog *c, bool dry_run, uint64_t *bytes, struct err *e)
{
	struct path tmp = cache_path(c, "/tmp");
	struct dirent **found;
	int n = scandir(tmp.s, &found, NULL, NULL), r = 0;

	if (n < 0)
		return err_sys(e, -errno, "%s", tmp.s);
	for (int i = 0; i < n; i++) {
		SCOPED(close_fd) int fd = -1;
		struct path p = path_format("%s/%s", tmp.s, found[i]->d_name);

		if (found[i]->d_name[0] != '.' && draft_lock(p.s, &fd) == 0) {
			if (bytes)
				*bytes += tree_size(p.s);
			if (!dry_run && r == 0)
				r = remove_tree(p.s, e);
		}
		free(found[i]);
	}
	free(found);
	return r;
}

static int copy_bytes(int from, uint64_t size, const char *to)
{
	SCOPED(close_fd) int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return out < 0 ? -errno : copy_front(from, out, size);
}

int cache_put_file(struct catalog *c, const struct path *to, int fd, uint64_t size, struct err *e)
{
	SCOPED(draft_fini) struct draft d = DRAFT_NONE;
	int r = draft_open(c, &d, e);

	if (r < 0)
		return r;
	struct path from = path_format("%s/file", d.dir);
	r = copy_bytes(fd, size, from.s);
	if (!r && rename(from.s, to->s) < 0)
		r = -errno;
	return r < 0 ? cache_write_failed(c, r, e) : 0;
}

void kernel_fini(struct kernel *k)
{
	free(k->boot_path);
	free(k->modules_dir);
	free(k->config_path);
	free(k->system_map);
	/* lock_take() gives none below 3, so a zeroed struct does not close standard input. */
	if (k->lock_fd > 2)
		close_fd(&k->lock_fd);
	*k = (struct kernel){ .lock_fd = -1 };
}

static char *part_path(const char *dir, const struct metadata *m, enum part part)
{
	char *p = NULL;

	if (m->size[part] && asprintf(&p, "%s/%s", dir, part_names[part]) < 0)
		return NULL;
	return p;
}

static int kernel_from(const char *dir, const struct metadata *m, const char *lock,
		       struct kernel *ret, struct err *e)
{
	struct kernel k = {
		.arch = m->arch,
		.size_bytes = m->disk_bytes,
		.fetched_at = m->fetched_at,
		.used_at = m->fetched_at,
		.boot_path = part_path(dir, m, PART_BOOT),
		.config_path = part_path(dir, m, PART_CONFIG),
		.system_map = part_path(dir, m, PART_MAP),
		.lock_fd = -1,
	};
	struct stat st;

	memcpy(k.key, m->key, sizeof(k.key));
	memcpy(k.name, m->name, sizeof(k.name));
	memcpy(k.version, m->release, sizeof(k.version));
	memcpy(k.source, m->source, sizeof(k.source));
	if (m->nr_modules &&
	    asprintf(&k.modules_dir, "%s/modules/lib/modules/%s", dir, m->release) < 0)
		k.modules_dir = NULL;
	if (stat(lock, &st) == 0)
		k.used_at = (uint64_t)st.st_mtime;
	*ret = k;
	if (!k.boot_path || !k.config_path != !m->size[PART_CONFIG] ||
	    !k.system_map != !m->size[PART_MAP] || !k.modules_dir != !m->nr_modules) {
		kernel_fini(ret);
		return err_sys(e, -ENOMEM, "kernel %.12s", m->key);
	}
	return 0;
}

static int check_part(const char *dir, const char *name, uint64_t size, struct err *e)
{
	struct path p = path_format("%s/%s", dir, name);
	struct stat st;

	if (!size)
		return 0;
	if (lstat(p.s, &st) < 0)
		return errno == ENOENT ? err_set(e, -EBADMSG, "%s is missing", name)
				       : err_sys(e, -errno, "%s", name);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return err_set(e, -EBADMSG, "%s has %jd bytes instead of %" PRIu64, name,
			       (intmax_t)st.st_size, size);
	return 0;
}

static int check_parts(const char *dir, const struct metadata *m, struct err *e)
{
	struct path modules = path_format("%s/modules", dir);
	struct tree_sum sum = { 0 };

	for (enum part i = 0; i < NR_PARTS; i++) {
		int r = check_part(dir, part_names[i], m->size[i], e);

		if (r < 0)
			return r;
	}
	if (!m->nr_modules)
		return 0;
	int r = tree_measure(modules.s, &sum, e);
	if (r == -ENOENT)
		return err_set(e, -EBADMSG, "modules are missing");
	if (r == 0 && (sum.nr != m->nr_modules || sum.bytes != m->modules_bytes))
		return err_set(e, -EBADMSG,
			       "%" PRIu64 " files of modules, %" PRIu64
			       " bytes, instead of %" PRIu64 ", %" PRIu64,
			       sum.nr, sum.bytes, m->nr_modules, m->modules_bytes);
	return r;
}

static int parse(const char *dir, const char *key, struct metadata *ret, struct err *e)
{
	struct path p = path_format("%s/metadata.json", dir);
	SCOPED(mem_free) char *text = NULL;
	struct metadata m;
	size_t len;
	int r = read_file(p.s, METADATA_MAX, &text, &len, NULL);

	if (r == -ENOENT || r == -EFBIG)
		return err_set(e, -EBADMSG, "metadata.json is %s",
			       r == -EFBIG ? "too large" : "missing");
	if (r < 0)
		return err_sys(e, r, "metadata.json");
	r = metadata_parse(text, len, &m, e);
	if (r < 0) {
		err_frame(e, "metadata.json");
		return r;
	}
	if (strcmp(m.key, key))
		return err_set(e, -EBADMSG, "metadata.json is that of %.12s", m.key);
	*ret = m;
	return 0;
}

int entry_metadata(struct catalog *c, const char *key, struct metadata *ret, struct err *e)
{
	struct path dir = cache_path(c, "/kernels/%s", key);

	if (access(dir.s, F_OK) < 0 && errno == ENOENT)
		return err_sys(e, -ENOENT, "kernel %.12s", key);
	int r = parse(dir.s, key, ret, e);
	if (r < 0)
		err_frame(e, r == -EBADMSG ? "kernel %.12s: damaged" : "kernel %.12s", key);
	return r;
}

int entry_peek(struct catalog *c, const char *key, struct kernel *ret, struct err *e)
{
	struct path dir = cache_path(c, "/kernels/%s", key);
	struct path lock = cache_path(c, "/locks/%s.lock", key);
	struct metadata m;
	int r = entry_metadata(c, key, &m, e);

	if (r < 0)
		return r;
	r = check_parts(dir.s, &m, e);
	if (r < 0) {
		err_frame(e, r == -EBADMSG ? "kernel %.12s: damaged" : "kernel %.12s", key);
		return r;
	}
	return kernel_from(dir.s, &m, lock.s, ret, e);
}

/* Without a lock file where none can be made: then nobody can remove the entry either. */
static int lock_entry(struct catalog *c, const char *key, int op, uint64_t wait_ns, int *ret,
		      struct err *e)
{
	struct path p = cache_path(c, "/locks/%s.lock", key);
	char what[32];

	snprintf(what, sizeof(what), "kernel %.12s", key);
	int r = lock_take(p.s, op, wait_ns, what, NULL, ret, e);
	if (r < 0 && r != -EBUSY && c->read_only && op == LOCK_SH) {
		*ret = -1;
		return 0;
	}
	return r;
}

int entry_open(struct catalog *c, const char *key, struct kernel *ret, struct err *e)
{
	struct path dir = cache_path(c, "/kernels/%s", key);
	SCOPED(close_fd) int lock = -1;
	struct kernel k;

	if (access(dir.s, F_OK) < 0)
		return err_sys(e, -errno, "kernel %.12s", key);
	int r = lock_entry(c, key, LOCK_SH, LOCK_WAIT_NS, &lock, e);
	if (r == 0)
		r = entry_peek(c, key, &k, e);
	if (r < 0)
		return r;
	/* The stamp of last use; in a cache of somebody else's there is none to keep. */
	if (lock >= 0 && futimens(lock, NULL) == 0)
		k.used_at = (uint64_t)time(NULL);
	k.lock_fd = hand_over_fd(&lock);
	*ret = k;
	return 0;
}

uint64_t tree_size(const char *dir)
{
	struct tree_sum sum = { 0 };

	return tree_measure(dir, &sum, NULL) < 0 ? 0 : sum.disk_bytes;
}

/* The caller holds the lock exclusively. Into a draft first: a kill leaves no half entry. */
static int discard(struct catalog *c, const char *key, struct err *e)
{
	SCOPED(draft_fini) struct draft grave = DRAFT_NONE;
	struct path from = cache_path(c, "/kernels/%s", key);
	int r = draft_open(c, &grave, e);

	if (r < 0)
		return r;
	struct path to = path_format("%s/gone", grave.dir);
	if (rename(from.s, to.s) < 0)
		return err_sys(e, -errno, "kernel %.12s: removing", key);
	return 0;
}

int entry_remove(struct catalog *c, const char *key, struct err *e)
{
	struct path lock = cache_path(c, "/locks/%s.lock", key);
	SCOPED(close_fd) int fd = -1;
	int r = cache_check_writable(c, e);

	if (r == 0)
		r = lock_entry(c, key, LOCK_EX, 0, &fd, e);
	if (r == 0)
		r = discard(c, key, e);
	if (r == 0 && unlink(lock.s) < 0 && errno != ENOENT)
		r = err_sys(e, -errno, "%s", lock.s);
	return r;
}

/* A damaged entry is in the way of a good one of the same key. */
static int replace_damaged(struct catalog *c, const char *key, int lock, struct err *e)
{
	char who[200];

	if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		lock_holders(lock, who, sizeof(who));
		return err_set(e, -EBUSY, "kernel %.12s: damaged and in use by %s", key, who);
	}
	return discard(c, key, e);
}

static int put_in_place(struct catalog *c, struct draft *d, const char *key, int lock,
			bool *ret_new, struct err *e)
{
	struct path to = cache_path(c, "/kernels/%s", key);

	for (;;) {
		SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };

		if (renameat2(AT_FDCWD, d->dir, AT_FDCWD, to.s, RENAME_NOREPLACE) == 0) {
			free(hand_over(d->dir));
			*ret_new = true;
			return 0;
		}
		if (errno != EEXIST)
			return cache_write_failed(c, -errno, e);
		int r = entry_peek(c, key, &k, e);
		if (r == 0) {
			*ret_new = false;
			return 0;
		}
		if (r == -EBADMSG)
			r = replace_damaged(c, key, lock, e);
		if (r < 0 && r != -ENOENT)
			return r;
	}
}

static int write_metadata(struct catalog *c, const struct draft *d, const struct metadata *m,
			  struct err *e)
{
	SCOPED(buf_fini) struct buf json = { 0 };
	struct path p = path_format("%s/metadata.json", d->dir);

	metadata_format(m, &json);
	int r = json.bad ? json.bad : file_write(p.s, json.at, json.len);
	if (r == 0 && syncfs(d->lock_fd) < 0)
		r = -errno;
	return r < 0 ? cache_write_failed(c, r, e) : 0;
}

int entry_relabel(struct catalog *c, const struct metadata *m, struct err *e)
{
	SCOPED(draft_fini) struct draft d = DRAFT_NONE;
	int r = draft_open(c, &d, e);

	if (r == 0)
		r = write_metadata(c, &d, m, e);
	if (r < 0)
		return r;
	struct path from = path_format("%s/metadata.json", d.dir);
	struct path to = cache_path(c, "/kernels/%s/metadata.json", m->key);
	return rename(from.s, to.s) < 0 ? cache_write_failed(c, -errno, e) : 0;
}

/* Everything in the draft is on disk before its name can be. */
static int seal(struct catalog *c, struct draft *d, struct metadata *m, struct err *e)
{
	m->fetched_at = (uint64_t)time(NULL);
	m->disk_bytes = tree_size(d->dir);
	if (fchmod(d->lock_fd, 0755) < 0)
		return cache_write_failed(c, -errno, e);
	return write_metadata(c, d, m, e);
}

/* Renames the draft into place, unless a good entry is there already. */
static int settle(struct catalog *c, struct draft *d, struct metadata *m, int lock, bool *ret_new,
		  struct err *e)
{
	SCOPED(kernel_fini) struct kernel there = { .lock_fd = -1 };
	struct path all = cache_path(c, "/kernels");

	*ret_new = false;
	if (entry_peek(c, m->key, &there, NULL) == 0)
		return 0;
	int r = seal(c, d, m, e);
	if (r == 0)
		r = put_in_place(c, d, m->key, lock, ret_new, e);
	if (r < 0)
		return r;
	SCOPED(close_fd) int dir = open(all.s, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fsync(dir) < 0)
		return cache_write_failed(c, -errno, e);
	return 0;
}

int entry_publish(struct catalog *c, struct draft *d, struct metadata *m, struct kernel *ret,
		  bool *ret_new, struct err *e)
{
	SCOPED(close_fd) int lock = -1;
	bool is_new;
	int r = lock_entry(c, m->key, LOCK_SH, LOCK_WAIT_NS, &lock, e);

	if (r == 0)
		r = settle(c, d, m, lock, &is_new, e);
	if (r < 0)
		return r;
	/* Back to shared in case a damaged one had to go, without letting anybody in between. */
	if (flock(lock, LOCK_SH) < 0)
		return cache_write_failed(c, -errno, e);
	r = entry_open(c, m->key, ret, e);
	if (r == 0 && ret_new)
		*ret_new = is_new;
	return r;
}
