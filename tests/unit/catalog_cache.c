/* SPDX-License-Identifier: GPL-2.0-only */
/* The cache directory and its entries: where, how made, what damage does, what cannot be written. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "catalog/tree.h"
#include "catalog_util.h"

static void set_or_unset(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

TEST(the_cache_directory_is_found_in_the_environment)
{
	struct path base = new_dir();
	struct path own = path_format("%s/own", base.s), xdg = path_format("%s/xdg", base.s);
	struct path home = path_format("%s/home", base.s);
	const struct {
		const char *own, *xdg, *home, *want, *says;
	} rows[] = {
		{ own.s, xdg.s, home.s, "own" },
		{ NULL, xdg.s, home.s, "xdg/ktstr" },
		{ "", xdg.s, home.s, "xdg/ktstr" },
		{ NULL, "relative", home.s, "home/.cache/ktstr" },
		{ NULL, NULL, home.s, "home/.cache/ktstr" },
		{ NULL, NULL, NULL, NULL, "HOME is not set" },
		{ NULL, NULL, "", NULL, "HOME is empty" },
		{ NULL, NULL, "some/where", NULL, "\"some/where\", not an absolute path" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		SCOPED(catalog_close) struct catalog *c = NULL;
		struct err e = { 0 };

		set_or_unset("KTSTR_CACHE_DIR", rows[i].own);
		set_or_unset("XDG_CACHE_HOME", rows[i].xdg);
		set_or_unset("HOME", rows[i].home);
		int r = catalog_open(NULL, &c, &e);
		if (rows[i].want) {
			assert_int_equal(r, 0);
			assert_string_equal(catalog_dir(c),
					    path_format("%s/%s", base.s, rows[i].want).s);
		} else {
			assert_true(r < 0);
			assert_says(e, rows[i].says);
			assert_says(e, "KTSTR_CACHE_DIR");
		}
	}
	unsetenv("KTSTR_CACHE_DIR");
}

static void open_must_fail(const char *dir, int code)
{
	struct catalog *c = NULL;
	struct err e = { 0 };

	assert_int_equal(catalog_open(dir, &c, &e), code);
	assert_null(c);
	assert_says(e, dir);
	assert_says(e, strerror(-code));
}

static int open_as_nobody(void *arg)
{
	become_nobody();
	open_must_fail(arg, -EACCES);
	return 0;
}

TEST(a_directory_that_cannot_be_used_is_named)
{
	struct path base = new_dir();
	struct path unwritable = path_format("%s/closed/cache", base.s);
	struct path unreadable = path_format("%s/hidden", base.s);

	put_file(base.s, "file", "x");
	open_must_fail(path_format("%s/file", base.s).s, -ENOTDIR);
	open_must_fail(path_format("%s/file/below", base.s).s, -ENOTDIR);
	open_must_fail("/proc/ktstr", -ENOENT);
	assert_int_equal(mkdir(path_format("%s/closed", base.s).s, 0555), 0);
	assert_int_equal(in_child(open_as_nobody, unwritable.s), 0);
	catalog_close(open_cache(unreadable.s));
	assert_int_equal(chmod(unreadable.s, 0300), 0);
	assert_int_equal(in_child(open_as_nobody, unreadable.s), 0);
	assert_int_equal(chmod(unreadable.s, 0700), 0);
}

/* Imports a kernel with one module and hands out its key. */
static void import(struct catalog *c, const char *from, const char *name, char key[KEY_LEN + 1])
{
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	struct err e = { 0 };

	if (catalog_import(c, path_format("%s/boot/vmlinuz-9.9.9-t", from).s, NULL, name, &k, &e) <
	    0)
		fail_msg("%s", e.text);
	assert_true(exists(k.boot_path));
	if (key)
		memcpy(key, k.key, KEY_LEN + 1);
}

static struct path new_kernel(const char *module)
{
	struct path from = new_dir();

