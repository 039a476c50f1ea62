/* SPDX-License-Identifier: GPL-2.0-only */
#include "built.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/job.h"
#include "base/err.h"
#include "image/newc.h"

static bool has(const struct built *x, const char *name)
{
	struct cpio_entry en;

	return cpio_find((const char *)x->m.at, x->m.len, name, &en);
}

static void every_parent_comes_before_what_is_in_it(const struct built *x)
{
	struct cpio_entry en, dir;
	size_t at = 0;

	while (cpio_next((const char *)x->m.at, x->m.len, &at, &en)) {
		const char *slash = strrchr(en.name, '/');
		SCOPED(mem_free) char *parent = slash ? strndup(en.name, (size_t)(slash - en.name))
						      : NULL;

		if (!parent)
			continue;
		dir = entry(x, parent);
		assert_true(S_ISDIR(dir.mode) && dir.name < en.name);
	}
}

TEST(the_archive_holds_all_and_ends_with_the_sentinel)
{
	SCOPED(tree_remove) struct tree t = tree_make();
	SCOPED(built_fini) struct built x = { 0 };
	struct cpio_entry en, last = { 0 };

	tree_file(&t, "plain", "contents", 8, 0640);
	tree_text(&t, "dir/sub/file", "deep");
	tree_text(&t, "dir/empty", "");
	tree_link(&t, "dir/link", "sub/file");
	tree_link(&t, "to_plain", "plain");
	const struct guest_include inc[] = {
		{ tree_path(&t, "to_plain"), "/a/b/c", false },
		{ tree_path(&t, "dir"), "//data/./x/", false },
	};
	struct guest_spec spec = { .arch = arch_host(), .includes = inc, .nr_includes = 2 };
	build(&spec, &x);
	assert_false(x.b.from_cache);
	assert_null(x.b.modules);
	every_parent_comes_before_what_is_in_it(&x);
	assert_contents(&x, "a/b/c", "contents");
	assert_int_equal(entry(&x, "a/b/c").mode, S_IFREG | 0640);
	assert_contents(&x, "data/x/sub/file", "deep");
	assert_contents(&x, "data/x/empty", "");
	assert_int_equal(entry(&x, "data/x/link").mode, S_IFLNK | 0777);
	assert_contents(&x, "data/x/link", "sub/file");
	assert_contents(&x, "ktstr/job", "job=1\nmode=test\n");
	assert_int_equal(entry(&x, "init").mode, S_IFREG | 0755);
	assert_int_equal(entry(&x, "tmp").mode, S_IFDIR | 01777);
	en = entry(&x, "dev/console");
	assert_int_equal(en.mode, S_IFCHR | 0600);
	assert_true(en.major == 5 && en.minor == 1);
	uint64_t files = 0;
	for (size_t at = 0; cpio_next((const char *)x.m.at, x.m.len, &at, &en);) {
		if (strcmp(en.name, "TRAILER!!!"))
			last = en;
		if (S_ISREG(en.mode) && en.len)
			assert_int_equal(en.data_at % NEWC_PAGE, 0);
		files += S_ISREG(en.mode) ? ALIGN_UP(en.len, NEWC_PAGE) : 0;
	}
	assert_string_equal(last.name, &GUEST_SENTINEL_PATH[1]);
	assert_true(x.b.unpacked >= files && x.b.unpacked < files + 100000);
}

TEST(programs_bring_their_libraries_and_the_loader_knows)
{
	SCOPED(built_fini) struct built x = { 0 };
	char self[PATH_MAX];

	assert_non_null(realpath("/proc/self/exe", self));
	const struct guest_include inc[] = { { self, GUEST_TEST_PATH, true } };
	struct guest_spec spec = { .arch = arch_host(), .includes = inc, .nr_includes = 1 };
	build(&spec, &x);
	struct stat st;
	assert_int_equal(stat(self, &st), 0);
	assert_int_equal(entry(&x, &GUEST_TEST_PATH[1]).len, st.st_size);
	struct cpio_entry cache = entry(&x, "etc/ld.so.cache");
	assert_memory_equal(cache.data, "glibc-ld.so.cache1.1", 20);
	assert_non_null(memmem(cache.data, cache.len, "libc.so.6", 10));
	every_parent_comes_before_what_is_in_it(&x);
}

TEST(modules_are_named_in_load_order)
{
	SCOPED(tree_remove) struct tree t = tree_make();
	SCOPED(built_fini) struct built x = { 0 };
	struct guest_spec spec = { .arch = arch_host(),
				   .modules_dir = tree_path(&t, "m"),
				   .modules = (const char *const[]){ "two", "one_mod", NULL } };

	put_modules(&t);
	build(&spec, &x);
	assert_string_equal(x.b.modules[0], "one_mod.ko");
	assert_null(x.b.modules[1]);
	assert_memory_equal(entry(&x, "ktstr/modules/one_mod.ko").data, ELFMAG, SELFMAG);
	spec.modules = (const char *const[]){ "three", NULL };
	assert_refused(&spec, -ENOENT, "module three: not in ");
}

