/* SPDX-License-Identifier: GPL-2.0-only */
/* Builds the loader's map of a program, breadth first; how a library is found is in lib_search.c. */
#include "image/closure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "image/elf_file.h"
#include "image/inputs.h"
#include "image/lib_search.h"

#define OBJECTS_MAX 1024
#define SCRIPT_DEPTH 4 /* as the kernel's */
#define SCRIPT_LINE 256

/* One program's objects in the order they would be loaded; the program is the first. */
struct load_map {
	struct lib_search search;
	struct object *at;
	size_t nr;
	const struct closure_query *q;
	struct err *e;
};

void closure_fini(struct closure *c)
{
	for (size_t i = 0; i < c->nr; i++) {
		free(c->at[i].guest_path);
		free(c->at[i].host_path);
		free(c->at[i].name);
	}
	free(c->at);
	*c = (struct closure){ 0 };
}

static void load_map_fini(struct load_map *m)
{
	for (size_t i = 0; i < m->nr; i++)
		object_fini(&m->at[i]);
	free(m->at);
	lib_search_fini(&m->search);
}
DEFINE_SCOPED_FINI(struct load_map, load_map_fini)

static struct closure_file *find_file(struct closure *c, const char *guest_path)
{
	for (size_t i = 0; i < c->nr; i++)
		if (!strcmp(c->at[i].guest_path, guest_path))
			return &c->at[i];
	return NULL;
}

static int append_file(struct closure *c, const struct object *o)
{
	struct closure_file *at = realloc(c->at, (c->nr + 1) * sizeof(*at));

	if (!at)
		return -ENOMEM;
	c->at = at;
	at += c->nr++;
	*at = (struct closure_file){ .guest_path = strdup(o->guest),
				     .host_path = strdup(o->host),
				     .name = o->name ? strdup(o->name) : NULL };
	return at->guest_path && at->host_path && !at->name == !o->name ? 0 : -ENOMEM;
}

static int put_file(struct closure *c, const struct object *o, struct err *e)
{
	struct closure_file *old = find_file(c, o->guest);

	if (old && strcmp(old->host_path, o->host))
		return err_set(e, -EEXIST, "%s in the guest: both %s and %s would be there",
			       o->guest, old->host_path, o->host);
	if (!old) {
		int r = append_file(c, o);
		return r < 0 ? err_sys(e, r, "%s", o->host) : 0;
	}
	if (!old->name && o->name) {
		old->name = strdup(o->name);
		return old->name ? 0 : err_sys(e, -ENOMEM, "%s", o->host);
	}
	return 0;
}

/* Takes what is in @o; its loader is the object @loader. */
static int push_take(struct load_map *m, struct object *o, size_t loader)
{
	struct object *at = m->nr < OBJECTS_MAX ? realloc(m->at, (m->nr + 1) * sizeof(*at)) : NULL;

	if (!at) {
		object_fini(o);
		return err_sys(m->e, m->nr < OBJECTS_MAX ? -ENOMEM : -E2BIG, "%s", m->q->program);
	}
	m->at = at;
	o->loader = loader;
	m->at[m->nr++] = *o;
	*o = (struct object){ 0 };
	return 0;
}

static bool is_loaded(const struct load_map *m, const char *name)
{
	for (size_t i = 0; i < m->nr; i++) {
		const struct object *o = &m->at[i];

		if ((o->needs.soname && !strcmp(o->needs.soname, name)) ||
		    (o->name && !strcmp(o->name, name)) || (i && !strcmp(o->guest, name)))
			return true;
	}
	return false;
}

/* RPATHs count from who asks up to the program, unless who asks has a RUNPATH. */
static int search_rpaths(struct load_map *m, size_t who, const char *name, struct object *ret)
{
	size_t i = who;
	int r = 0;

	if (m->at[who].needs.runpath)
		return 0;
	for (;;) {
		const struct object *o = &m->at[i];

		if (!o->needs.runpath)
			r = lib_search_path(&m->search, o->needs.rpath, o, name, ret, m->e);
		if (r || o->loader == i)
			return r;
		i = o->loader;
	}
}

