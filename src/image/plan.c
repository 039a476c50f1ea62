/* SPDX-License-Identifier: GPL-2.0-only */
#include "image/plan.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/job.h"
#include "base/err.h"
#include "image/closure.h"
#include "image/guest.h"
#include "image/ld_cache.h"
#include "image/lib_search.h"
#include "image/module.h"
#include "image/newc.h"

#define LD_CACHE_PATH "/etc/ld.so.cache"

struct planner {
	struct guest_plan *p;
	const struct guest_spec *spec;
	const char *sysroot;
	struct closure libs;
	struct err *e;
};

void guest_plan_fini(struct guest_plan *p)
{
	for (size_t i = 0; i < p->nr; i++) {
		free(p->at[i].guest);
		free(p->at[i].source);
	}
	free(p->at);
	inputs_fini(&p->in);
	for (char **m = p->modules; m && *m; m++)
		free(*m);
	free(p->modules);
	buf_fini(&p->ld_cache);
	*p = (struct guest_plan){ 0 };
}

static int out_of_memory(struct planner *w)
{
	return err_sys(w->e, -ENOMEM, "guest archive");
}

static int grow(struct guest_plan *p)
{
	if (p->nr < p->cap)
		return 0;
	size_t cap = p->cap ? p->cap * 2 : 64;
	struct plan_entry *at = realloc(p->at, cap * sizeof(*at));
	if (!at)
		return -ENOMEM;
	p->at = at;
	p->cap = cap;
	return 0;
}

/* Copies guest and source. */
static int append(struct planner *w, struct plan_entry en)
{
	struct guest_plan *p = w->p;

	if (grow(p) < 0)
		return out_of_memory(w);
	en.guest = strdup(en.guest);
	en.source = en.source ? strdup(en.source) : NULL;
	en.order = p->nr;
	p->at[p->nr++] = en;
	return en.guest ? 0 : out_of_memory(w);
}

/* With every directory above it. */
static int add(struct planner *w, struct plan_entry en)
{
	SCOPED(mem_free) char *dir = strdup(en.guest);
	int r = dir ? 0 : out_of_memory(w);

	if (strlen(en.guest) > NEWC_PATH_MAX)
		return err_set(w->e, -ENAMETOOLONG, "%s: its path in the guest is too long",
			       en.source ? en.source : en.guest);
	for (char *c = dir ? dir + 1 : NULL; !r && (c = strchr(c, '/')); *c++ = '/') {
		*c = 0;
		r = append(w, (struct plan_entry){ .guest = dir,
						   .mode = 0755,
						   .source = en.guest,
						   .implied = true });
	}
	return r ? r : append(w, en);
}

static int add_host(struct planner *w, enum entry_kind kind, const char *guest, const char *host,
		    mode_t mode, const struct stat *st)
{
	char target[PATH_MAX];
	struct plan_entry en = { .kind = kind,
				 .guest = (char *)(uintptr_t)guest,
				 .mode = mode,
				 .source = (char *)(uintptr_t)host,
				 .id = identity_of(st) };

	if (kind == ENTRY_LINK) {
		ssize_t n = readlink(host, target, sizeof(target) - 1);

		if (n < 0)
			return err_sys(w->e, -errno, "%s", host);
		target[n] = 0;
		en.source = target;
	}
	return add(w, en);
}

/* A regular file of which @host is the path without symlinks. */
static int add_file(struct planner *w, enum entry_kind kind, const char *guest, const char *host,
		    mode_t mode)
{
	struct stat st;

	if (lstat(host, &st) < 0)
		return err_sys(w->e, -errno, "%s", host);
	if (!S_ISREG(st.st_mode))
		return err_set(w->e, -EINVAL, "%s: not a regular file", host);
	return add_host(w, kind, guest, host, mode ? mode : st.st_mode & 07777, &st);
}

static int add_libraries_of(struct planner *w, const char *host, const char *guest)
{
	struct closure_query q = { .program = host,
				   .guest_path = guest,
				   .arch = w->spec->arch,
				   .sysroot = w->sysroot,
				   .in = &w->p->in };

	return closure_add(&w->libs, &q, w->e);
}

static int add_tree_entry(struct planner *w, const FTSENT *f, const char *guest, bool program)
{
	const struct stat *st = f->fts_statp;
	mode_t mode = st->st_mode & 07777;
	int r;

	switch (f->fts_info) {
	case FTS_D:
		return strcmp(guest, "/") ? add_host(w, ENTRY_DIR, guest, f->fts_path, mode, st)
					  : 0;
	case FTS_SL:
	case FTS_SLNONE:
		return add_host(w, ENTRY_LINK, guest, f->fts_path, 0777, st);
	case FTS_F:
		r = add_host(w, ENTRY_FILE, guest, f->fts_path, mode, st);
		if (!r && program && mode & 0111)
			r = add_libraries_of(w, f->fts_path, guest);
		return r == -ENOEXEC ? 0 : r; /* in a directory not all need to be programs */
	case FTS_DP:
		return 0;
	case FTS_DEFAULT:
		return err_set(w->e, -EINVAL, "%s: a device, pipe or socket cannot be packed",
			       f->fts_path);
	default:
		return err_sys(w->e, f->fts_errno ? -f->fts_errno : -EIO, "%s", f->fts_path);
	}
}

