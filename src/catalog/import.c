/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels of one's own, copied into the cache. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "catalog/cache.h"
#include "catalog/origin.h"

/* @dir: a modules directory, or what INSTALL_MOD_PATH was when modules were installed. */
static int choose_modules(const char *dir, struct origin *o, struct err *e)
{
	const struct path tries[] = {
		path_format("%s/lib/modules/%s", dir, o->release),
		path_format("%s/usr/lib/modules/%s", dir, o->release),
		path_format("%s", dir),
	};
	struct stat st;
	int r = 0;

	for (size_t i = o->release[0] ? 0 : ARRAY_SIZE(tries) - 1; i < ARRAY_SIZE(tries); i++) {
		r = stat(tries[i].s, &st) < 0 ? -errno : 0;
		if (r == 0 && S_ISDIR(st.st_mode)) {
			o->modules = tries[i];
			return 0;
		}
	}
	return err_sys(e, r ? r : -ENOTDIR, "modules directory %.200s", dir);
}

/* The contents were there before under another name: the newest name counts. */
static int rename_entry(struct catalog *c, const char *name, struct kernel *k, struct err *e)
{
	struct metadata m;
	int r = entry_metadata(c, k->key, &m, e);

	if (r < 0 || !strcmp(m.name, name))
		return r;
	snprintf(m.name, sizeof(m.name), "%s", name);
	memcpy(k->name, m.name, sizeof(k->name));
	return entry_relabel(c, &m, e);
}

static int import(struct catalog *c, const struct origin *o, const char *name,
		  const char *otherwise, struct kernel *ret, struct err *e)
{
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	SCOPED(draft_fini) struct draft d = DRAFT_NONE;
	struct metadata m = { 0 };
	bool is_new;
	int r = draft_open(c, &d, e);

	if (r < 0)
		return r;
	snprintf(m.name, sizeof(m.name), "%s", name ? name : otherwise);
	snprintf(m.source, sizeof(m.source), "import %.240s", o->image.s);
	r = origin_store(c, &d, o, ORIGIN_COPY, &m, &k, &is_new, e);
	if (r == 0 && !is_new && name)
		r = rename_entry(c, name, &k, e);
	if (r < 0)
		return r;
	*ret = k;
	k = (struct kernel){ .lock_fd = -1 };
	return 0;
}

int catalog_import(struct catalog *c, const char *path, const char *modules_dir, const char *name,
		   struct kernel *ret, struct err *e)
{
	SCOPED(mem_free) struct origin *o = calloc(1, sizeof(*o));
	SCOPED(mem_free) char *real = realpath(path, NULL);

	if (name && (!*name || strlen(name) >= sizeof(ret->name)))
		return err_set(e, -EINVAL, "name \"%.60s\": 1 to %zu bytes are possible", name,
			       sizeof(ret->name) - 1);
	if (!real)
		return err_sys(e, -errno, "kernel %.200s", path);
	if (!o)
		return err_sys(e, -ENOMEM, "kernel %.200s", path);
	int r = origin_find(path, NULL, o, e);
	if (r == 0 && modules_dir)
		r = choose_modules(modules_dir, o, e);
	return r < 0 ? r : import(c, o, name, strrchr(real, '/') + 1, ret, e);
}
