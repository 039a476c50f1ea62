/* SPDX-License-Identifier: GPL-2.0-only */
/* Walks the dependencies of modules, dependencies first. */
#include "image/module.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "image/decompress.h"
#include "image/inputs.h"
#include "image/module_index.h"
#include "image/module_info.h"

#define MODULE_MAX (256u << 20)
#define DEPTH_MAX 64

struct closure_walk {
	const char *dir;
	struct module_index index;
	struct module_list *list;
	struct inputs *in;
	struct err *e;
};

void module_list_fini(struct module_list *l)
{
	for (size_t i = 0; i < l->nr; i++) {
		free(l->at[i].name);
		free(l->at[i].path);
	}
	free(l->at);
	*l = (struct module_list){ 0 };
}

int module_read(const char *path, struct buf *out, struct err *e)
{
	SCOPED(mapping_close) struct mapping m = { 0 };
	int r = mapping_open(&m, path, e);

	if (r < 0)
		return r;
	if (compression_name(m.at, m.len)) {
		r = decompress(m.at, m.len, MODULE_MAX, out, e);
		return r < 0 ? err_frame(e, "%s", path) : 0;
	}
	buf_put(out, m.at, m.len);
	return out->bad ? err_sys(e, out->bad, "%s", path) : 0;
}

static bool listed(const struct module_list *l, const char *name)
{
	for (size_t i = 0; i < l->nr; i++)
		if (!strcmp(l->at[i].name, name))
			return true;
	return false;
}

/* Takes @path. */
static int append_take(struct module_list *l, const char *name, char *path)
{
	struct module_file *at = realloc(l->at, (l->nr + 1) * sizeof(*at));
	char *copy = at ? strdup(name) : NULL;

	if (at)
		l->at = at;
	if (!copy) {
		free(path);
		return -ENOMEM;
	}
	l->at[l->nr++] = (struct module_file){ .name = copy, .path = path };
	return 0;
}

static int add_module(struct closure_walk *w, const char *name, const char *needed_by, int depth);

/* Dependencies as paths, from modules.dep. */
static int add_listed_deps(struct closure_walk *w, const struct module_row *row, int depth)
{
	SCOPED(mem_free) char *deps = strdup(row->deps);
	int r = deps ? 0 : -ENOMEM;

	for (char *at = deps, *dep; !r && (dep = strsep(&at, " "));) {
		SCOPED(mem_free) char *name = module_name_of(dep);

		if (*dep)
			r = name ? add_module(w, name, row->name, depth) : -ENOMEM;
	}
	return r;
}

/* Dependencies as names, from the file itself. */
static int add_own_deps(struct closure_walk *w, const struct module_row *row, const char *path,
			int depth)
{
	SCOPED(buf_fini) struct buf file = { 0 };
	SCOPED(buf_fini) struct buf deps = { 0 };
	int r = module_read(path, &file, w->e);

	if (!r)
		r = module_depends(file.at, file.len, path, &deps, w->e);
	for (size_t at = 0; !r && at < deps.len; at += strlen(deps.at + at) + 1) {
		SCOPED(mem_free) char *name = module_name_of(deps.at + at);

		r = name ? add_module(w, name, row->name, depth) : -ENOMEM;
	}
	return r;
}

static int add_file(struct closure_walk *w, const struct module_row *row, int depth)
{
	char *path;

	if (asprintf(&path, "%s/%s", w->dir, row->path) < 0)
		return -ENOMEM;
	inputs_add(w->in, path);
	int r = row->deps ? add_listed_deps(w, row, depth) : add_own_deps(w, row, path, depth);
	if (!r)
		return append_take(w->list, row->name, path);
	free(path);
	return r;
}

static int add_module(struct closure_walk *w, const char *name, const char *needed_by, int depth)
{
	const struct module_row *row = module_index_find(&w->index, name);

	if (!row)
		return err_set(w->e, -ENOENT,
			       "module %s%s%s: not in %s, neither a file nor built in", name,
			       needed_by ? ", needed by " : "", needed_by ? needed_by : "", w->dir);
	if (!row->path || listed(w->list, name))
		return 0;
	if (depth > DEPTH_MAX)
		return err_set(w->e, -ELOOP, "module %s: its dependencies go in a circle", name);
	return add_file(w, row, depth + 1);
}

int module_closure(const char *dir, const char *const *names, struct module_list *l,
		   struct inputs *in, struct err *e)
{
	struct closure_walk w = { .dir = dir, .list = l, .in = in, .e = e };
	int r = module_index_read(dir, &w.index, in, e);

	for (; !r && *names; names++) {
		SCOPED(mem_free) char *name = module_name_of(*names);

		r = name ? add_module(&w, name, NULL, 0) : -ENOMEM;
	}
	module_index_fini(&w.index);
	return r == -ENOMEM ? err_sys(e, r, "%s", dir) : r;
}
