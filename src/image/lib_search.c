/* SPDX-License-Identifier: GPL-2.0-only */
#include "image/lib_search.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "image/elf_file.h"
#include "image/inputs.h"
#include "image/ld_cache.h"

#define CACHE_MAX (64u << 20)
#define CONF_MAX (1u << 20)
#define CONF_DEPTH 4

void object_fini(struct object *o)
{
	free(o->dir.path);
	free(o->dir.guest);
	free(o->guest);
	free(o->host);
	free(o->name);
	elf_needs_fini(&o->needs);
	*o = (struct object){ 0 };
}

void lib_search_fini(struct lib_search *s)
{
	buf_fini(&s->cache);
	buf_fini(&s->dirs);
	free(s->other_arch);
	*s = (struct lib_search){ 0 };
}

char *path_cleaned(const char *path)
{
	char *out = malloc(strlen(path) + 2), *end = out;

	while (out && *path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && !memcmp(path, "..", 2)) {
			while (end > out && *--end != '/')
				;
		} else if (n && !(n == 1 && *path == '.')) {
			*end++ = '/';
			memcpy(end, path, n);
			end += n;
		}
		path += n + (path[n] == '/');
	}
	if (out && end == out)
		*end++ = '/';
	if (out)
		*end = 0;
	return out;
}