static int add_tree(struct planner *w, const char *guest, const char *host, bool program)
{
	char *roots[] = { (char *)(uintptr_t)host, NULL };
	FTS *t = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *f;
	int r = t ? 0 : err_sys(w->e, -errno, "%s", host);

	while (!r && (f = fts_read(t))) {
		SCOPED(buf_fini) struct buf path = { 0 };

		buf_printf(&path, "%s%s", guest, f->fts_path + strlen(host));
		SCOPED(mem_free) char *clean = path_cleaned(buf_str(&path));
		if (f->fts_info != FTS_DP)
			inputs_add(&w->p->in, f->fts_path);
		r = path.bad || !clean ? out_of_memory(w) : add_tree_entry(w, f, clean, program);
	}
	if (t)
		fts_close(t);
	return r;
}

static int resolve(struct planner *w, const char *path, char **ret)
{
	int r = host_resolve(path, &w->p->in, ret);

	return r < 0 ? err_sys(w->e, r, "%s", path) : 0;
}

static bool is_guest_place(const char *path, bool directory)
{
	size_t len = strlen(path);

	if (*path != '/' || strstr(path, "/../") || (len > 2 && !strcmp(path + len - 3, "/..")))
		return false;
	return directory || path[strspn(path, "/")];
}

static int add_include(struct planner *w, const struct guest_include *inc)
{
	SCOPED(mem_free) char *host = NULL;
	SCOPED(mem_free) char *guest = path_cleaned(inc->guest_path);
	struct stat st;
	int r = guest ? resolve(w, inc->host_path, &host) : out_of_memory(w);

	if (r < 0)
		return r;
	bool directory = lstat(host, &st) == 0 && S_ISDIR(st.st_mode);
	if (!is_guest_place(inc->guest_path, directory))
		return err_set(w->e, -EINVAL, "%s: \"%s\" is no place in the guest for it",
			       inc->host_path, inc->guest_path);
	if (directory)
		return add_tree(w, guest, host, inc->program);
	/* a program's mode is its builder's umask, which the guest need not know */
	r = add_file(w, ENTRY_FILE, guest, host, inc->program ? 0755 : 0);
	return !r && inc->program ? add_libraries_of(w, host, guest) : r;
}

static int add_module(struct planner *w, const struct module_file *m, size_t i)
{
	SCOPED(mem_free) char *host = NULL;
	SCOPED(buf_fini) struct buf guest = { 0 };
	int r = resolve(w, m->path, &host);

	if (r < 0)
		return r;
	buf_printf(&guest, "%s/%s.ko", GUEST_MODULE_DIR, m->name);
	if (asprintf(&w->p->modules[i], "%s.ko", m->name) < 0 || guest.bad) {
		w->p->modules[i] = NULL;
		return out_of_memory(w);
	}
	return add_file(w, ENTRY_MODULE, guest.at, host, 0644);
}

static int add_modules(struct planner *w)
{
	SCOPED(module_list_fini) struct module_list l = { 0 };
	SCOPED(mem_free) char *dir = NULL;

	if (!w->spec->modules_dir || !w->spec->modules || !*w->spec->modules)
		return 0;
	int r = resolve(w, w->spec->modules_dir, &dir);
	if (!r)
		r = module_closure(dir, w->spec->modules, &l, &w->p->in, w->e);
	if (r < 0)
		return r;
	w->p->modules = calloc(l.nr + 1, sizeof(char *));
	if (!w->p->modules)
		return out_of_memory(w);
	for (size_t i = 0; !r && i < l.nr; i++)
		r = add_module(w, &l.at[i], i);
	return r;
}

static int add_skeleton(struct planner *w)
{
	static const char *const dirs[] = { "/dev", "/proc",	      "/sys",
					    "/run", "/etc",	      "/root",
					    "/bin", GUEST_MODULE_DIR, GUEST_BIN_DIR };
	struct plan_entry init = { .kind = ENTRY_DATA, .guest = (char[]){ "/init" }, .mode = 0755 };
	int r = init_blob(w->spec->arch, &init.data, &init.data_len, w->e);

	if (!r)
		r = add(w, init);
	if (!r)
		r = add(w, (struct plan_entry){ .guest = (char[]){ "/tmp" }, .mode = 01777 });
	for (size_t i = 0; !r && i < ARRAY_SIZE(dirs); i++)
		r = add(w,
			(struct plan_entry){ .guest = (char *)(uintptr_t)dirs[i], .mode = 0755 });
	return r ? r
		 : add(w, (struct plan_entry){ .kind = ENTRY_NODE,
					       .guest = (char[]){ "/dev/console" },
					       .mode = 0600 });
}

