/* SPDX-License-Identifier: GPL-2.0-only */
/* Which runs and objects can go. */
#include <errno.h>
#include <fcntl.h>
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
#include "catalog/objects.h"
#include "catalog/runs.h"
#include "catalog/tree.h"

#define LISTED_MAX 65536

/* The objects that the runs which stay name, back to back. */
struct named {
	char (*at)[OBJECT_NAME_LEN + 1];
	size_t nr;
};

struct sweep {
	struct catalog *c;
	const struct runs_gc *how;
	const struct catalog_progress *p;
	struct named named;
	uint64_t now;
	uint64_t nr_objects;
	uint64_t object_bytes;
};

static int add_names(struct named *n, char *text)
{
	for (char *line; (line = strsep(&text, "\n"));) {
		if (!object_name_is_good(line))
			continue;
		void *more = reallocarray(n->at, n->nr + 1, sizeof(*n->at));
		if (!more)
			return -ENOMEM;
		n->at = more;
		memcpy(n->at[n->nr++], line, OBJECT_NAME_LEN + 1);
	}
	return 0;
}

static int keep_run(struct sweep *s, const char *id, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	int r = run_read(s->c, id, "objects", LISTED_MAX, &text, NULL, NULL);

	if (r < 0) /* then it cannot be replayed, which is for replay to say */
		return r == -ENOMEM ? err_sys(e, r, "run %s", id) : 0;
	r = add_names(&s->named, text);
	return r < 0 ? err_sys(e, r, "run %s", id) : 0;
}

/* Into a draft first: a kill leaves no half run. */
static int drop_run(struct sweep *s, const struct run_entry *run, uint64_t *bytes, struct err *e)
{
	SCOPED(draft_fini) struct draft grave = DRAFT_NONE;
	struct path from = cache_path(s->c, "/runs/%s", run->id);

	*bytes += tree_size(from.s);
	progress_say(s->p, "run %s: %u days old", run->id,
		     (unsigned)((s->now - run->made_ns / 1000000000u) / 86400));
	if (s->how->dry_run)
		return 0;
	int r = draft_open(s->c, &grave, e);
	if (r < 0)
		return r;
	struct path to = path_format("%s/gone", grave.dir);
	if (rename(from.s, to.s) < 0 && errno != ENOENT)
		return err_sys(e, -errno, "run %s: removing", run->id);
	return 0;
}

static int sweep_runs(struct sweep *s, uint64_t *bytes, struct err *e)
{
	SCOPED(run_list_fini) struct run_list l = { 0 };
	int r = runs_list(s->c, &l, e);

	for (size_t i = 0; !r && i < l.nr; i++) {
		bool old = l.at[i].made_ns / 1000000000u + s->how->unused_s <= s->now;

		r = old && i >= s->how->keep ? drop_run(s, &l.at[i], bytes, e)
					     : keep_run(s, l.at[i].id, e);
	}
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Who has it open keeps what is in it. One that the cache has under another name takes no space. */
static int drop_object(void *ctx, const struct tree_file *f, struct err *e)
{
	struct sweep *s = ctx;
	struct stat st;

	if (s->named.nr &&
	    bsearch(f->name, s->named.at, s->named.nr, sizeof(*s->named.at), by_name))
		return 0;
	if (lstat(f->path, &st) < 0)
		return 0;
	if (!s->how->dry_run && unlink(f->path) < 0 && errno != ENOENT)
		return err_sys(e, -errno, "%s", f->path);
	s->nr_objects++;
	s->object_bytes += st.st_nlink > 1 ? 0 : f->disk_bytes;
	return 0;
}

/* Which of them are of files that are gone cannot be told; for the others it is soon found out again. */
static int sweep_known(struct sweep *s, struct err *e)
{
	struct path p = cache_path(s->c, "/known");

	if (s->how->dry_run)
		return 0;
	int r = remove_tree(p.s, e);
	return r < 0 ? r : make_dirs(p.s, 0755, e);
}

static int sweep_objects(struct sweep *s, struct err *e)
{
	if (s->named.nr)
		qsort(s->named.at, s->named.nr, sizeof(*s->named.at), by_name);
	int r = tree_walk(cache_path(s->c, "/objects").s, drop_object, s, e);
	if (s->nr_objects)
		progress_say(s->p, "objects of no run: %zu (%.1f MB)", (size_t)s->nr_objects,
			     (double)s->object_bytes / 1e6);
	return r < 0 ? r : sweep_known(s, e);
}

/* What cannot be done now is done after the next run. */
void runs_trim(struct catalog *c)
{
	const struct runs_gc how = { .keep = RUNS_KEPT };
	SCOPED(run_list_fini) struct run_list l = { 0 };
	uint64_t bytes = 0;

	if (runs_list(c, &l, NULL) == 0 && l.nr > RUNS_MAX)
		runs_gc(c, &how, &bytes, NULL, NULL);
}

int runs_gc(struct catalog *c, const struct runs_gc *how, uint64_t *bytes,
	    const struct catalog_progress *p, struct err *e)
{
	struct path lock = cache_path(c, "/locks/objects.lock");
	SCOPED(close_fd) int fd = -1;
	struct sweep s = { .c = c, .how = how, .p = p, .now = (uint64_t)time(NULL) };
	int r = lock_take(lock.s, LOCK_EX, 0, "objects of the cache", NULL, &fd, e);

	if (r == -EBUSY) {
		progress_say(p, "kept: runs and their objects, one is being recorded");
		return 0;
	}
	if (!r)
		r = sweep_runs(&s, bytes, e);
	if (!r)
		r = sweep_objects(&s, e);
	free(s.named.at);
	if (!r && unlink(lock.s) < 0)
		r = err_sys(e, -errno, "%s", lock.s);
	*bytes += s.object_bytes;
	return r;
}
