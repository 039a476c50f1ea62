/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in the cache, and what can go. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/cache.h"
#include "catalog/deb.h"
#include "catalog/lock.h"
#include "catalog/runs.h"
#include "catalog/snapshots.h"
#include "catalog/tree.h"

void kernel_list_fini(struct kernel_list *l)
{
	for (size_t i = 0; i < l->nr; i++)
		kernel_fini(&l->at[i]);
	free(l->at);
	*l = (struct kernel_list){ 0 };
}

static int newest_use_first(const void *a, const void *b)
{
	const struct kernel *x = a, *y = b;

	if (x->used_at != y->used_at)
		return x->used_at < y->used_at ? 1 : -1;
	return strcmp(x->key, y->key);
}

int catalog_list(struct catalog *c, struct kernel_list *ret, size_t *ret_damaged, struct err *e)
{
	SCOPED(key_list_fini) struct key_list keys = { 0 };
	SCOPED(kernel_list_fini) struct kernel_list l = { 0 };
	size_t damaged = 0;
	int r = cache_keys(c, &keys, e);

	if (r < 0)
		return r;
	l.at = calloc(keys.nr + 1, sizeof(*l.at));
	if (!l.at)
		return err_sys(e, -ENOMEM, "cache");
	for (size_t i = 0; i < keys.nr; i++) {
		r = entry_peek(c, keys.at[i], &l.at[l.nr], e);
		if (r == 0)
			l.nr++;
		else if (r == -EBADMSG)
			damaged++;
		else if (r != -ENOENT) /* gone since we read the directory */
			return r;
	}
	qsort(l.at, l.nr, sizeof(*l.at), newest_use_first);
	*ret = l;
	l = (struct kernel_list){ 0 };
	if (ret_damaged)
		*ret_damaged = damaged;
	return 0;
}

struct gc {
	struct catalog *c;
	const struct catalog_progress *p;
	uint64_t unused_s;
	uint64_t now;
	bool dry_run;
	uint64_t bytes;
	struct metadata *good; /* of all entries that can be used */
	size_t nr;
};

static void gc_fini(struct gc *g)
{
	free(g->good);
}
DEFINE_SCOPED_FINI(struct gc, gc_fini)

static bool is_old(const struct gc *g, uint64_t used_at)
{
	return used_at + g->unused_s <= g->now;
}

static const struct metadata *newer_in(const struct gc *g, const struct metadata *m,
				       const char *suite)
{
	for (size_t i = 0; i < g->nr; i++) {
		const struct metadata *o = &g->good[i];

		if (o->arch == m->arch && !strcmp(o->flavour, m->flavour) &&
		    has_word(o->suite, suite) &&
		    deb_version_compare(o->package_version, m->package_version) > 0)
			return o;
	}
	return NULL;
}

/* Superseded in every suite it is in; by what, or NULL. */
static const struct metadata *successor(const struct gc *g, const struct metadata *m)
{
	const struct metadata *newer = NULL;
	char suites[sizeof(m->suite)], *at = suites, *word;

	memcpy(suites, m->suite, sizeof(suites));
	while ((word = strsep(&at, " "))) {
		newer = *word ? newer_in(g, m, word) : NULL;
		if (!newer)
			return NULL;
	}
	return newer;
}

static int drop(struct gc *g, const char *key, const char *why, struct err *e)
{
	uint64_t bytes = tree_size(cache_path(g->c, "/kernels/%s", key).s);
	struct err busy = { 0 };
	int r = g->dry_run ? 0 : entry_remove(g->c, key, &busy);

	if (r == -EBUSY) {
		progress_say(g->p, "kept: %s", busy.text);
		return 0;
	}
	if (r < 0)
		return err_set(e, r, "%s", busy.text);
	g->bytes += bytes;
	progress_say(g->p, "kernel %.12s: %s (%.1f MB)", key, why, (double)bytes / 1e6);
	return 0;
}

static int judge(struct gc *g, const struct metadata *m, struct err *e)
{
	const struct metadata *newer = successor(g, m);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	char why[400];
	int r = entry_peek(g->c, m->key, &k, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (newer)
		snprintf(why, sizeof(why), "%s, superseded by %s", m->name, newer->name);
	else if (is_old(g, k.used_at))
		snprintf(why, sizeof(why), "%s, not used for %u days", m->name,
			 (unsigned)((g->now - k.used_at) / 86400));
	else
		return 0;
	return drop(g, m->key, why, e);
}

/* First the damaged, which also tells what is left to choose from. */
static int gc_kernels(struct gc *g, struct err *e)
{
	SCOPED(key_list_fini) struct key_list keys = { 0 };
	int r = cache_keys(g->c, &keys, e);

	if (r < 0)
		return r;
	g->good = calloc(keys.nr + 1, sizeof(*g->good));
	if (!g->good)
		return err_sys(e, -ENOMEM, "cache");
	for (size_t i = 0; r == 0 && i < keys.nr; i++) {
		SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
		struct err why = { 0 };

		r = entry_peek(g->c, keys.at[i], &k, &why);
		if (r == 0)
			r = entry_metadata(g->c, keys.at[i], &g->good[g->nr], &why);
		if (r == 0)
			g->nr++;
		else if (r == -EBADMSG)
			r = drop(g, keys.at[i], "damaged", e);
		else
			r = r == -ENOENT ? 0 : err_set(e, r, "%s", why.text);
	}
	for (size_t i = 0; r == 0 && i < g->nr; i++)
		r = judge(g, &g->good[i], e);
	return r;
}

static int is_visible(const struct dirent *de)
{
	return de->d_name[0] != '.';
}

/* Calls @fn for every name in directory @sub of the cache. */
static int each_name(struct gc *g, const char *sub,
		     int (*fn)(struct gc *g, const char *name, struct err *e), struct err *e)
{
	struct path p = cache_path(g->c, "/%s", sub);
	struct dirent **found;
	int n = scandir(p.s, &found, is_visible, alphasort), r = 0;

	if (n < 0)
		return err_sys(e, -errno, "%s", p.s);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = fn(g, found[i]->d_name, e);
		free(found[i]);
	}
	free(found);
	return r;
}

