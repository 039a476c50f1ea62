/* SPDX-License-Identifier: GPL-2.0-only */
#include "image/module_index.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "image/inputs.h"

#define LIST_MAX (64u << 20)

void module_index_fini(struct module_index *x)
{
	for (size_t i = 0; i < x->nr; i++) {
		free(x->at[i].name);
		free(x->at[i].path);
		free(x->at[i].deps);
	}
	free(x->at);
	*x = (struct module_index){ 0 };
}

/* Length of @name without ".ko" and a compression suffix; 0 if it is no module's file name. */
static size_t stem_len(const char *name)
{
	static const char *const suffixes[] = { ".ko", ".ko.xz", ".ko.zst", ".ko.gz", ".ko.lz4" };
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t n = strlen(suffixes[i]);

		if (len > n && !strcmp(name + len - n, suffixes[i]))
			return len - n;
	}
	return 0;
}

char *module_name_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t n = stem_len(base);
	char *name = strndup(base, n ? n : strlen(base));

	for (char *c = name; c && *c; c++)
		if (*c == '-')
			*c = '_';
	return name;
}

/* Takes @path and @deps, which may be NULL. */
static int add_take(struct module_index *x, const char *named_by, char *path, char *deps)
{
	if (x->nr == x->cap) {
		size_t cap = x->cap ? x->cap * 2 : 256;
		struct module_row *at = realloc(x->at, cap * sizeof(*at));

		if (at) {
			x->at = at;
			x->cap = cap;
		}
	}
	char *name = x->nr < x->cap ? module_name_of(named_by) : NULL;
	if (!name) {
		free(path);
		free(deps);
		return -ENOMEM;
	}
	x->at[x->nr++] = (struct module_row){ .name = name, .path = path, .deps = deps };
	return 0;
}

static int add_builtin_line(struct module_index *x, char *line)
{
	return *line ? add_take(x, line, NULL, NULL) : 0;
}

static int add_dep_line(struct module_index *x, char *line)
{
	char *colon = strchr(line, ':');

	if (!colon)
		return *line ? -EBADMSG : 0;
	*colon = 0;
	char *path = strdup(line), *deps = strdup(colon + 1);
	if (path && deps)
		return add_take(x, line, path, deps);
	free(path);
	free(deps);
	return -ENOMEM;
}

/* Runs @add on every line of a list; -ENOENT if there is none. */
static int read_list(struct module_index *x, const char *dir, const char *file,
		     int (*add)(struct module_index *, char *), struct inputs *in, struct err *e)
{
	SCOPED(mem_free) char *path = NULL;
	SCOPED(mem_free) char *text = NULL;

	if (asprintf(&path, "%s/%s", dir, file) < 0)
		return err_sys(e, -ENOMEM, "%s", dir);
	inputs_add(in, path);
	int r = read_file(path, LIST_MAX, &text, NULL, e);
	if (r < 0)
		return r;
	for (char *at = text, *line; (line = strsep(&at, "\n"));) {
		r = add(x, line);
		if (r < 0)
			return err_sys(e, r, "%s: \"%s\"", path, line);
	}
	return 0;
}

static int walk_tree(struct module_index *x, const char *dir, struct err *e)
{
	char *roots[] = { (char *)(uintptr_t)dir, NULL };
	FTS *t = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	FTSENT *f;
	int r = 0;

	if (!t)
		return err_sys(e, -errno, "%s", dir);
	while (!r && (f = fts_read(t))) {
		const char *below = f->fts_path + strlen(dir);

		if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR || f->fts_info == FTS_NS) {
			r = err_sys(e, -f->fts_errno, "%s", f->fts_path);
		} else if (f->fts_info != FTS_D && f->fts_info != FTS_DP && stem_len(f->fts_name)) {
			char *path = strdup(below + strspn(below, "/"));

			r = path ? add_take(x, path, path, NULL) : -ENOMEM;
		}
	}
	fts_close(t);
	return r;
}

/* Of several with one name the first counts: "updates" as depmod has it, built in as the last. */
static int by_name(const void *a, const void *b)
{
	const struct module_row *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	if (r || !x->path || !y->path)
		return r ? r : !x->path - !y->path;
	bool x_new = !strncmp(x->path, "updates/", 8), y_new = !strncmp(y->path, "updates/", 8);
	return x_new == y_new ? strcmp(x->path, y->path) : y_new - x_new;
}

int module_index_read(const char *dir, struct module_index *ret, struct inputs *in, struct err *e)
{
	SCOPED(module_index_fini) struct module_index x = { 0 };
	int r = read_list(&x, dir, "modules.builtin", add_builtin_line, in, e);

	if (r < 0 && r != -ENOENT)
		return r;
	r = read_list(&x, dir, "modules.dep", add_dep_line, in, e);
	if (r == -ENOENT)
		r = walk_tree(&x, dir, e);
	if (r < 0)
		return r;
	if (x.nr)
		qsort(x.at, x.nr, sizeof(*x.at), by_name);
	*ret = x;
	x = (struct module_index){ 0 };
	return 0;
}

const struct module_row *module_index_find(const struct module_index *x, const char *name)
{
	size_t low = 0, high = x->nr;

	while (low < high) { /* the first of equal ones, which bsearch() does not promise */
		size_t mid = low + (high - low) / 2;

		if (strcmp(x->at[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < x->nr && !strcmp(x->at[low].name, name) ? &x->at[low] : NULL;
}
