/* SPDX-License-Identifier: GPL-2.0-only */
/* The cache directory itself: where it is, what may be done to it, and what it contains. */
#include "catalog/cache.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"

#define ELSEWHERE "name another directory in KTSTR_CACHE_DIR"

__attribute__((format(printf, 2, 0))) static struct path path_vformat(const char *head,
								      const char *fmt, va_list ap)
{
	struct path p;
	size_t used = (size_t)snprintf(p.s, sizeof(p.s), "%s", head);
	int n = used < sizeof(p.s) ? vsnprintf(p.s + used, sizeof(p.s) - used, fmt, ap) : -1;

	if (n < 0 || (size_t)n >= sizeof(p.s) - used)
		p.s[0] = 0;
	return p;
}

struct path path_format(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	struct path p = path_vformat("", fmt, ap);
	va_end(ap);
	return p;
}

struct path cache_path(const struct catalog *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	struct path p = path_vformat(c->dir, fmt, ap);
	va_end(ap);
	return p;
}

void progress_say(const struct catalog_progress *p, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	if (!p || !p->say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->say(p->ctx, text);
}

/* XDG base directories: a relative XDG_CACHE_HOME is to be ignored. */
static int default_dir(struct path *ret, struct err *e)
{
	const char *own = getenv("KTSTR_CACHE_DIR");
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (own && *own)
		*ret = path_format("%s", own);
	else if (xdg && *xdg == '/')
		*ret = path_format("%s/ktstr", xdg);
	else if (!home)
		return err_set(e, -ENOENT, "cache directory: HOME is not set; " ELSEWHERE);
	else if (!*home)
		return err_set(e, -ENOENT, "cache directory: HOME is empty; " ELSEWHERE);
	else if (*home != '/')
		return err_set(
			e, -EINVAL,
			"cache directory: HOME is \"%.100s\", not an absolute path; " ELSEWHERE,
			home);
	else
		*ret = path_format("%s/.cache/ktstr", home);
	return 0;
}

/* Names below @dir are ours and short, so that none of them can be cut off. */
static int make_dir(const char *dir, char **ret, struct err *e)
{
	int r = make_dirs(dir, 0755, NULL);
	struct stat st;

	if (r < 0 && stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	if (r < 0)
		return err_set(e, r, "cache directory %.200s: %s; " ELSEWHERE, dir, strerror(-r));
	SCOPED(mem_free) char *real = realpath(dir, NULL);
	if (!real || strlen(real) > PATH_MAX - 512)
		return err_set(e, -ENAMETOOLONG, "cache directory %.200s: %s; " ELSEWHERE, dir,
			       strerror(real ? ENAMETOOLONG : errno));
	*ret = hand_over(real);
	return 0;
}

/* A cache that cannot be written still serves what is in it. */
static int make_layout(struct catalog *c, struct err *e)
{
	static const char *const dirs[] = { "",	       "/kernels", "/locks",	"/tmp",
					    "/debian", "/busybox", "/parts",	"/objects",
					    "/known",  "/runs",	   "/snapshots" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct path p = cache_path(c, "%s", dirs[i]);
		int r = make_dirs(p.s, 0755, NULL);

		if (r == 0 && access(p.s, R_OK | X_OK) < 0)
			return err_set(e, -errno, "cache directory %.200s: %s; " ELSEWHERE, p.s,
				       strerror(errno));
		if (r == 0 && access(p.s, W_OK) < 0)
			r = -errno;
		if (r == -ENOTDIR)
			return err_sys(e, r, "cache directory %.200s: remove it", p.s);
		if (r < 0)
			c->read_only = r;
	}
	return 0;
}

void catalog_close(struct catalog *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < NR_ARCHES; i++)
		free(c->busybox[i]);
	free(c->dir);
	free(c);
}

int catalog_open(const char *dir, struct catalog **ret, struct err *e)
{
	SCOPED(catalog_close) struct catalog *c = calloc(1, sizeof(*c));
	struct path p = path_format("%s", dir ? dir : "");
	int r = dir ? 0 : default_dir(&p, e);

	if (r < 0)
		return r;
	if (!c)
		return err_sys(e, -ENOMEM, "cache");
	r = make_dir(p.s, &c->dir, e);
	if (r == 0)
		r = make_layout(c, e);
	if (r < 0)
		return r;
	/* What killed processes left. What cannot be removed is in nobody's way; gc reports it. */
	if (!c->read_only)
		draft_sweep(c, false, NULL, NULL);
	*ret = hand_over(c);
	return 0;
}

const char *catalog_dir(const struct catalog *c)
{
	return c->dir;
}

int cache_check_writable(const struct catalog *c, struct err *e)
{
	if (!c->read_only)
		return 0;
	return err_set(e, c->read_only, "cache directory %.200s: cannot be written: %s; " ELSEWHERE,
		       c->dir, strerror(-c->read_only));
}

int cache_write_failed(const struct catalog *c, int r, struct err *e)
{
	const char *remedy = "";

	if (r == -ENOSPC || r == -EDQUOT)
		remedy = "; free some (ktstr kernel gc) or " ELSEWHERE;
	return err_set(e, r, "cache directory %.200s: %s%s", c->dir, strerror(-r), remedy);
}

void key_list_fini(struct key_list *l)
{
	free(l->at);
	*l = (struct key_list){ 0 };
}

static int is_key(const struct dirent *de)
{
	return strlen(de->d_name) == KEY_LEN && strspn(de->d_name, "0123456789abcdef") == KEY_LEN;
}

int cache_keys(const struct catalog *c, struct key_list *ret, struct err *e)
{
	struct path p = cache_path(c, "/kernels");
	struct dirent **found;
	struct key_list l = { 0 };

	*ret = l;
	int n = scandir(p.s, &found, is_key, alphasort);

	if (n < 0 && errno != ENOENT)
		return err_sys(e, -errno, "%s", p.s);
	if (n < 0)
		return 0;
	l.at = calloc((size_t)n + 1, sizeof(*l.at));
	for (int i = 0; i < n; i++) {
		if (l.at)
			memcpy(l.at[l.nr++], found[i]->d_name, KEY_LEN + 1);
		free(found[i]);
	}
	free(found);
	if (!l.at)
		return err_sys(e, -ENOMEM, "%s", p.s);
	*ret = l;
	return 0;
}

int cache_find_key(const struct catalog *c, const char *prefix, char ret[KEY_LEN + 1],
		   struct err *e)
{
	SCOPED(key_list_fini) struct key_list l = { 0 };
	size_t len = strlen(prefix), hits = 0, hit = 0;

	if (len < KEY_PREFIX_MIN || len > KEY_LEN || strspn(prefix, "0123456789abcdef") != len)
		return err_set(e, -EINVAL, "kernel \"%.80s\": a key has %d to %d digits 0-9 a-f",
			       prefix, KEY_PREFIX_MIN, KEY_LEN);
	int r = cache_keys(c, &l, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < l.nr; i++)
		if (!strncmp(l.at[i], prefix, len)) {
			hits++;
			hit = i;
		}
	if (!hits)
		return err_set(e, -ENOENT,
			       "kernel %s: no such key in the cache; see: ktstr kernel list",
			       prefix);
	if (hits > 1)
		return err_set(e, -EEXIST, "kernel %s: %zu keys start like this, for one %.*s",
			       prefix, hits, (int)MIN(len + 6, (size_t)KEY_LEN), l.at[hit]);
	memcpy(ret, l.at[hit], KEY_LEN + 1);
	return 0;
}