static int search(struct load_map *m, size_t who, const char *name, struct object *ret)
{
	const struct object *o = &m->at[who];
	int r;

	if (strchr(name, '/'))
		return lib_search_slashed(&m->search, o, name, ret, m->e);
	r = search_rpaths(m, who, name, ret);
	if (!r)
		r = lib_search_path(&m->search, o->needs.runpath, o, name, ret, m->e);
	if (!r)
		r = lib_search_system(&m->search, name, !o->needs.no_default_dirs, ret, m->e);
	return r;
}

/* Where was looked and what may help, for a message about a missing file. */
static int missing(struct load_map *m, const char *what, const char *name, const char *needed_by)
{
	const char *root = m->q->sysroot, *other = m->search.other_arch;
	const struct arch_names *n = arch_names(m->q->arch);

	if (other)
		return err_set(m->e, -ENOENT, "%s %s, needed by %s: there is only %s, not for %s",
			       what, name, needed_by, other, n->name);
	if (!*root && m->q->arch != arch_host())
		return err_set(
			m->e, -ENOENT,
			"%s %s, needed by %s: not found, and there is no sysroot for %s: make "
			"one with tools/sysroot, name one with --sysroot, or link the "
			"program statically",
			what, name, needed_by, n->name);
	return err_set(m->e, -ENOENT, "%s %s, needed by %s: not found%s%s", what, name, needed_by,
		       *root ? " below " : "", root);
}

static int load_needed(struct load_map *m, size_t who, const char *name)
{
	SCOPED(object_fini) struct object o = { 0 };

	if (is_loaded(m, name))
		return 0;
	free(m->search.other_arch);
	m->search.other_arch = NULL;
	int r = search(m, who, name, &o);
	if (r < 0)
		return r;
	if (!r)
		return missing(m, "library", name, m->at[who].host);
	return push_take(m, &o, who);
}

static int load_interpreter(struct load_map *m, const char *path)
{
	SCOPED(object_fini) struct object o = { 0 };

	if (path[0] != '/')
		return err_set(m->e, -ENOEXEC, "%s: its interpreter \"%s\" is not an absolute path",
			       m->q->program, path);
	int r = lib_search_file(&m->search, m->q->sysroot, path, path, &o, m->e);
	if (r < 0)
		return r;
	if (!r)
		return missing(m, "interpreter", path, m->q->program);
	return push_take(m, &o, 0);
}

/* Everything the first object needs, and then what those need. */
static int load_all(struct load_map *m)
{
	int r = m->at[0].needs.interp ? load_interpreter(m, m->at[0].needs.interp) : 0;

	for (size_t i = 0; !r && i < m->nr; i++)
		for (size_t k = 0; !r && k < m->at[i].needs.nr_needed; k++)
			r = load_needed(m, i, m->at[i].needs.needed[k]);
	return r;
}

/* The program as an object: its own folder counts from the sysroot only if it is in there. */
static int open_program(struct load_map *m, const char *host, int fd)
{
	SCOPED(object_fini) struct object o = { 0 };
	SCOPED(elf_file_close) struct elf_file f = { 0 };
	size_t root_len = strlen(m->q->sysroot);
	int r = elf_file_open(&f, fd, host, m->e);

	if (r < 0)
		return r;
	if (f.head.e_machine != arch_names(m->q->arch)->elf_machine)
		return err_set(m->e, -EXDEV, "%s: not built for %s, which the guest is", host,
			       arch_names(m->q->arch)->name);
	r = elf_needs_read(&f, &o.needs, m->e);
	if (r < 0)
		return r;
	bool inside = root_len && !strncmp(host, m->q->sysroot, root_len) && host[root_len] == '/';
	o.host = strdup(host);
	o.guest = path_cleaned(m->q->guest_path);
	o.dir.root = inside ? m->q->sysroot : "";
	o.dir.path = path_directory(inside ? host + root_len : host);
	o.dir.guest = o.guest ? path_directory(o.guest) : NULL;
	if (!o.host || !o.dir.path || !o.dir.guest)
		return err_sys(m->e, -ENOMEM, "%s", host);
	return push_take(m, &o, 0);
}