	put_image_gz(from.s, "boot/vmlinuz-9.9.9-t", "9.9.9-t", 1);
	put_file(from.s, "boot/config-9.9.9-t", "CONFIG_SMP=y\n");
	put_file(from.s, "lib/modules/9.9.9-t/kernel/a.ko", module);
	put_file(from.s, "lib/modules/9.9.9-t/modules.builtin", "kernel/b.ko\n");
	return from;
}

TEST(the_key_is_that_of_the_contents)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	char first[KEY_LEN + 1], again[KEY_LEN + 1], other[KEY_LEN + 1], moved[KEY_LEN + 1];
	struct path renamed = new_kernel("module");

	put_file(renamed.s, "lib/modules/9.9.9-t/vmlinuz", "not a module: does not count");
	import(c, new_kernel("module").s, NULL, first);
	import(c, renamed.s, NULL, again);
	assert_string_equal(first, again);
	import(c, new_kernel("modulf").s, NULL, other);
	assert_string_not_equal(first, other);
	assert_int_equal(rename(path_format("%s/lib/modules/9.9.9-t/kernel/a.ko", renamed.s).s,
				path_format("%s/lib/modules/9.9.9-t/kernel/c.ko", renamed.s).s),
			 0);
	import(c, renamed.s, NULL, moved);
	assert_string_not_equal(first, moved);
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 3);
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

TEST(an_import_has_all_that_belongs_to_the_kernel)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	SCOPED(mem_free) char *boot = NULL;
	struct path from = new_kernel("module"), plain = new_dir();
	char key[KEY_LEN + 1];
	size_t len;

	import(c, from.s, "my kernel", key);
	assert_int_equal(remove_tree(from.s, NULL), 0);
	assert_int_equal(catalog_resolve(c, key, ARCH_ARM64, NULL, &k, NULL), 0);
	assert_string_equal(k.name, "my kernel");
	assert_string_equal(k.version, "9.9.9-t");
	assert_int_equal(k.arch, ARCH_ARM64);
	assert_true(exists(path_format("%s/kernel/a.ko", k.modules_dir).s));
	assert_true(exists(k.config_path));
	assert_null(k.system_map);
	/* What is booted is the unpacked form. */
	put_image(plain.s, "Image", "9.9.9-t", 1);
	assert_int_equal(read_file(k.boot_path, 1 << 20, &boot, &len, NULL), 0);
	assert_int_equal(len, 8192);
	assert_memory_equal(boot + 56, "ARM\x64", 4);
}

TEST(a_second_import_may_give_a_better_name)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(kernel_list_fini) struct kernel_list l = { 0 };
	struct path from = new_kernel("module");

	import(c, from.s, NULL, NULL);
	import(c, from.s, "baseline", NULL);
	import(c, from.s, NULL, NULL);
	assert_int_equal(catalog_list(c, &l, NULL, NULL), 0);
	assert_int_equal(l.nr, 1);
	assert_string_equal(l.at[0].name, "baseline");
}

static void damage_entry(const char *entry, int how)
{
	struct path boot = path_format("%s/boot", entry),
		    meta = path_format("%s/metadata.json", entry);
	struct path module = path_format("%s/modules/lib/modules/9.9.9-t/kernel/a.ko", entry);

	switch (how) {
	case 0:
		assert_int_equal(unlink(boot.s), 0);
		break;
	case 1:
		assert_int_equal(truncate(boot.s, 100), 0);
		break;
	case 2:
		assert_int_equal(truncate(meta.s, 50), 0);
		break;
	case 3:
		assert_int_equal(unlink(meta.s), 0);
		break;
	case 4:
		assert_int_equal(unlink(module.s), 0);
		break;
	case 5:
		assert_int_equal(truncate(module.s, 1), 0);
		break;
	case 6:
		assert_int_equal(remove_tree(path_format("%s/modules", entry).s, NULL), 0);
		break;
	}
}

