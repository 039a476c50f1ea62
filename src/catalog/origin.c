/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/origin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/tree.h"
#include "image/kernel.h"

/* Debian ships a line of text in its place; nothing real is that small. */
#define MAP_MIN 65536

static uint64_t file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void keep_file(struct path *to, struct path p, uint64_t min)
{
	if (!to->s[0] && file_size(p.s) >= MAX(min, 1u))
		*to = p;
}

static void keep_dir(struct path *to, struct path p)
{
	if (!to->s[0] && is_dir(p.s))
		*to = p;
}

static struct path parent_of(struct path p)
{
	char *slash = strrchr(p.s, '/');

	if (slash)
		*slash = 0;
	return p;
}

static const char *base_of(const struct path *p)
{
	const char *slash = strrchr(p->s, '/');

	return slash ? slash + 1 : p->s;
}

/* Where `make` leaves images, first choice first. Adding an architecture: a row. */
static const struct {
	enum arch arch;
	const char *name;
} tree_images[] = {
	{ ARCH_X86_64, "arch/x86/boot/bzImage" },
	{ ARCH_ARM64, "arch/arm64/boot/Image" },
	{ ARCH_ARM64, "arch/arm64/boot/Image.gz" },
};

static int tree_image(const char *tree, const enum arch *want, struct path *ret, struct err *e)
{
	const char *missing = NULL, *other = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(tree_images); i++) {
		struct path p = path_format("%s/%s", tree, tree_images[i].name);
		bool fits = !want || tree_images[i].arch == *want;

		if (fits && file_size(p.s)) {
			*ret = p;
			return 0;
		}
		if (fits && !missing)
			missing = tree_images[i].name;
		if (file_size(p.s))
			other = arch_names(tree_images[i].arch)->name;
	}
	if (other)
		return err_set(e, -EXDEV, "kernel tree %.200s: is built for %s, the guest is %s",
			       tree, other, arch_names(*want)->name);
	return err_set(e, -ENOENT,
		       "kernel tree %.200s: no %s in it; build it, or name a kernel file", tree,
		       missing);
}

/* /lib/modules/VERSION/vmlinuz, as systemd and Debian since 7.0 have it. */
static void beside_modules(struct origin *o)
{
	struct path dir = parent_of(o->image), above = parent_of(dir);

	if (strcmp(base_of(&above), "modules"))
		return;
	snprintf(o->release, sizeof(o->release), "%.127s", base_of(&dir));
	keep_dir(&o->modules, dir);
	keep_file(&o->config, path_format("%s/config", dir.s), 0);
	keep_file(&o->map, path_format("%s/System.map", dir.s), MAP_MIN);
}

/* /boot/vmlinuz-VERSION with /lib/modules/VERSION. */
static void beside_boot(struct origin *o)
{
	struct path dir = parent_of(o->image), root = parent_of(dir);
	const char *dash = strchr(base_of(&o->image), '-');

	if (!dash || !dash[1] || strcmp(base_of(&dir), "boot"))
		return;
	snprintf(o->release, sizeof(o->release), "%.127s", dash + 1);
	keep_file(&o->config, path_format("%s/config-%s", dir.s, o->release), 0);
	keep_file(&o->map, path_format("%s/System.map-%s", dir.s, o->release), MAP_MIN);
	keep_dir(&o->modules, path_format("%s/lib/modules/%s", root.s, o->release));
	keep_dir(&o->modules, path_format("%s/usr/lib/modules/%s", root.s, o->release));
}

/* `make modules_install` into the tree itself or where INSTALL_MOD_PATH says. */
static void inside_tree(struct origin *o, const char *tree)
{
	struct path release = path_format("%s/include/config/kernel.release", tree);
	const char *install = getenv("INSTALL_MOD_PATH");

	if (read_line_at(-1, release.s, o->release, sizeof(o->release)) <= 0) {
		o->release[0] = 0;
		return;
	}
	keep_file(&o->config, path_format("%s/.config", tree), 0);
	keep_file(&o->map, path_format("%s/System.map", tree), MAP_MIN);
	if (install && *install)
		keep_dir(&o->modules,
			 path_format("%s%s%s/lib/modules/%s", *install == '/' ? "" : tree,
				     *install == '/' ? "" : "/", install, o->release));
	keep_dir(&o->modules, path_format("%s/lib/modules/%s", tree, o->release));
	/* Not installed anywhere: the modules lie all over the tree. */
	if (file_size(path_format("%s/modules.order", tree).s))
		keep_dir(&o->modules, path_format("%s", tree));
}

/* The build tree an image was named in: TREE/arch/x86/boot/bzImage, TREE/vmlinux. */
static void around_image(struct origin *o)
{
	struct path dir = parent_of(o->image);

	for (int up = 0; up < 4 && dir.s[0]; up++) {
		if (file_size(path_format("%s/include/config/kernel.release", dir.s).s)) {
			inside_tree(o, dir.s);
			return;
		}
		dir = parent_of(dir);
	}
}

static int inspect(const struct mapping *m, const char *name, struct kernel_info *ret,
		   struct err *e)
{
	int r = kernel_inspect(m->at, m->len, ret, e);