static int add_elf(struct closure *c, const struct closure_query *q, const char *host, int fd,
		   struct err *e)
{
	SCOPED(load_map_fini) struct load_map m = {
		.search = { .arch = q->arch, .root = q->sysroot, .in = q->in }, .q = q, .e = e
	};
	int r = open_program(&m, host, fd);

	if (!r)
		r = load_all(&m);
	for (size_t i = 1; !r && i < m.nr; i++)
		r = put_file(c, &m.at[i], e);
	return r;
}

static int add_program(struct closure *c, const struct closure_query *q, int depth, struct err *e);

/* The program @path of the sysroot, as a file of its own, and what it needs. */
static int add_interpreter(struct closure *c, const struct closure_query *q, const char *path,
			   int depth, struct err *e)
{
	struct object file = { .guest = (char *)(uintptr_t)path };
	int r = root_resolve(q->sysroot, path, q->in, &file.host);

	if (r < 0)
		return err_sys(e, r, "%s: its interpreter %s%s", q->program, q->sysroot, path);
	struct closure_query inner = *q;
	inner.program = file.host;
	inner.guest_path = path;
	r = put_file(c, &file, e);
	if (!r)
		r = add_program(c, &inner, depth + 1, e);
	free(file.host);
	return r;
}

/* "#!/usr/bin/env NAME": NAME as it will be found in the guest. */
static int add_from_path(struct closure *c, const struct closure_query *q, const char *name,
			 int depth, struct err *e)
{
	static const char *const dirs[] = { "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin",
					    "/sbin" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		char path[SCRIPT_LINE + 32];
		SCOPED(mem_free) char *host = NULL;

		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (root_resolve(q->sysroot, path, q->in, &host) == 0)
			return add_interpreter(c, q, path, depth, e);
	}
	return err_set(e, -ENOENT, "%s: its interpreter %s: not found%s%s", q->program, name,
		       *q->sysroot ? " below " : "", q->sysroot);
}

/* @line is what follows "#!". */
static int add_script(struct closure *c, const struct closure_query *q, char *line, int depth,
		      struct err *e)
{
	line[strcspn(line, "\n")] = 0;
	char *rest = line, *path, *word;

	while ((path = strsep(&rest, " \t\r")) && !*path)
		;
	if (!path || *path != '/')
		return err_set(e, -ENOEXEC, "%s: a script without an absolute interpreter",
			       q->program);
	if (depth >= SCRIPT_DEPTH)
		return err_set(e, -ELOOP, "%s: too many interpreters of interpreters", q->program);
	int r = add_interpreter(c, q, path, depth, e);
	if (r < 0 || strcmp(strrchr(path, '/'), "/env"))
		return r;
	while ((word = strsep(&rest, " \t\r")) && (!*word || *word == '-' || strchr(word, '=')))
		;
	return word && !strchr(word, '/') ? add_from_path(c, q, word, depth, e) : 0;
}

static int add_program(struct closure *c, const struct closure_query *q, int depth, struct err *e)
{
	SCOPED(mem_free) char *host = NULL;
	char start[SCRIPT_LINE] = { 0 };
	int r = host_resolve(q->program, q->in, &host);

	if (r < 0)
		return err_sys(e, r, "%s", q->program);
	SCOPED(close_fd) int fd = open(host, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, start, sizeof(start) - 1, 0);
	if (n < 0)
		return err_sys(e, -errno, "%s", q->program);
	if (n >= 2 && !memcmp(start, "#!", 2))
		return add_script(c, q, start + 2, depth, e);
	if (n < SELFMAG || memcmp(start, ELFMAG, SELFMAG))
		return err_set(e, -ENOEXEC, "%s: neither an ELF program nor a script", q->program);
	return add_elf(c, q, host, fd, e);
}

int closure_add(struct closure *c, const struct closure_query *q, struct err *e)
{
	SCOPED(mem_free) char *root = NULL;
	struct closure_query clean = *q;
	int r = *q->sysroot ? host_resolve(q->sysroot, q->in, &root) : 0;

	if (r < 0)
		return err_sys(e, r, "sysroot %s", q->sysroot);
	clean.sysroot = root && strcmp(root, "/") ? root : "";
	return add_program(c, &clean, 0, e);
}