TEST(a_damaged_entry_is_never_used_and_is_replaced)
{
	static const char *const says[] = { "boot is missing", "boot has 100 bytes",
					    "metadata.json",   "metadata.json is missing",
					    "modules",	       "modules",
					    "modules" };
	struct path from = new_kernel("module");

	for (size_t i = 0; i < ARRAY_SIZE(says); i++) {
		SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
		SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
		SCOPED(kernel_list_fini) struct kernel_list l = { 0 };
		char key[KEY_LEN + 1];
		struct err e = { 0 };
		size_t damaged;

		import(c, from.s, NULL, key);
		damage_entry(cache_path(c, "/kernels/%s", key).s, (int)i);
		assert_int_equal(catalog_resolve(c, key, ARCH_ARM64, NULL, &k, &e), -EBADMSG);
		assert_says(e, says[i]);
		assert_says(e, "damaged");
		assert_int_equal(catalog_list(c, &l, &damaged, NULL), 0);
		assert_int_equal(l.nr, 0);
		assert_int_equal(damaged, 1);
		import(c, from.s, NULL, NULL);
		assert_int_equal(catalog_resolve(c, key, ARCH_ARM64, NULL, &k, &e), 0);
	}
}

struct shared {
	struct path cache, from;
	char key[KEY_LEN + 1];
};

static int use_read_only(void *arg)
{
	struct shared *s = arg;
	SCOPED(catalog_close) struct catalog *c = NULL;
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	struct err e = { 0 };

	become_nobody();
	c = open_cache(s->cache.s);
	assert_int_equal(catalog_resolve(c, s->key, ARCH_ARM64, NULL, &k, &e), 0);
	assert_true(exists(k.boot_path));
	kernel_fini(&k);
	assert_int_equal(catalog_import(c, path_format("%s/boot/vmlinuz-9.9.9-t", s->from.s).s,
					NULL, NULL, &k, &e),
			 -EACCES);
	assert_says(e, s->cache.s);
	assert_says(e, "cannot be written");
	assert_int_equal(catalog_remove(c, s->key, &e), -EACCES);
	assert_int_equal(catalog_gc(c, 0, 0, false, NULL, NULL, &e), -EACCES);
	return 0;
}

TEST(a_read_only_cache_still_serves_what_it_has)
{
	struct shared s = { .cache = new_dir(), .from = new_kernel("module") };
	SCOPED(catalog_close) struct catalog *c = open_cache(s.cache.s);
	struct path lock;

	import(c, s.from.s, NULL, s.key);
	lock = cache_path(c, "/locks/%s.lock", s.key);
	set_cache_modes(s.cache.s, 0555);
	assert_int_equal(in_child(use_read_only, &s), 0);
	set_cache_modes(s.cache.s, 0755);
	assert_int_equal(unlink(lock.s), 0);
	set_cache_modes(s.cache.s, 0555);
	assert_int_equal(in_child(use_read_only, &s), 0);
	set_cache_modes(s.cache.s, 0755);
}

#define NO_MOUNT 77

static int import_into_full_disk(void *arg)
{
	struct shared *s = arg;
	SCOPED(catalog_close) struct catalog *c = NULL;
	struct kernel k;
	struct err e = { 0 };

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", s->cache.s, "tmpfs", 0, "size=40k") < 0)
		return NO_MOUNT;
	c = open_cache(s->cache.s);
	int r = catalog_import(c, path_format("%s/boot/vmlinuz-9.9.9-t", s->from.s).s, NULL, NULL,
			       &k, &e);
	assert_int_equal(r, -ENOSPC);
	assert_says(e, s->cache.s);
	assert_says(e, "No space left");
	assert_says(e, "KTSTR_CACHE_DIR");
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 0);
	return 0;
}

TEST(a_full_disk_is_one_sentence_and_leaves_nothing)
{
	static char large[50001]; /* skip() comes back to no scope */
	struct shared s = { .cache = new_dir() };

	memset(large, 'm', sizeof(large) - 1);
	s.from = new_kernel(large);
	int r = in_child(import_into_full_disk, &s);
	if (r == NO_MOUNT)
		skip();
	assert_int_equal(r, 0);
}