/* Tells the loader where the libraries are that it would not find by itself. */
static int add_ld_cache(struct planner *w)
{
	struct ld_entry *rows = calloc(w->libs.nr + 1, sizeof(*rows));
	size_t nr = 0;

	if (!rows)
		return out_of_memory(w);
	for (size_t i = 0; i < w->libs.nr; i++)
		if (w->libs.at[i].name)
			rows[nr++] =
				(struct ld_entry){ w->libs.at[i].name, w->libs.at[i].guest_path };
	if (nr)
		ld_cache_write(&w->p->ld_cache, rows, nr, w->spec->arch);
	free(rows);
	for (size_t i = 0; i < w->p->nr; i++)
		if (!strcmp(w->p->at[i].guest, LD_CACHE_PATH))
			return 0; /* the user's own */
	if (w->p->ld_cache.bad)
		return out_of_memory(w);
	return nr ? add(w, (struct plan_entry){ .kind = ENTRY_DATA,
						.guest = (char[]){ LD_CACHE_PATH },
						.mode = 0644,
						.data = w->p->ld_cache.at,
						.data_len = w->p->ld_cache.len })
		  : 0;
}

static int add_libraries(struct planner *w)
{
	int r = 0;

	for (size_t i = 0; !r && i < w->libs.nr; i++)
		r = add_file(w, ENTRY_FILE, w->libs.at[i].guest_path, w->libs.at[i].host_path,
			     0755);
	return r ? r : add_ld_cache(w);
}

static int by_guest_path(const void *a, const void *b)
{
	const struct plan_entry *x = a, *y = b;
	int r = strcmp(x->guest, y->guest);

	if (!r)
		r = x->implied - y->implied;
	return r ? r : (x->order > y->order) - (x->order < y->order);
}

static const char *origin(const struct plan_entry *en, char *buf, size_t cap)
{
	if (!en->source)
		return "ktstr's own";
	if (!en->implied && en->kind != ENTRY_LINK)
		return en->source;
	snprintf(buf, cap, en->implied ? "a directory for %s" : "a link to %s", en->source);
	return buf;
}

static bool same_thing(const struct plan_entry *a, const struct plan_entry *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == ENTRY_DIR)
		return true;
	if (a->kind == ENTRY_LINK)
		return !strcmp(a->source, b->source);
	return a->source && b->source && identity_equal(&a->id, &b->id);
}

/* Sorted, equal neighbours are one entry or a contradiction. */
static int merge(struct planner *w)
{
	struct guest_plan *p = w->p;
	size_t kept = 0;

	qsort(p->at, p->nr, sizeof(*p->at), by_guest_path);
	for (size_t i = 0; i < p->nr; i++) {
		struct plan_entry *en = &p->at[i], *last = kept ? &p->at[kept - 1] : NULL;
		char one[PATH_MAX], two[PATH_MAX];

		if (!last || strcmp(last->guest, en->guest)) {
			struct plan_entry moved = *en;

			*en = (struct plan_entry){ 0 };
			p->at[kept++] = moved;
			continue;
		}
		if (!same_thing(last, en))
			return err_set(w->e, -EEXIST,
				       "%s in the guest: both %s and %s would be there", en->guest,
				       origin(last, one, sizeof(one)),
				       origin(en, two, sizeof(two)));
		free(en->guest);
		free(en->source);
		*en = (struct plan_entry){ 0 };
	}
	p->nr = kept;
	return 0;
}

static int plan_all(struct planner *w)
{
	const struct guest_spec *s = w->spec;
	struct guest_include busybox = { s->busybox, GUEST_BUSYBOX_PATH, true };
	int r = add_skeleton(w);

	if (!r)
		r = add_modules(w);
	if (!r && s->busybox)
		r = add_include(w, &busybox);
	for (size_t i = 0; !r && i < s->nr_includes; i++)
		r = add_include(w, &s->includes[i]);
	if (!r)
		r = add_libraries(w);
	return r ? r : merge(w);
}

int guest_plan_make(const struct guest_spec *spec, const char *sysroot, struct guest_plan *ret,
		    struct err *e)
{
	SCOPED(guest_plan_fini) struct guest_plan p = { 0 };
	struct planner w = { .p = &p, .spec = spec, .sysroot = sysroot, .e = e };
	int r = plan_all(&w);

	closure_fini(&w.libs);
	if (!r && p.in.bad)
		r = err_sys(e, p.in.bad, "guest archive");
	if (r < 0)
		return r;
	*ret = p;
	p = (struct guest_plan){ 0 };
	return 0;
}