TEST(the_same_source_twice_is_one_file)
{
	SCOPED(tree_remove) struct tree t = tree_make();
	SCOPED(built_fini) struct built x = { 0 };
	size_t count = 0;

	tree_text(&t, "f", "text");
	tree_link(&t, "link", "f");
	tree_text(&t, "d/x", "in d");
	tree_text(&t, "e/y", "in e");
	const struct guest_include inc[] = {
		{ tree_path(&t, "f"), "/x/f", false },
		{ tree_path(&t, "link"), "/x/f", false },
		{ tree_path(&t, "d"), "/x", false }, /* directories are joined */
		{ tree_path(&t, "e"), "/x", false },
	};
	struct guest_spec spec = { .arch = arch_host(), .includes = inc, .nr_includes = 4 };
	build(&spec, &x);
	struct cpio_entry en;
	for (size_t at = 0; cpio_next((const char *)x.m.at, x.m.len, &at, &en);)
		count += !strcmp(en.name, "x/f") || !strcmp(en.name, "x");
	assert_int_equal(count, 2);
	assert_true(has(&x, "x/x") && has(&x, "x/y"));
}

TEST(two_sources_for_one_path_are_refused)
{
	SCOPED(tree_remove) struct tree t = tree_make();

	tree_text(&t, "f", "text");
	tree_text(&t, "g", "text");
	tree_text(&t, "d/x", "text");
	struct guest_include inc[] = { { tree_path(&t, "f"), "/x", false },
				       { tree_path(&t, "g"), "/x", false } };
	struct guest_spec spec = { .arch = arch_host(), .includes = inc, .nr_includes = 2 };
	assert_refused(&spec, -EEXIST, "/x in the guest: both ");
	assert_refused(&spec, -EEXIST, "/f and ");
	inc[1].host_path = tree_path(&t, "d");
	assert_refused(&spec, -EEXIST, "/x in the guest: both ");
	inc[1] = (struct guest_include){ tree_path(&t, "g"), "/x/y", false };
	assert_refused(&spec, -EEXIST, "a directory for /x/y");
	inc[1] = (struct guest_include){ tree_path(&t, "g"), "/init", false };
	assert_refused(&spec, -EEXIST, "/init in the guest: both ktstr's own and ");
}

TEST(what_cannot_be_packed_is_refused_by_name)
{
	SCOPED(tree_remove) struct tree t = tree_make();
	struct guest_include inc = { .guest_path = "/x" };
	struct guest_spec spec = { .arch = arch_host(), .includes = &inc, .nr_includes = 1 };

	inc.host_path = tree_path(&t, "missing");
	assert_refused(&spec, -ENOENT, "missing: No such file");
	inc.host_path = "/dev/null";
	assert_refused(&spec, -EINVAL, "/dev/null: not a regular file");
	inc.host_path = "/proc/version"; /* a size of zero, and yet there is something in it */
	assert_refused(&spec, -EINVAL, "/proc/version: longer than its file system says");
	assert_int_equal(make_dirs(tree_path(&t, "d"), 0755, NULL), 0);
	assert_int_equal(mkfifo(tree_path(&t, "d/pipe"), 0644), 0);
	inc.host_path = tree_path(&t, "d");
	assert_refused(&spec, -EINVAL, "/d/pipe: a device, pipe or socket cannot be packed");
	tree_text(&t, "text", "hello");
	inc = (struct guest_include){ tree_path(&t, "text"), "/x", true };
	assert_refused(&spec, -ENOEXEC, "text: neither an ELF program nor a script");
	inc = (struct guest_include){ tree_path(&t, "text"), "/a/../b", false };
	assert_refused(&spec, -EINVAL, "\"/a/../b\" is no place in the guest");
	inc.guest_path = "relative";
	assert_refused(&spec, -EINVAL, "\"relative\" is no place in the guest");
	inc.guest_path = "/";
	assert_refused(&spec, -EINVAL, "\"/\" is no place in the guest");
	char deep[2000] = "/";
	memset(deep + 1, 'x', sizeof(deep) - 2);
	deep[sizeof(deep) - 1] = 0;
	inc.guest_path = deep;
	assert_refused(&spec, -ENAMETOOLONG, "text: its path in the guest is too long");
}

TEST(a_job_that_is_too_large_is_refused)
{
	static const char job[JOB_MAX_SIZE + 1];
	SCOPED(guest_build_fini) struct guest_build b = { 0 };
	struct guest_spec spec = { .arch = arch_host() };
	struct err e = { 0 };

	assert_int_equal(guest_image_open(&spec, &b, &e), 0);
	assert_int_equal(guest_image_finish(&b, job, sizeof(job), &e), -EFBIG);
}

UNIT_MAIN(NULL, NULL)