TEST(metadata_survives_writing_and_reading)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	struct metadata back, m = { .arch = ARCH_ARM64,
				    .name = "a \"quoted\" name\n",
				    .release = "7.3.4+deb13-cloud-arm64",
				    .suite = "sid forky",
				    .size = { [PART_BOOT] = 1ull << 40, [PART_CONFIG] = 3 },
				    .nr_modules = 7 };

	memset(m.key, 'a', 64);
	metadata_format(&m, &text);
	assert_int_equal(metadata_parse(text.at, text.len, &back, NULL), 0);
	assert_memory_equal(&m, &back, sizeof(m));
}

/* Good metadata with one piece of text replaced. */
static int parse_changed(const char *from, const char *to, struct err *e)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	SCOPED(buf_fini) struct buf changed = { 0 };
	struct metadata back, m = { .size = { [PART_BOOT] = 5 }, .release = "1.2", .name = "n" };

	memset(m.key, 'a', 64);
	metadata_format(&m, &text);
	const char *at = strstr(buf_str(&text), from);
	assert_non_null(at);
	buf_put(&changed, text.at, (size_t)(at - text.at));
	buf_puts(&changed, to);
	buf_puts(&changed, at + strlen(from));
	return metadata_parse(changed.at, changed.len, &back, e);
}

TEST(metadata_that_lies_is_refused)
{
	static const struct {
		const char *from, *to, *says;
	} rows[] = {
		{ "\"format\": 1", "\"format\": 2", "format" },
		{ "\"x86_64\"", "\"vax\"", "arch" },
		{ "\"1.2\"", "\"../../etc\"", "release" },
		{ "\"1.2\"", "\".\"", "release" },
		{ "\"1.2\"", "7", "release" },
		{ "\"boot\": 5", "\"boot\": -5", "boot" },
		{ "\"boot\": 5", "\"boot\": 0", "boot" },
		{ "\"boot\": 5", "\"boot\": 5, \"boot\": 6", "boot" },
		{ "\"boot\": 5", "\"bot\": 5", "boot" },
		{ "aaaa", "AAAA", "key" },
		{ "aaaa", "", "key" },
		{ "\"1.2\"", "\"\", \"x\": 1", NULL },
		{ "{", "[", "line" },
		{ "}", "} x", "line" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = { 0 };
		int r = parse_changed(rows[i].from, rows[i].to, &e);

		if (r != (rows[i].says ? -EBADMSG : 0))
			fail_msg("%s: %d %s", rows[i].to, r, e.text);
		if (rows[i].says)
			assert_says(e, rows[i].says);
	}
}

TEST(a_prefix_must_be_long_enough_and_mean_one_key)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	static const struct {
		const char *prefix;
		int want;
	} rows[] = {
		{ "abcde", -EINVAL },  { "abcdef", -EEXIST },  { "abcdef0", 0 },
		{ "abcdef1", 0 },      { "abcdef2", -ENOENT }, { "ABCDEF0", -EINVAL },
		{ "abcdeg", -EINVAL }, { "", -EINVAL },	       { "fedcba", 0 },
	};
	static const char *const keys[] = { "abcdef0", "abcdef1", "fedcba9" };
	char key[KEY_LEN + 1];
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_int_equal(mkdir(cache_path(c, "/kernels/%s%0*d", keys[i],
						  KEY_LEN - (int)strlen(keys[i]), 0)
					       .s,
				       0755),
				 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = cache_find_key(c, rows[i].prefix, key, &e);

		if (r != rows[i].want)
			fail_msg("%s gives %d", rows[i].prefix, r);
		if (r == 0)
			assert_memory_equal(key, rows[i].prefix, strlen(rows[i].prefix));
	}
	assert_int_equal(cache_find_key(c, "abcdef", key, &e), -EEXIST);
	assert_says(e, "abcdef: 2 keys");
}

TEST(a_zeroed_kernel_owns_nothing)
{
	struct kernel k = { 0 };
	struct stat st;

	kernel_fini(&k);
	assert_int_equal(fstat(0, &st), 0);
	assert_int_equal(k.lock_fd, -1);
}

UNIT_MAIN(NULL, remove_new_dirs)
