/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/runs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "catalog/cache.h"
#include "catalog/objects.h"
#include "catalog/tree.h"

#define LISTED "objects"
#define DIGITS "0123456789abcdef"

bool run_id_is_good(const char *id)
{
	return strlen(id) == RUN_ID_LEN && strspn(id, DIGITS) == RUN_ID_LEN;
}

/* ---- storing ---- */

static int write_files(const struct draft *d, const struct run_file *files, size_t nr)
{
	int r = 0;

	for (size_t i = 0; !r && i < nr; i++)
		r = file_write(path_format("%s/%s", d->dir, files[i].name).s, files[i].data,
			       files[i].len);
	return r;
}

/* After an exchange the draft is what was there before, and goes with it. */
static int put_in_place(struct draft *d, const struct path *to)
{
	for (;;) {
		if (renameat2(AT_FDCWD, d->dir, AT_FDCWD, to->s, RENAME_NOREPLACE) == 0) {
			free(hand_over(d->dir));
			return 0;
		}
		if (errno != EEXIST)
			return -errno;
		if (renameat2(AT_FDCWD, d->dir, AT_FDCWD, to->s, RENAME_EXCHANGE) == 0)
			return 0;
		if (errno != ENOENT) /* gc was here in between */
			return -errno;
	}
}

int run_store(struct catalog *c, const char *id, const struct run_file *files, size_t nr,
	      const char *const *objects, size_t nr_objects, struct err *e)
{
	SCOPED(draft_fini) struct draft d = DRAFT_NONE;
	SCOPED(buf_fini) struct buf list = { 0 };
	struct path to = cache_path(c, "/runs/%s", id);
	int r = draft_open(c, &d, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < nr_objects; i++)
		buf_printf(&list, "%s\n", objects[i]);
	struct run_file listed = { LISTED, buf_str(&list), list.len };
	r = list.bad ? list.bad : write_files(&d, &listed, 1);
	if (!r)
		r = write_files(&d, files, nr);
	if (!r && fchmod(d.lock_fd, 0755) < 0)
		r = -errno;
	if (!r)
		r = put_in_place(&d, &to);
	return r < 0 ? cache_write_failed(c, r, e) : 0;
}

int run_read(struct catalog *c, const char *id, const char *name, size_t max, char **ret,
	     size_t *ret_len, struct err *e)
{
	struct path p = cache_path(c, "/runs/%s/%s", id, name);

	return read_file(p.s, max, ret, ret_len, e);
}

/* ---- finding ---- */

void run_list_fini(struct run_list *l)
{
	free(l->at);
	*l = (struct run_list){ 0 };
}

static int newest_first(const void *a, const void *b)
{
	const struct run_entry *x = a, *y = b;

	if (x->made_ns != y->made_ns)
		return x->made_ns < y->made_ns ? 1 : -1;
	return strcmp(x->id, y->id);
}

static int is_run(const struct dirent *de)
{
	return run_id_is_good(de->d_name);
}

int runs_list(struct catalog *c, struct run_list *ret, struct err *e)
{
	struct path p = cache_path(c, "/runs");
	SCOPED(run_list_fini) struct run_list l = { 0 };
	struct dirent **found;
	int n = scandir(p.s, &found, is_run, alphasort);

	*ret = l;
	if (n < 0)
		return errno == ENOENT ? 0 : err_sys(e, -errno, "%.200s", p.s);
	l.at = calloc((size_t)n + 1, sizeof(*l.at));
	for (int i = 0; i < n; i++) {
		struct path run = path_format("%s/%s", p.s, found[i]->d_name);
		struct stat st;

		if (l.at && stat(run.s, &st) == 0) {
			memcpy(l.at[l.nr].id, found[i]->d_name, RUN_ID_LEN + 1);
			l.at[l.nr++].made_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u +
					       (uint64_t)st.st_mtim.tv_nsec;
		}
		free(found[i]);
	}
	free(found);
	if (!l.at)
		return err_sys(e, -ENOMEM, "%.200s", p.s);
	qsort(l.at, l.nr, sizeof(*l.at), newest_first);
	*ret = l;
	l = (struct run_list){ 0 };
	return 0;
}

static int find_prefix(const struct run_list *l, const char *prefix, char ret[RUN_ID_LEN + 1],
		       struct err *e)
{
	size_t len = strlen(prefix), hits = 0, hit = 0;

	if (!len || len > RUN_ID_LEN || strspn(prefix, DIGITS) != len)
		return err_set(e, -EINVAL,
			       "run \"%.80s\": an id has %d digits 0-9 a-f, the first of them are "
			       "enough, or \"" RUN_LAST "\"",
			       prefix, RUN_ID_LEN);
	for (size_t i = 0; i < l->nr; i++)
		if (!strncmp(l->at[i].id, prefix, len)) {
			hits++;
			hit = i;
		}
	if (!hits)
		return err_set(e, -ENOENT,
			       "run %s: there is no record of it; see: ktstr replay --list",
			       prefix);
	if (hits > 1)
		return err_set(e, -EEXIST, "run %s: %zu ids start like this, for one %s", prefix,
			       hits, l->at[hit].id);
	memcpy(ret, l->at[hit].id, RUN_ID_LEN + 1);
	return 0;
}

int run_find(struct catalog *c, const char *name, char ret[RUN_ID_LEN + 1], struct err *e)
{
	SCOPED(run_list_fini) struct run_list l = { 0 };
	int r = runs_list(c, &l, e);

	if (r < 0)
		return r;
	if (strcmp(name, RUN_LAST) != 0)
		return find_prefix(&l, name, ret, e);
	if (!l.nr)
		return err_set(
			e, -ENOENT,
			"there is no record of any run; ktstr test --time virtual makes one");
	memcpy(ret, l.at[0].id, RUN_ID_LEN + 1);
	return 0;
}
