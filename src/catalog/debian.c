/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/debian.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/apt.h"
#include "catalog/deb.h"
#include "catalog/origin.h"
#include "catalog/packages.h"
#include "catalog/tree.h"

#define DEFAULT_SUITE "trixie-backports"
#define UNPACKED_MAX (4ull << 30) /* a debug build of everything has about half */

/* Adding one: a row. The first is the default. */
static const struct debian_flavour flavours[] = {
	{ "cloud", "cloud-" },
	{ "generic", "" },
	{ "rt", "rt-" },
};

static const struct debian_flavour *find_flavour(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(flavours); i++)
		if (strlen(flavours[i].name) == len && !strncmp(flavours[i].name, name, len))
			return &flavours[i];
	return NULL;
}

/* A suite becomes a directory name and a word of sources.list. */
static bool is_suite(const char *s, size_t len)
{
	if (!len || len >= sizeof(((struct debian_spec *)0)->suite) || !islower((unsigned char)*s))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) && s[i] != '-')
			return false;
	return true;
}

int debian_spec_parse(const char *text, enum arch arch, struct debian_spec *ret, struct err *e)
{
	struct debian_spec s = { .suite = DEFAULT_SUITE, .flavour = &flavours[0], .arch = arch };
	const char *p = text + strlen("debian");
	size_t n = *p == ':' ? strcspn(p + 1, ":") : 0;

	/* "debian:cloud" can only mean the flavour. */
	if (*p == ':' && !(p[1 + n] == 0 && find_flavour(p + 1, n))) {
		if (!is_suite(p + 1, n))
			return err_set(e, -EINVAL,
				       "kernel \"%.100s\": \"%.*s\" is no suite of Debian", text,
				       (int)MIN(n, 60u), p + 1);
		memcpy(s.suite, p + 1, n);
		s.suite[n] = 0;
		p += 1 + n;
	}
	if (*p == ':') {
		s.flavour = find_flavour(p + 1, strlen(p + 1));
		if (!s.flavour)
			return err_set(e, -EINVAL,
				       "kernel \"%.100s\": no flavour \"%.60s\"; there are cloud, "
				       "generic and rt",
				       text, p + 1);
	}
	*ret = s;
	return 0;
}

static bool is_of(const struct metadata *m, const struct debian_spec *s)
{
	return m->arch == s->arch && !strcmp(m->flavour, s->flavour->name) &&
	       has_word(m->suite, s->suite);
}

/* The key of the newest entry of @s among @keys, "" if there is none; takes it out of @keys. */
static void take_newest(struct catalog *c, const struct debian_spec *s, struct key_list *keys,
			char ret[KEY_LEN + 1])
{
	struct metadata best = { 0 };
	size_t at = 0;

	for (size_t i = 0; i < keys->nr; i++) {
		struct metadata m;

		if (entry_metadata(c, keys->at[i], &m, NULL) < 0 || !is_of(&m, s))
			continue;
		if (best.key[0] &&
		    deb_version_compare(m.package_version, best.package_version) <= 0)
			continue;
		best = m;
		at = i;
	}
	memcpy(ret, best.key, KEY_LEN + 1);
	if (best.key[0])
		memmove(keys->at + at, keys->at + at + 1, (--keys->nr - at) * sizeof(*keys->at));
}

int debian_cached(struct catalog *c, const struct debian_spec *s, const struct catalog_progress *p,
		  struct kernel *ret, struct err *e)
{
	SCOPED(key_list_fini) struct key_list keys = { 0 };
	struct err why = { 0 };
	char key[KEY_LEN + 1];
	int r = cache_keys(c, &keys, e);

	if (r < 0)
		return r;
	for (;;) {
		take_newest(c, s, &keys, key);
		if (!key[0])
			return err_set(e, -ENOENT, "debian %s %s: no kernel of it in the cache",
				       s->suite, s->flavour->name);
		r = entry_open(c, key, ret, &why);
		if (r == 0)
			return 0;
		if (r == -EBADMSG)
			progress_say(p, "%s; not used, ktstr kernel gc removes it", why.text);
		else if (r != -ENOENT)
			return err_set(e, r, "%s", why.text);
	}
}

/* Level by level, one question to apt each. */
static int find_packages(const struct apt *a, const struct debian_spec *s, struct packages *ret,
			 struct err *e)
{
	const char *names[PACKAGES_MAX + 1] = { 0 };
	struct packages all = { 0 };
	char meta[64];
	size_t from = 0;
	int r;