/*
 * Lock files of entries that are gone. One somebody holds is about to get its entry. Those of
 * snapshots are for making one only.
 */
static int gc_lock(struct gc *g, const char *name, struct err *e)
{
	size_t front = strncmp(name, SNAPSHOT_LOCK, strlen(SNAPSHOT_LOCK)) ? 0
									   : strlen(SNAPSHOT_LOCK);
	struct path lock = cache_path(g->c, "/locks/%s", name);
	struct path entry = cache_path(g->c, "/kernels/%.*s", KEY_LEN, name);
	SCOPED(close_fd) int fd = -1;

	if (g->dry_run || strlen(name) != front + KEY_LEN + 5 ||
	    strcmp(name + front + KEY_LEN, ".lock") || access(entry.s, F_OK) == 0)
		return 0;
	int r = lock_take(lock.s, LOCK_EX, 0, name, NULL, &fd, e);
	if (r < 0)
		return r == -EBUSY ? 0 : r;
	if (access(entry.s, F_OK) < 0 && unlink(lock.s) < 0)
		return err_sys(e, -errno, "%s", lock.s);
	return 0;
}

static int gc_apt(struct gc *g, const char *name, struct err *e)
{
	struct path dir = cache_path(g->c, "/debian/%s", name);
	struct path lock = cache_path(g->c, "/locks/debian-%s.lock", name);
	SCOPED(close_fd) int fd = -1;
	struct stat st;

	if (stat(lock.s, &st) == 0 && !is_old(g, (uint64_t)st.st_mtime))
		return 0;
	int r = lock_take(lock.s, LOCK_EX, 0, name, NULL, &fd, e);
	if (r < 0)
		return r == -EBUSY ? 0 : r;
	uint64_t bytes = tree_size(dir.s);
	if (!g->dry_run)
		r = remove_tree(dir.s, e);
	if (r < 0)
		return r;
	g->bytes += bytes;
	progress_say(g->p, "package lists %s: not used for a while (%.1f MB)", name,
		     (double)bytes / 1e6);
	return !g->dry_run && unlink(lock.s) < 0 ? err_sys(e, -errno, "%s", lock.s) : 0;
}

static int gc_file(void *ctx, const struct tree_file *f, struct err *e)
{
	struct gc *g = ctx;

	if (!is_old(g, f->used_at))
		return 0;
	if (!g->dry_run && unlink(f->path) < 0 && errno != ENOENT)
		return err_sys(e, -errno, "%s", f->path);
	g->bytes += f->disk_bytes;
	return 0;
}

/* Who has one open keeps what is in it. */
static int gc_snapshots(struct gc *g, struct err *e)
{
	uint64_t before = g->bytes;
	int r = tree_walk(cache_path(g->c, "/snapshots").s, gc_file, g, e);

	if (g->bytes > before)
		progress_say(g->p, "snapshots of machines: not used for a while (%.1f MB)",
			     (double)(g->bytes - before) / 1e6);
	return r;
}

static int gc_drafts(struct gc *g, struct err *e)
{
	uint64_t bytes = 0;
	int r = draft_sweep(g->c, g->dry_run, &bytes, e);

	g->bytes += bytes;
	if (bytes)
		progress_say(g->p, "left by killed processes: %.1f MB", (double)bytes / 1e6);
	return r;
}

int catalog_gc(struct catalog *c, uint32_t unused_days, uint32_t keep_runs, bool dry_run,
	       uint64_t *ret_bytes, const struct catalog_progress *p, struct err *e)
{
	SCOPED(gc_fini) struct gc g = {
		.c = c,
		.p = p,
		.unused_s = unused_days * 86400ull,
		.now = (uint64_t)time(NULL),
		.dry_run = dry_run,
	};
	int r = cache_check_writable(c, e);

	if (r == 0)
		r = gc_drafts(&g, e);
	if (r == 0)
		r = gc_kernels(&g, e);
	if (r == 0)
		r = each_name(&g, "locks", gc_lock, e);
	if (r == 0)
		r = each_name(&g, "debian", gc_apt, e);
	if (r == 0)
		r = tree_walk(cache_path(c, "/parts").s, gc_file, &g, e);
	if (r == 0)
		r = gc_snapshots(&g, e);
	struct runs_gc runs = { .unused_s = g.unused_s, .keep = keep_runs, .dry_run = dry_run };
	if (r == 0)
		r = runs_gc(c, &runs, &g.bytes, p, e);
	if (r == 0 && ret_bytes)
		*ret_bytes = g.bytes;
	return r;
}
