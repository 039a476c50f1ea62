/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "image/guest.h"
#include "image/newc.h"
#include "image/pack.h"
#include "image/part.h"
#include "image/plan.h"
#include "mini_cpio.h"
#include "mini_elf.h"
#include "tree.h"

/* A finished archive, mapped. */
struct built {
	struct guest_build b;
	struct mapping m;
};

static void built_fini(struct built *x)
{
	mapping_close(&x->m);
	guest_build_fini(&x->b);
}
DEFINE_SCOPED_FINI(struct built, built_fini)

static void build(const struct guest_spec *spec, struct built *ret)
{
	struct err e = { 0 };

	if (guest_image_open(spec, &ret->b, &e) < 0 ||
	    guest_image_finish(&ret->b, "job=1\nmode=test\n", 16, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(mapping_open_fd(&ret->m, ret->b.fd, "archive", &e), 0);
	assert_int_equal(ret->m.len, ret->b.size);
}

static struct cpio_entry entry(const struct built *x, const char *name)
{
	struct cpio_entry en;

	if (!cpio_find((const char *)x->m.at, x->m.len, name, &en))
		fail_msg("%s is not in the archive", name);
	return en;
}

static bool has(const struct built *x, const char *name)
{
	struct cpio_entry en;

	return cpio_find((const char *)x->m.at, x->m.len, name, &en);
}

static void assert_contents(const struct built *x, const char *name, const char *text)
{
	struct cpio_entry en = entry(x, name);

	assert_int_equal(en.len, strlen(text));
	assert_memory_equal(en.data, text, en.len);
}

static void assert_refused(const struct guest_spec *spec, int code, const char *text)
{
	struct guest_build b = { 0 };
	struct err e = { 0 };

	assert_int_equal(guest_image_open(spec, &b, &e), code);
	if (!strstr(e.text, text))
		fail_msg("\"%s\" does not say \"%s\"", e.text, text);
	assert_int_equal(b.size, 0);
}

static uint64_t wall_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The cache believes in files only when the clock has moved on since their last change. */
static void let_the_clock_move_on(void)
{
	uint64_t until = wall_clock() + 25000000;
	struct timespec ts = { .tv_sec = (time_t)(until / 1000000000),
			       .tv_nsec = (long)(until % 1000000000) };

	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
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

/* One module directory with one module, which needs nothing. */
static void put_modules(const struct tree *t)
{
	struct mini_elf m = { .type = ET_REL, .machine = EM_X86_64 };
	SCOPED(buf_fini) struct buf b = { 0 };

	mini_elf_section(&m, ".modinfo", "depends=\0", 10);
	mini_elf_finish(&m, &b);
	tree_file(t, "m/kernel/one-mod.ko", b.at, b.len, 0644);
	tree_text(t, "m/modules.builtin", "kernel/two.ko\n");
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

/* A request with a file, a library of our own and modules, in @t; cached in @t/cache. */
struct cached {
	struct tree t;
	struct guest_include inc[2];
	struct guest_spec spec;
};

static struct cached *make_cached(void)
{
	static const char *const modules[] = { "one_mod", NULL };
	static char host[2][PATH_MAX], cache[PATH_MAX], dir[PATH_MAX];
	static struct cached c;

	c = (struct cached){ .t = tree_make() };
	tree_text(&c.t, "f", "first");
	tree_text(&c.t, "d/inner", "inner");
	put_modules(&c.t);
	snprintf(host[0], PATH_MAX, "%s", tree_path(&c.t, "f"));
	snprintf(host[1], PATH_MAX, "%s", tree_path(&c.t, "d"));
	snprintf(cache, PATH_MAX, "%s", tree_path(&c.t, "cache"));
	snprintf(dir, PATH_MAX, "%s", tree_path(&c.t, "m"));
	c.inc[0] = (struct guest_include){ host[0], "/f", false };
	c.inc[1] = (struct guest_include){ host[1], "/d", false };
	c.spec = (struct guest_spec){ .arch = arch_host(),
				      .modules_dir = dir,
				      .modules = modules,
				      .includes = c.inc,
				      .nr_includes = 2,
				      .cache_dir = cache };
	let_the_clock_move_on();
	return &c;
}

/* Builds and says whether it came from the cache; the archive must say @text in /f. */
static bool from_cache(const struct cached *c, const char *text)
{
	SCOPED(built_fini) struct built x = { 0 };

	build(&c->spec, &x);
	assert_contents(&x, "f", text);
	assert_contents(&x, "ktstr/job", "job=1\nmode=test\n");
	assert_string_equal(x.b.modules[0], "one_mod.ko");
	assert_null(x.b.modules[1]);
	return x.b.from_cache;
}

TEST(the_second_build_comes_from_the_cache)
{
	struct cached *c = make_cached();
	SCOPED(built_fini) struct built one = { 0 };
	SCOPED(built_fini) struct built two = { 0 };
	SCOPED(built_fini) struct built plain = { 0 };

	build(&c->spec, &one);
	build(&c->spec, &two);
	assert_false(one.b.from_cache);
	assert_true(two.b.from_cache);
	c->spec.cache_dir = NULL;
	build(&c->spec, &plain);
	assert_false(plain.b.from_cache);
	assert_int_equal(one.m.len, two.m.len);
	assert_memory_equal(one.m.at, two.m.at, one.m.len);
	assert_memory_equal(one.m.at, plain.m.at, one.m.len);
	assert_int_equal(one.b.unpacked, two.b.unpacked);
	tree_remove(&c->t);
}

TEST(every_change_of_an_input_is_seen)
{
	struct cached *c = make_cached();

	assert_false(from_cache(c, "first"));
	assert_true(from_cache(c, "first"));
	tree_text(&c->t, "f", "other"); /* same length */
	let_the_clock_move_on();
	assert_false(from_cache(c, "other"));
	assert_true(from_cache(c, "other"));
	tree_text(&c->t, "d/second", "new"); /* something more in a directory */
	let_the_clock_move_on();
	assert_false(from_cache(c, "other"));
	assert_true(from_cache(c, "other"));
	tree_text(&c->t, "d/inner", "changed");
	let_the_clock_move_on();
	assert_false(from_cache(c, "other"));
	assert_true(from_cache(c, "other"));
	assert_int_equal(chmod(tree_path(&c->t, "f"), 0600), 0);
	let_the_clock_move_on();
	assert_false(from_cache(c, "other"));
	assert_true(from_cache(c, "other"));
	tree_text(&c->t, "m/modules.dep", "kernel/one-mod.ko:\n");
	let_the_clock_move_on();
	assert_false(from_cache(c, "other"));
	assert_true(from_cache(c, "other"));
	tree_remove(&c->t);
}

TEST(requests_do_not_mix)
{
	struct cached *c = make_cached();

	assert_false(from_cache(c, "first"));
	c->inc[1].guest_path = "/elsewhere";
	assert_false(from_cache(c, "first"));
	assert_true(from_cache(c, "first"));
	c->spec.nr_includes = 1;
	assert_false(from_cache(c, "first"));
	c->inc[1].guest_path = "/d";
	c->spec.nr_includes = 2;
	assert_true(from_cache(c, "first"));
	tree_remove(&c->t);
}

/* The path of the cache's only file with that suffix. */
static const char *cached_file(const struct cached *c, const char *suffix)
{
	static char path[PATH_MAX];
	DIR *d = opendir(tree_path(&c->t, "cache/parts"));
	struct dirent *de;
	int nr = 0;

	assert_non_null(d);
	while ((de = readdir(d))) {
		size_t n = strlen(de->d_name), k = strlen(suffix);

		if (n <= k || strcmp(de->d_name + n - k, suffix))
			continue;
		snprintf(path, sizeof(path), "%s/%s", tree_path(&c->t, "cache/parts"), de->d_name);
		nr++;
	}
	closedir(d);
	assert_int_equal(nr, 1);
	return path;
}

static void flip_byte(const char *path, off_t at)
{
	SCOPED(close_fd) int fd = open(path, O_RDWR | O_CLOEXEC);
	char b;

	assert_int_equal(pread(fd, &b, 1, at), 1);
	b ^= 4;
	assert_int_equal(pwrite(fd, &b, 1, at), 1);
}

TEST(damaged_parts_are_built_again)
{
	struct cached *c = make_cached();
	struct stat st;

	assert_false(from_cache(c, "first"));
	assert_int_equal(stat(cached_file(c, ".newc"), &st), 0);
	flip_byte(cached_file(c, ".newc"), st.st_size / 2);
	assert_false(from_cache(c, "first"));
	assert_true(from_cache(c, "first"));
	assert_int_equal(truncate(cached_file(c, ".newc"), st.st_size - 1), 0);
	assert_false(from_cache(c, "first"));
	assert_true(from_cache(c, "first"));
	assert_int_equal(unlink(cached_file(c, ".newc")), 0);
	assert_false(from_cache(c, "first"));
	assert_true(from_cache(c, "first"));
	assert_int_equal(stat(cached_file(c, ".plan"), &st), 0);
	for (off_t at = 0; at < st.st_size; at += 41) {
		flip_byte(cached_file(c, ".plan"), at);
		assert_false(from_cache(c, "first"));
		assert_true(from_cache(c, "first"));
	}
	for (off_t n = 0; n < st.st_size; n += 97) {
		assert_int_equal(truncate(cached_file(c, ".plan"), n), 0);
		assert_false(from_cache(c, "first"));
	}
	tree_remove(&c->t);
}

TEST(the_umask_of_who_built_a_program_does_not_show)
{
	char sum[2][65];

	for (size_t i = 0; i < 2; i++) {
		SCOPED(tree_remove) struct tree t = tree_make();
		SCOPED(built_fini) struct built x = { 0 };

		tree_file(&t, "script", "#!/bin/sh", 9, i ? 0775 : 0700);
		const struct guest_include inc = { tree_path(&t, "script"), "/bin/script", true };
		struct guest_spec spec = { .arch = arch_host(),
					   .includes = &inc,
					   .nr_includes = 1 };
		build(&spec, &x);
		assert_int_equal(entry(&x, "bin/script").mode, S_IFREG | 0755);
		memcpy(sum[i], x.b.plain_sha256, sizeof(sum[i]));
	}
	assert_string_equal(sum[0], sum[1]);
}

TEST(inputs_that_changed_a_moment_ago_are_not_cached)
{
	struct cached *c = make_cached();
	SCOPED(guest_plan_fini) struct guest_plan p = { 0 };
	SCOPED(close_fd) int fd = anon_file("test", NULL);
	char request[PART_NAME_LEN + 1], archive[PART_NAME_LEN + 1];
	struct pack_result sum;
	struct part_hit hit;
	struct stat st;

	assert_int_equal(stat(tree_path(&c->t, "f"), &st), 0);
	uint64_t changed = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
	assert_int_equal(part_request(&c->spec, "", request, NULL), 0);
	assert_int_equal(guest_plan_make(&c->spec, "", &p, NULL), 0);
	assert_int_equal(pack_plan(&p, fd, &sum, NULL), 0);
	assert_int_equal(part_store(c->spec.cache_dir, request, &p, changed + 10000000, &sum, fd,
				    archive, NULL),
			 0);
	assert_int_equal(part_fetch(c->spec.cache_dir, request, fd, &hit, NULL), 0);
	assert_int_equal(part_store(c->spec.cache_dir, request, &p, wall_clock(), &sum, fd, archive,
				    NULL),
			 1);
	assert_int_equal(part_fetch(c->spec.cache_dir, request, fd, &hit, NULL), 1);
	assert_string_equal(hit.archive, archive);
	for (char **m = hit.modules; *m; m++)
		free(*m);
	free(hit.modules);
	tree_remove(&c->t);
}

TEST(a_file_that_changes_under_our_hands_is_an_error)
{
	struct cached *c = make_cached();
	SCOPED(guest_plan_fini) struct guest_plan p = { 0 };
	SCOPED(close_fd) int fd = anon_file("test", NULL);
	struct pack_result sum;
	struct err e = { 0 };

	assert_int_equal(guest_plan_make(&c->spec, "", &p, NULL), 0);
	tree_text(&c->t, "f", "longer than before");
	assert_int_equal(pack_plan(&p, fd, &sum, &e), -EAGAIN);
	assert_non_null(strstr(e.text, "/f: changed while it was being packed"));
	tree_remove(&c->t);
}

TEST(builders_at_the_same_time_do_not_disturb_each_other)
{
	struct cached *c = make_cached();
	char archive[PATH_MAX];
	pid_t child[4];

	assert_false(from_cache(c, "first"));
	strcpy(archive, cached_file(c, ".newc"));
	for (size_t i = 0; i < ARRAY_SIZE(child); i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		for (int n = 0; !child[i] && n < 20; n++) {
			struct guest_build b = { 0 };

			if (guest_image_open(&c->spec, &b, NULL) < 0)
				_exit(1);
			if (n % 5 == (int)i) /* now and then somebody damages the archive */
				(void)!truncate(archive, 5000);
			guest_build_fini(&b);
		}
		if (!child[i])
			_exit(0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(child); i++) {
		int status;

		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	from_cache(c, "first");
	assert_true(from_cache(c, "first"));
	cached_file(c, ".newc"); /* and one of each is all there is */
	cached_file(c, ".plan");
	tree_remove(&c->t);
}

TEST(the_cache_forgets_what_is_old)
{
	struct cached *c = make_cached();
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	for (int i = 0; i < 2; i++) { /* sparse: the file system has to hold nothing of it */
		const char *path =
			tree_path(&c->t, i ? "cache/parts/b.newc" : "cache/parts/a.newc");

		tree_text(&c->t, i ? "cache/parts/b.newc" : "cache/parts/a.newc", "");
		assert_int_equal(truncate(path, 300 << 20), 0);
		if (!i)
			assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	}
	assert_false(from_cache(c, "first"));
	assert_int_equal(access(tree_path(&c->t, "cache/parts/a.newc"), F_OK), -1);
	assert_int_equal(access(tree_path(&c->t, "cache/parts/b.newc"), F_OK), 0);
	assert_true(from_cache(c, "first"));
	tree_remove(&c->t);
}

TEST(a_cache_that_cannot_be_used_is_named)
{
	struct cached *c = make_cached();

	tree_text(&c->t, "cache", "not a directory");
	assert_refused(&c->spec, -ENOTDIR, "/cache");
	tree_remove(&c->t);
}

TEST(the_cached_build_is_fast)
{
	SCOPED(tree_remove) struct tree t = tree_make();
	SCOPED(buf_fini) struct buf big = { 0 };
	uint64_t best = UINT64_MAX;

	buf_zero(&big, 5 << 20);
	tree_file(&t, "big", big.at, big.len, 0644);
	let_the_clock_move_on();
	const struct guest_include inc = { tree_path(&t, "big"), "/big", false };
	struct guest_spec spec = { .arch = arch_host(),
				   .includes = &inc,
				   .nr_includes = 1,
				   .cache_dir = tree_path(&t, "cache") };
	for (int i = 0; i < 6; i++) {
		SCOPED(built_fini) struct built x = { 0 };

		build(&spec, &x);
		assert_int_equal(x.b.from_cache, i > 0);
		best = MIN(best, x.b.took_ns);
	}
	print_message("# 5 MiB from the cache in %.2f ms\n", (double)best / 1e6);
	assert_true(best < 100000000); /* ten times the target: other work runs here too */
}

UNIT_MAIN(NULL, NULL)