char *path_directory(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* -ENOEXEC and -EXDEV are the caller's to pass over. */
static int read_object(struct lib_search *s, const char *host, struct elf_needs *ret, struct err *e)
{
	SCOPED(close_fd) int fd = open(host, O_RDONLY | O_CLOEXEC);
	SCOPED(elf_file_close) struct elf_file f = { 0 };

	if (fd < 0)
		return err_sys(e, -errno, "%s", host);
	int r = elf_file_open(&f, fd, host, e);
	if (r < 0)
		return r;
	if (f.head.e_machine != arch_names(s->arch)->elf_machine)
		return err_set(e, -EXDEV, "%s: not built for %s", host, arch_names(s->arch)->name);
	return elf_needs_read(&f, ret, e);
}

static bool passed_over(struct lib_search *s, int r, const char *host)
{
	if (r == -EXDEV) {
		free(s->other_arch);
		s->other_arch = strdup(host);
	}
	return r == -EXDEV || r == -ENOEXEC || r == -ENOENT || r == -EACCES || r == -EISDIR;
}

int lib_search_file(struct lib_search *s, const char *root, const char *path, const char *guest,
		    struct object *ret, struct err *e)
{
	SCOPED(object_fini) struct object o = { 0 };
	int r = root_resolve(root, path, s->in, &o.host);

	if (r < 0)
		return r == -ENOMEM ? err_sys(e, r, "%s", path) : 0;
	r = read_object(s, o.host, &o.needs, e);
	if (r < 0)
		return passed_over(s, r, o.host) ? 0 : r;
	SCOPED(mem_free) char *clean = path_cleaned(path);
	o.guest = path_cleaned(guest);
	o.dir = (struct place){ .root = root,
				.path = clean ? path_directory(clean) : NULL,
				.guest = o.guest ? path_directory(o.guest) : NULL };
	if (!o.dir.path || !o.dir.guest)
		return err_sys(e, -ENOMEM, "%s", path);
	*ret = o;
	o = (struct object){ 0 };
	return 1;
}

/* What the loader puts in place of a token; @lib is one of several guesses for $LIB. */
struct tokens {
	const char *origin;
	const char *lib;
	const char *platform;
};

/* Length of token @name with its "$" or "${}" at @s; 0 if it is not there. */
static size_t token_len(const char *s, const char *name)
{
	size_t n = strlen(name);

	if (s[0] != '$')
		return 0;
	if (s[1] == '{')
		return !strncmp(s + 2, name, n) && s[2 + n] == '}' ? n + 3 : 0;
	return !strncmp(s + 1, name, n) ? n + 1 : 0;
}

static void expand(struct buf *out, const char *text, size_t len, const struct tokens *t)
{
	const struct {
		const char *name, *value;
	} token[] = { { "ORIGIN", t->origin }, { "LIB", t->lib }, { "PLATFORM", t->platform } };

	for (size_t at = 0; at < len;) {
		size_t n = 0;

		for (size_t i = 0; i < ARRAY_SIZE(token) && !n; i++) {
			n = token_len(text + at, token[i].name);
			if (n)
				buf_puts(out, token[i].value);
		}
		if (!n)
			buf_putc(out, text[at]);
		at += n ? n : 1;
	}
}

static bool uses(const char *text, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (token_len(text + i, name))
			return true;
	return false;
}

/* Tries @dir (of @len bytes, with tokens) and @name under one guess for $LIB. */
static int try_expanded(struct lib_search *s, const char *dir, size_t len,
			const struct object *owner, const char *name, const char *lib,
			struct object *ret, struct err *e)
{
	SCOPED(buf_fini) struct buf path = { 0 };
	SCOPED(buf_fini) struct buf guest = { 0 };
	struct tokens t = { owner->dir.path, lib, arch_names(s->arch)->uname };
	bool own = uses(dir, len, "ORIGIN");

	expand(&path, dir, len, &t);
	t.origin = owner->dir.guest;
	expand(&guest, dir, len, &t);
	if (*name) {
		buf_printf(&path, "/%s", name);
		buf_printf(&guest, "/%s", name);
	}
	if (path.bad || guest.bad)
		return err_sys(e, -ENOMEM, "%s", owner->host);
	if (path.at[0] != '/')
		return 0; /* relative to a directory that nobody knows */
	return lib_search_file(s, own ? owner->dir.root : s->root, path.at, guest.at, ret, e);
}

/* How $LIB expands is compiled into the loader: take the first that leads to a file. */
static int try_dir(struct lib_search *s, const char *dir, size_t len, const struct object *owner,
		   const char *name, struct object *ret, struct err *e)
{
	char multiarch[64];
	const char *const guesses[] = { multiarch, "lib64", "lib" };
	size_t nr = uses(dir, len, "LIB") ? ARRAY_SIZE(guesses) : 1;
	int r = 0;

	snprintf(multiarch, sizeof(multiarch), "lib/%s", arch_names(s->arch)->triplet);
	for (size_t i = 0; i < nr && !r; i++)
		r = try_expanded(s, dir, len, owner, name, guesses[i], ret, e);
	return r;
}

int lib_search_path(struct lib_search *s, const char *dirs, const struct object *owner,
		    const char *name, struct object *ret, struct err *e)
{
	int r = 0;

	while (dirs && *dirs && !r) {
		size_t n = strcspn(dirs, ":");

		if (n)
			r = try_dir(s, dirs, n, owner, name, ret, e);
		dirs += n + (dirs[n] == ':');
	}
	return r;
}

int lib_search_slashed(struct lib_search *s, const struct object *owner, const char *name,
		       struct object *ret, struct err *e)
{
	return try_dir(s, name, strlen(name), owner, "", ret, e);
}

static void read_conf(struct lib_search *s, const char *path, int depth);

/* A pattern stands for files below the root. */
static void read_included(struct lib_search *s, const char *pattern, int depth)
{
	SCOPED(buf_fini) struct buf full = { 0 };
	glob_t g = { 0 };

	buf_printf(&full, "%s%s%s", s->root, *pattern == '/' ? "" : "/etc/", pattern);
	SCOPED(mem_free) char *dir = full.at ? path_directory(full.at) : NULL;
	if (dir)
		inputs_add(s->in, dir); /* changes when a file comes or goes */
	if (full.at && glob(full.at, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			read_conf(s, g.gl_pathv[i] + strlen(s->root), depth + 1);
	globfree(&g);
}

static void take_conf_line(struct lib_search *s, char *line, int depth)
{
	line[strcspn(line, "#\r")] = 0;
	line += strspn(line, " \t");
	for (size_t n = strlen(line); n && strchr(" \t", line[n - 1]);)
		line[--n] = 0;
	if (!strncmp(line, "include", 7) && (line[7] == ' ' || line[7] == '\t'))
		read_included(s, line + 7 + strspn(line + 7, " \t"), depth);
	else if (*line == '/')
		buf_put(&s->dirs, line, strlen(line) + 1);
}

/* Missing or unreadable files are as good as empty ones: the loader's configuration is optional. */
static void read_conf(struct lib_search *s, const char *path, int depth)
{
	SCOPED(mem_free) char *host = NULL;
	SCOPED(mem_free) char *text = NULL;

	if (depth > CONF_DEPTH || root_resolve(s->root, path, s->in, &host) < 0 ||
	    read_file(host, CONF_MAX, &text, NULL, NULL) < 0)
		return;
	for (char *at = text, *line; (line = strsep(&at, "\n"));)
		take_conf_line(s, line, depth);
}

static void read_system(struct lib_search *s)
{
	SCOPED(mem_free) char *host = NULL;
	SCOPED(mem_free) char *data = NULL;
	size_t len = 0;

	s->system_read = true;
	if (root_resolve(s->root, "/etc/ld.so.cache", s->in, &host) == 0 &&
	    read_file(host, CACHE_MAX, &data, &len, NULL) == 0)
		buf_put(&s->cache, data, len);
	else
		read_conf(s, "/etc/ld.so.conf", 0);
}

static int try_system_dir(struct lib_search *s, const char *dir, const char *name,
			  struct object *ret, struct err *e)
{
	SCOPED(buf_fini) struct buf path = { 0 };

	buf_printf(&path, "%s/%s", dir, name);
	if (path.bad)
		return err_sys(e, path.bad, "%s", name);
	return lib_search_file(s, s->root, path.at, path.at, ret, e);
}

static int try_default_dirs(struct lib_search *s, const char *name, struct object *ret,
			    struct err *e)
{
	static const char *const dirs[] = { "/lib/%s",	  "/usr/lib/%s", "/lib64",
					    "/usr/lib64", "/lib",	 "/usr/lib" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && !r; i++) {
		char dir[64];
		const char *triplet = strchr(dirs[i], '%');

		snprintf(dir, sizeof(dir), "%.*s%s",
			 (int)(triplet ? triplet - dirs[i] : (long)strlen(dirs[i])), dirs[i],
			 triplet ? arch_names(s->arch)->triplet : "");
		r = try_system_dir(s, dir, name, ret, e);
	}
	return r;
}

static int try_configured(struct lib_search *s, const char *name, struct object *ret, struct err *e)
{
	const char *known = s->cache.at ? ld_cache_find(s->cache.at, s->cache.len, name, s->arch)
					: NULL;
	int r = known && *known == '/' ? lib_search_file(s, s->root, known, known, ret, e) : 0;

	for (size_t at = 0; !r && at < s->dirs.len; at += strlen(s->dirs.at + at) + 1)
		r = try_system_dir(s, s->dirs.at + at, name, ret, e);
	return r;
}

int lib_search_system(struct lib_search *s, const char *name, bool default_dirs, struct object *ret,
		      struct err *e)
{
	if (!s->system_read)
		read_system(s);
	int r = try_configured(s, name, ret, e);
	if (!r && default_dirs)
		r = try_default_dirs(s, name, ret, e);
	if (r <= 0)
		return r;
	ret->name = strdup(name);
	return ret->name ? 1 : err_sys(e, -ENOMEM, "%s", name);
}