	if (r < 0)
		err_frame(e, "kernel %.150s", name);
	return r;
}

static int check_image(struct origin *o, const enum arch *want, struct err *e)
{
	SCOPED(mapping_close) struct mapping m = { 0 };
	struct kernel_info info = { 0 };
	int r = mapping_open(&m, o->image.s, e);

	if (r == 0)
		r = inspect(&m, o->image.s, &info, e);
	if (r < 0)
		return r;
	if (want && info.arch != *want)
		return err_set(e, -EXDEV, "kernel %.200s: is for %s, the guest is %s", o->image.s,
			       arch_names(info.arch)->name, arch_names(*want)->name);
	o->arch = info.arch;
	if (info.version[0] && o->release[0] && strcmp(info.version, o->release)) {
		/* What lies beside it belongs to another kernel. */
		o->modules.s[0] = o->config.s[0] = o->map.s[0] = 0;
		o->release[0] = 0;
	}
	if (info.version[0])
		memcpy(o->release, info.version, sizeof(o->release));
	return 0;
}

int origin_find(const char *path, const enum arch *want, struct origin *ret, struct err *e)
{
	SCOPED(mem_free) char *real = realpath(path, NULL);
	SCOPED(mem_free) struct origin *o = calloc(1, sizeof(*o));
	int r = 0;

	if (!real)
		return err_sys(e, -errno, "kernel %.200s", path);
	if (!o)
		return err_sys(e, -ENOMEM, "kernel %.200s", path);
	if (is_dir(real)) {
		r = tree_image(real, want, &o->image, e);
	} else if (file_size(real)) {
		o->image = path_format("%s", real);
	} else {
		return err_set(e, -EINVAL, "kernel %.200s: no regular file, or empty", path);
	}
	if (r < 0)
		return r;
	beside_modules(o);
	beside_boot(o);
	around_image(o);
	r = check_image(o, want, e);
	if (r == 0)
		*ret = *o;
	return r;
}

/* The bootable form of @image, or *ret_same if it is that already. */
static int unpack(const char *image, struct buf *out, int *ret_same, struct kernel_info *ret,
		  struct err *e)
{
	SCOPED(mapping_close) struct mapping m = { 0 };
	int r = mapping_open(&m, image, e);

	if (r == 0)
		r = inspect(&m, image, ret, e);
	if (r < 0)
		return r;
	r = kernel_unpack(m.at, m.len, out, ret_same, e);
	if (r < 0)
		err_frame(e, "kernel %.150s", image);
	return r;
}

/* Errors of reading what belongs to the user keep their own sentence. */
static int take(struct catalog *c, const struct path *from, enum origin_use use, struct path to,
		struct err *e)
{
	if (!from->s[0])
		return 0;
	if (use == ORIGIN_MOVE)
		return rename(from->s, to.s) < 0 ? cache_write_failed(c, -errno, e) : 0;
	int r = is_dir(from->s) ? tree_copy(from->s, to.s, e) : file_copy(from->s, to.s, e);
	return r == -ENOSPC || r == -EDQUOT ? cache_write_failed(c, r, e) : r;
}

static struct path in_draft(const struct draft *d, enum part part)
{
	return path_format("%s/%s", d->dir, part_names[part]);
}

static int take_image(struct catalog *c, struct draft *d, const struct origin *o,
		      enum origin_use use, struct metadata *m, struct err *e)
{
	struct path image = in_draft(d, PART_IMAGE), boot = in_draft(d, PART_BOOT);
	SCOPED(buf_fini) struct buf out = { 0 };
	struct kernel_info info;
	int same, r = take(c, &o->image, use, image, e);

	if (r == 0)
		r = unpack(image.s, &out, &same, &info, e);
	if (r < 0)
		return r;
	if (same)
		r = rename(image.s, boot.s) < 0 ? -errno : 0;
	else
		r = file_write(boot.s, out.at, out.len);
	m->arch = info.arch;
	memcpy(m->release, o->release[0] ? o->release : info.version, sizeof(m->release));
	return r < 0 ? cache_write_failed(c, r, e) : 0;
}

static int take_modules(struct catalog *c, struct draft *d, const struct origin *o,
			enum origin_use use, struct metadata *m, struct err *e)
{
	struct path parent = path_format("%s/modules/lib/modules", d->dir);
	struct tree_sum sum;

	if (!o->modules.s[0])
		return 0;
	int r = make_dirs(parent.s, 0755, NULL);
	if (r < 0)
		return cache_write_failed(c, r, e);
	struct path to = path_format("%s/%s", parent.s, m->release);
	r = take(c, &o->modules, use, to, e);
	if (r == 0)
		r = tree_measure(to.s, &sum, e);
	if (r < 0)
		return r;
	if (!sum.nr)
		return err_set(e, -ENOENT, "modules directory %.200s: no modules in it",
			       o->modules.s);
	m->nr_modules = sum.nr;
	m->modules_bytes = sum.bytes;
	return 0;
}