	snprintf(meta, sizeof(meta), "linux-image-%s%s", s->flavour->infix,
		 arch_names(s->arch)->debian);
	names[0] = meta;
	do {
		SCOPED(buf_fini) struct buf text = { 0 };
		size_t nr = 0;

		r = apt_show(a, names, &text, e);
		if (r == 0)
			r = packages_follow(buf_str(&text), &all, e);
		if (r < 0)
			return r;
		while (from < all.nr)
			names[nr++] = all.at[from++].name;
		names[nr] = NULL;
	} while (names[0]);
	if (!all.nr)
		return err_set(e, -ENOENT, "%s: %s depends on no kernel package", a->label, meta);
	*ret = all;
	return 0;
}

/* The package that bears the kernel's name. */
static const struct package *main_package(const struct packages *all)
{
	for (size_t i = 0; i < all->nr; i++)
		if (!strncmp(all->at[i].name, "linux-image-", 12))
			return &all->at[i];
	return &all->at[0];
}

/* "debian 7.3.4 cloud-amd64": the part of the version that people say. */
static void name_it(const struct debian_spec *s, const struct package *pkg, struct metadata *m)
{
	const char *v = strchr(pkg->version, ':') ? strchr(pkg->version, ':') + 1 : pkg->version;

	snprintf(m->name, sizeof(m->name), "debian %.*s %s%s", (int)strcspn(v, "-+~"), v,
		 s->flavour->infix, arch_names(s->arch)->debian);
	snprintf(m->source, sizeof(m->source), "debian:%s:%s %.100s %.80s", s->suite,
		 s->flavour->name, pkg->name, pkg->version);
	snprintf(m->suite, sizeof(m->suite), "%s", s->suite);
	snprintf(m->flavour, sizeof(m->flavour), "%s", s->flavour->name);
	memcpy(m->package_version, pkg->version, sizeof(m->package_version));
}

static int add_suite(struct catalog *c, const struct debian_spec *s, struct metadata *m,
		     struct err *e)
{
	size_t n = strlen(m->suite);

	snprintf(m->suite + n, sizeof(m->suite) - n, " %s", s->suite);
	return entry_relabel(c, m, e);
}

/* A good entry of this very package; if it came from another suite it belongs to ours too now. */
static int find_package(struct catalog *c, const struct debian_spec *s, const struct package *pkg,
			struct kernel *ret, struct err *e)
{
	SCOPED(key_list_fini) struct key_list keys = { 0 };
	int r = cache_keys(c, &keys, e);

	for (size_t i = 0; r == 0 && i < keys.nr; i++) {
		struct metadata m;

		if (entry_metadata(c, keys.at[i], &m, NULL) < 0 || m.arch != s->arch ||
		    strcmp(m.package_version, pkg->version) || strcmp(m.flavour, s->flavour->name))
			continue;
		if (!has_word(m.suite, s->suite))
			r = add_suite(c, s, &m, e);
		if (r == 0)
			r = entry_open(c, m.key, ret, e);
		return r == -EBADMSG ? -ENOENT : r;
	}
	return r < 0 ? r : -ENOENT;
}

static int download(const struct apt *a, const struct packages *all, const char *dir,
		    const struct catalog_progress *p, struct err *e)
{
	char words[PACKAGES_MAX][260];
	const char *list[PACKAGES_MAX + 1] = { 0 };
	uint64_t bytes = 0;

	for (size_t i = 0; i < all->nr; i++) {
		snprintf(words[i], sizeof(words[i]), "%s=%s", all->at[i].name, all->at[i].version);
		list[i] = words[i];
		bytes += all->at[i].size;
	}
	progress_say(p, "%s: downloading %s: %.1f MB", a->label, main_package(all)->name,
		     (double)bytes / 1e6);
	int r = make_dirs(dir, 0755, e);
	return r < 0 ? r : apt_download(a, list, dir, e);
}

/* Not the device trees of every board there is. */
static bool is_kernel_file(const char *name)
{
	static const char dir[] = "lib/modules/";
	const char *below = strstr(name, dir);

	if (below != name)
		return !strncmp(name, "boot/", 5);
	const char *rest = strchr(below + strlen(dir), '/');
	return rest && (!strchr(rest + 1, '/') || is_module_file(rest + 1));
}

