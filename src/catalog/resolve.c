/* SPDX-License-Identifier: GPL-2.0-only */
/* What a user calls a kernel, turned into one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "catalog/cache.h"
#include "catalog/debian.h"
#include "catalog/origin.h"

#define FORMS \
	"debian[:SUITE][:FLAVOUR], the path of a kernel file or build tree, or a key from ktstr " \
	"kernel list"

enum form { FORM_DEBIAN, FORM_PATH, FORM_KEY, FORM_UNKNOWN };

static bool is_debian(const char *spec)
{
	return !strcmp(spec, "debian") || !strncmp(spec, "debian:", 7);
}

static enum form form_of(const char *spec)
{
	if (is_debian(spec))
		return FORM_DEBIAN;
	if (strchr(spec, '/') || spec[0] == '.')
		return FORM_PATH;
	if (spec[0] && strspn(spec, "0123456789abcdef") == strlen(spec))
		return access(spec, F_OK) == 0 && strlen(spec) < KEY_PREFIX_MIN ? FORM_PATH
										: FORM_KEY;
	return access(spec, F_OK) == 0 ? FORM_PATH : FORM_UNKNOWN;
}

static int resolve_key(struct catalog *c, const char *spec, enum arch a, struct kernel *ret,
		       struct err *e)
{
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	char key[KEY_LEN + 1];
	int r = cache_find_key(c, spec, key, e);

	if (r == 0)
		r = entry_open(c, key, &k, e);
	if (r < 0)
		return r;
	if (k.arch != a)
		return err_set(e, -EXDEV, "kernel %.12s: is for %s, the guest is %s", k.key,
			       arch_names(k.arch)->name, arch_names(a)->name);
	*ret = k;
	k = (struct kernel){ .lock_fd = -1 };
	return 0;
}

static int resolve_path(struct catalog *c, const char *path, enum arch a,
			const struct catalog_progress *p, struct kernel *ret, struct err *e)
{
	SCOPED(mem_free) struct origin *o = calloc(1, sizeof(*o));

	if (!o)
		return err_sys(e, -ENOMEM, "kernel %.200s", path);
	int r = origin_find(path, &a, o, e);
	return r < 0 ? r : origin_resolve(c, o, p, ret, e);
}

static int resolve_debian(struct catalog *c, const char *spec, enum arch a, bool ask,
			  const struct catalog_progress *p, struct kernel *ret, bool *ret_new,
			  struct err *e)
{
	struct debian_spec s;
	int r = debian_spec_parse(spec, a, &s, e);

	if (r == 0 && !ask) {
		r = debian_cached(c, &s, p, ret, e);
		if (r != -ENOENT)
			return r;
		r = 0;
	}
	return r < 0 ? r : debian_fetch(c, &s, !ask, p, ret, ret_new, e);
}

static int unknown(const char *spec, struct err *e)
{
	static const char *const names[] = { "debian", "debian:cloud", "debian:generic",
					     "debian:rt" };
	const char *near = name_nearest(spec, names, ARRAY_SIZE(names));

	if (near)
		return err_set(e, -EINVAL, "kernel \"%.100s\": not understood; did you mean %s?",
			       spec, near);
	return err_set(e, -EINVAL, "kernel \"%.100s\": not understood; name one as " FORMS, spec);
}

static int resolve(struct catalog *c, const char *spec, enum arch a, bool ask,
		   const struct catalog_progress *p, struct kernel *ret, bool *ret_new,
		   struct err *e)
{
	if (!spec || !*spec)
		spec = KERNEL_DEFAULT;
	switch (form_of(spec)) {
	case FORM_DEBIAN:
		return resolve_debian(c, spec, a, ask, p, ret, ret_new, e);
	case FORM_PATH:
		return resolve_path(c, spec, a, p, ret, e);
	case FORM_KEY:
		return resolve_key(c, spec, a, ret, e);
	case FORM_UNKNOWN:
		break;
	}
	return unknown(spec, e);
}

int catalog_resolve(struct catalog *c, const char *spec, enum arch a,
		    const struct catalog_progress *p, struct kernel *ret, struct err *e)
{
	return resolve(c, spec, a, false, p, ret, NULL, e);
}

int catalog_fetch(struct catalog *c, const char *spec, enum arch a,
		  const struct catalog_progress *p, struct kernel *ret, bool *ret_new,
		  struct err *e)
{
	bool is_new = false;
	int r = resolve(c, spec, a, true, p, ret, &is_new, e);

	if (r == 0 && ret_new)
		*ret_new = is_new;
	return r;
}

int catalog_remove(struct catalog *c, const char *key_or_prefix, struct err *e)
{
	char key[KEY_LEN + 1];
	int r = cache_find_key(c, key_or_prefix, key, e);

	return r < 0 ? r : entry_remove(c, key, e);
}