static int name_contents(struct draft *d, struct metadata *m, struct err *e)
{
	struct path modules = path_format("%s/modules/lib/modules/%s", d->dir, m->release);
	struct path config = in_draft(d, PART_CONFIG);

	for (enum part i = 0; i < NR_PARTS; i++)
		m->size[i] = file_size(in_draft(d, i).s);
	return kernel_key(in_draft(d, m->size[PART_IMAGE] ? PART_IMAGE : PART_BOOT).s,
			  m->size[PART_CONFIG] ? config.s : NULL, m->nr_modules ? modules.s : NULL,
			  m->key, e);
}

int origin_store(struct catalog *c, struct draft *d, const struct origin *o, enum origin_use use,
		 struct metadata *m, struct kernel *ret, bool *ret_new, struct err *e)
{
	struct path rest = path_format("%s/x", d->dir);
	int r = take_image(c, d, o, use, m, e);

	if (r == 0)
		r = take(c, &o->config, use, in_draft(d, PART_CONFIG), e);
	if (r == 0)
		r = take(c, &o->map, use, in_draft(d, PART_MAP), e);
	if (r == 0)
		r = take_modules(c, d, o, use, m, e);
	if (r == 0)
		r = name_contents(d, m, e);
	if (r == 0)
		r = remove_tree(rest.s, e);
	return r < 0 ? r : entry_publish(c, d, m, ret, ret_new, e);
}

static int copy_text(char **to, const struct path *p)
{
	free(hand_over(*to));
	*to = p->s[0] ? strdup(p->s) : NULL;
	return p->s[0] && !*to ? -ENOMEM : 0;
}

/* What the entry does not know: where the kernel was named, and what lies beside it there. */
static int point_at(const struct origin *o, struct kernel *k, struct err *e)
{
	int r = copy_text(&k->modules_dir, &o->modules);

	if (r == 0)
		r = copy_text(&k->config_path, &o->config);
	if (r == 0)
		r = copy_text(&k->system_map, &o->map);
	snprintf(k->name, sizeof(k->name), "%.159s", base_of(&o->image));
	snprintf(k->source, sizeof(k->source), "path %.250s", o->image.s);
	memcpy(k->version, o->release, sizeof(k->version));
	return r < 0 ? err_sys(e, r, "kernel %s", k->name) : 0;
}

static int store_boot(struct catalog *c, const struct origin *o, const char *key,
		      const struct buf *unpacked, struct kernel *ret, struct err *e)
{
	SCOPED(draft_fini) struct draft d = DRAFT_NONE;
	struct metadata m = { .arch = o->arch, .size[PART_BOOT] = unpacked->len };
	int r = draft_open(c, &d, e);

	if (r < 0)
		return r;
	memcpy(m.key, key, sizeof(m.key));
	memcpy(m.release, o->release, sizeof(m.release));
	snprintf(m.name, sizeof(m.name), "%.159s", base_of(&o->image));
	snprintf(m.source, sizeof(m.source), "path %.250s", o->image.s);
	r = file_write(in_draft(&d, PART_BOOT).s, unpacked->at, unpacked->len);
	return r < 0 ? cache_write_failed(c, r, e) : entry_publish(c, &d, &m, ret, NULL, e);
}

/* Used where it lies: there is nothing to cache. */
static int in_place(const struct origin *o, const char *key, struct kernel *ret, struct err *e)
{
	struct kernel k = { .arch = o->arch, .lock_fd = -1, .boot_path = strdup(o->image.s) };

	memcpy(k.key, key, sizeof(k.key));
	k.size_bytes = file_size(o->image.s);
	k.fetched_at = k.used_at = (uint64_t)time(NULL);
	*ret = k;
	return k.boot_path ? 0 : err_sys(e, -ENOMEM, "kernel %.200s", o->image.s);
}

static int unpack_and_store(struct catalog *c, const struct origin *o, const char *key,
			    const struct catalog_progress *p, struct kernel *ret, struct err *e)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct kernel_info info;
	int same, r = unpack(o->image.s, &out, &same, &info, e);

	if (r < 0)
		return r;
	if (same)
		return in_place(o, key, ret, e);
	progress_say(p, "unpacked %s", o->image.s);
	return store_boot(c, o, key, &out, ret, e);
}

int origin_resolve(struct catalog *c, const struct origin *o, const struct catalog_progress *p,
		   struct kernel *ret, struct err *e)
{
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	struct err why = { 0 };
	char key[KEY_LEN + 1];
	int r = kernel_key(o->image.s, NULL, NULL, key, e);

	if (r < 0)
		return r;
	r = entry_open(c, key, &k, &why);
	if (r == -EBADMSG)
		progress_say(p, "%s; making it again", why.text);
	if (r == -ENOENT || r == -EBADMSG)
		r = unpack_and_store(c, o, key, p, &k, e);
	else if (r < 0)
		err_set(e, r, "%s", why.text);
	if (r == 0)
		r = point_at(o, &k, e);
	if (r < 0)
		return r;
	*ret = k;
	k = (struct kernel){ .lock_fd = -1 };
	return 0;
}
