/* SPDX-License-Identifier: GPL-2.0-only */
/* The cache of guest archives. */
#include "built.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "image/pack.h"
#include "image/part.h"
#include "image/plan.h"

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