static int unpack_one(const char *deb, const char *to, struct err *e)
{
	SCOPED(mapping_close) struct mapping m = { 0 };
	const char *name = strrchr(deb, '/') + 1;
	int r = mapping_open(&m, deb, e);

	if (r == 0)
		r = deb_unpack(m.at, m.len, is_kernel_file, to, UNPACKED_MAX, e);
	if (r < 0)
		err_frame(e, "package %.120s", name);
	return r;
}

static void glob_done(glob_t *g)
{
	globfree(g);
}
DEFINE_SCOPED_FINI(glob_t, glob_done)

/* Unpacks every .deb of @dir into @to and drops it. */
static int unpack_all(struct catalog *c, const char *dir, const char *to, struct err *e)
{
	SCOPED(glob_done) glob_t found = { 0 };
	struct path pattern = path_format("%s/*.deb", dir);
	int r = make_dirs(to, 0755, e);

	if (glob(pattern.s, 0, NULL, &found) != 0)
		return err_set(e, -ENOENT, "%s: apt downloaded nothing", dir);
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++) {
		r = unpack_one(found.gl_pathv[i], to, e);
		if (r == -ENOSPC || r == -EDQUOT)
			cache_write_failed(c, r, e);
		if (r == 0 && unlink(found.gl_pathv[i]) < 0)
			r = err_sys(e, -errno, "%s", found.gl_pathv[i]);
	}
	return r;
}

static int find_image(const struct draft *d, const struct package *pkg, struct path *ret,
		      struct err *e)
{
	static const char *const where[] = { "x/boot/vmlinu[xz]-*", "x/lib/modules/*/vmlinu[xz]" };
	SCOPED(glob_done) glob_t found = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(where); i++)
		glob(path_format("%s/%s", d->dir, where[i]).s, i ? GLOB_APPEND : 0, NULL, &found);
	if (found.gl_pathc != 1)
		return err_set(e, -EBADMSG, "package %.100s: %zu kernels in it instead of one",
			       pkg->name, (size_t)found.gl_pathc);
	*ret = path_format("%s", found.gl_pathv[0]);
	return 0;
}

static int store(struct catalog *c, const struct debian_spec *s, const struct package *pkg,
		 struct draft *d, struct kernel *ret, bool *ret_new, struct err *e)
{
	SCOPED(mem_free) struct origin *o = calloc(1, sizeof(*o));
	struct metadata m = { 0 };
	struct path image;

	if (!o)
		return err_sys(e, -ENOMEM, "package %.100s", pkg->name);
	int r = find_image(d, pkg, &image, e);
	if (r == 0)
		r = origin_find(image.s, &s->arch, o, e);
	name_it(s, pkg, &m);
	return r < 0 ? r : origin_store(c, d, o, ORIGIN_MOVE, &m, ret, ret_new, e);
}

static int fetch_packages(struct catalog *c, const struct apt *a, const struct debian_spec *s,
			  const struct packages *all, const struct catalog_progress *p,
			  struct kernel *ret, bool *ret_new, struct err *e)
{
	SCOPED(draft_fini) struct draft d = DRAFT_NONE;
	int r = draft_open(c, &d, e);

	if (r < 0)
		return r;
	struct path debs = path_format("%s/deb", d.dir), to = path_format("%s/x", d.dir);
	r = download(a, all, debs.s, p, e);
	if (r < 0)
		return r;
	progress_say(p, "%s: unpacking %s", a->label, main_package(all)->name);
	r = unpack_all(c, debs.s, to.s, e);
	if (r == 0)
		r = remove_tree(debs.s, e);
	return r < 0 ? r : store(c, s, main_package(all), &d, ret, ret_new, e);
}

int debian_fetch(struct catalog *c, const struct debian_spec *s, bool only_missing,
		 const struct catalog_progress *p, struct kernel *ret, bool *ret_new, struct err *e)
{
	SCOPED(apt_fini) struct apt a = APT_NONE;
	struct packages all = { 0 };
	int r = apt_open(c, s->suite, s->arch, p, &a, e);

	if (r < 0)
		return r;
	if (ret_new)
		*ret_new = false;
	if (only_missing && debian_cached(c, s, NULL, ret, NULL) == 0)
		return 0;
	progress_say(p, "%s: asking %s what there is", a.label, a.mirror);
	r = apt_update(&a, e);
	if (r == 0)
		r = find_packages(&a, s, &all, e);
	if (r < 0)
		return r;
	r = find_package(c, s, main_package(&all), ret, e);
	return r == -ENOENT ? fetch_packages(c, &a, s, &all, p, ret, ret_new, e) : r;
}
