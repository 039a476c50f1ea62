/* SPDX-License-Identifier: GPL-2.0-only */
/* Snapshots in the cache: put, opened, dropped, held while one is made; what trimming and gc take. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/lock_wait.h"
#include "catalog/snapshots.h"
#include "catalog_util.h"

#define HEX16(d) d d d d d d d d d d d d d d d d
#define KEY_A HEX16("aaaa")
#define KEY_B HEX16("bbbb")
#define KEY_C HEX16("cccc")

/* Says nothing, waits to the end. */
static const struct patience calm = { 0 };

static int file_of(const char *text)
{
	int fd = anon_file("snapshot", NULL);

	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, text, strlen(text)), 0);
	return fd;
}

static void put(struct catalog *c, const char *key, const char *text)
{
	SCOPED(close_fd) int fd = file_of(text);
	struct err e = { 0 };

	if (snapshot_put(c, key, fd, &e) < 0)
		fail_msg("%s", e.text);
}

static void assert_contents(int fd, const char *want)
{
	char text[100] = "";

	assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), strlen(want));
	assert_string_equal(text, want);
}

static void assert_snapshot(struct catalog *c, const char *key, const char *want)
{
	SCOPED(close_fd) int fd = -1;
	struct err e = { 0 };

	if (snapshot_open(c, key, &fd, &e) < 0)
		fail_msg("%s", e.text);
	assert_contents(fd, want);
}

static bool is_there(struct catalog *c, const char *key)
{
	return exists(cache_path(c, "/snapshots/%s", key).s);
}

static void age(struct catalog *c, const char *key, int days)
{
	struct timespec t[2] = { { .tv_sec = time(NULL) - days * 86400 },
				 { .tv_sec = time(NULL) - days * 86400 } };

	assert_int_equal(utimensat(AT_FDCWD, cache_path(c, "/snapshots/%s", key).s, t, 0), 0);
}

TEST(a_snapshot_is_put_replaced_opened_and_dropped)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(close_fd) int old = -1;
	struct err e = { 0 };

	assert_int_equal(snapshot_open(c, KEY_A, &old, &e), -ENOENT);
	assert_says(e, "snapshot aaaaaaaaaaaa: ");
	assert_int_equal(old, -1);
	put(c, KEY_A, "one");
	put(c, KEY_B, "two");
	assert_snapshot(c, KEY_A, "one");
	assert_int_equal(snapshot_open(c, KEY_A, &old, NULL), 0);
	put(c, KEY_A, "other");
	assert_snapshot(c, KEY_A, "other");
	snapshot_drop(c, KEY_A);
	assert_false(is_there(c, KEY_A));
	snapshot_drop(c, KEY_A);
	assert_contents(old, "one"); /* what is open stays as it was */
	assert_snapshot(c, KEY_B, "two");
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

TEST(all_of_the_file_is_put_wherever_its_position_is)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(close_fd) int fd = file_of("from the start");
	struct err e = { 0 };

	assert_int_equal(lseek(fd, 5, SEEK_SET), 5);
	assert_int_equal(snapshot_put(c, KEY_A, fd, &e), 0);
	assert_snapshot(c, KEY_A, "from the start");
	assert_int_equal(snapshot_put(c, KEY_A, -1, &e), -EBADF);
	assert_says(e, "snapshot aaaaaaaaaaaa: ");
	assert_snapshot(c, KEY_A, "from the start");
}

TEST(what_is_no_key_is_refused)
{
	static const char *const names[] = { "",	  "..",		 "aaaa",       KEY_A "a",
					     "../" KEY_A, HEX16("AAAA"), HEX16("aaa/") };
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(close_fd) int fd = file_of("x");
	int other = -1;

	put_file(c->dir, "aaaa", "stays");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct err e[3] = { 0 };

		assert_int_equal(snapshot_open(c, names[i], &other, &e[0]), -EINVAL);
		assert_int_equal(snapshot_put(c, names[i], fd, &e[1]), -EINVAL);
		assert_int_equal(snapshot_hold(c, names[i], 0, &calm, &other, &e[2]), -EINVAL);
		for (int k = 0; k < 3; k++)
			assert_says(e[k], "a key has 64 digits 0-9 a-f");
		snapshot_drop(c, names[i]);
	}
	assert_int_equal(nr_names(cache_path(c, "/snapshots").s), 0);
	assert_int_equal(nr_names(cache_path(c, "/locks").s), 0);
}

TEST(what_is_no_file_is_not_opened)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	struct path a = cache_path(c, "/snapshots/%s", KEY_A);
	struct err e = { 0 };
	int fd = -1;

	assert_int_equal(mkfifo(a.s, 0644), 0);
	assert_int_equal(snapshot_open(c, KEY_A, &fd, &e), -EBADMSG);
	assert_says(e, "snapshot aaaaaaaaaaaa: no regular file");
	snapshot_drop(c, KEY_A);
	assert_int_equal(symlink("/etc/passwd", a.s), 0);
	assert_int_equal(snapshot_open(c, KEY_A, &fd, &e), -ELOOP);
	put(c, KEY_A, "in its place");
	assert_snapshot(c, KEY_A, "in its place");
}

static int put_many(void *arg)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(arg);

	for (int i = 0; i < 100; i++) {
		put(c, KEY_A, i % 2 ? "of the same length" : "this and the other");
		snapshots_trim(c);
	}
	return 0;
}

TEST(putting_the_same_one_at_the_same_time_disturbs_nobody)
{
	struct path base = new_dir();
	SCOPED(catalog_close) struct catalog *c = open_cache(base.s);

	put(c, KEY_A, "of the same length");
	pid_t a = start_child(put_many, base.s), b = start_child(put_many, base.s);
	for (int i = 0; i < 100; i++) {
		SCOPED(close_fd) int fd = -1;
		struct stat st;

		assert_int_equal(snapshot_open(c, KEY_A, &fd, NULL), 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, 18);
	}
	assert_int_equal(wait_for(a), 0);
	assert_int_equal(wait_for(b), 0);
	assert_snapshot(c, KEY_A, "of the same length");
	catalog_close(open_cache(base.s)); /* sweeps */
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

/* ---- who makes one ---- */

struct maker {
	struct path cache;
	int ready[2], go[2];
};

/* Holds the key, puts the snapshot when told to, then lets go. */
static int make_one(void *arg)
{
	struct maker *m = arg;
	SCOPED(catalog_close) struct catalog *c = open_cache(m->cache.s);
	SCOPED(close_fd) int lock = -1;
	char byte;

	close_fd(&m->go[1]);
	if (snapshot_hold(c, KEY_A, 0, &calm, &lock, NULL) < 0 ||
	    write_full(m->ready[1], "x", 1) < 0 || read(m->go[0], &byte, 1) < 0)
		return 1;
	put(c, KEY_A, "made once");
	return 0;
}

static pid_t start_maker(struct maker *m)
{
	char byte;

	assert_int_equal(pipe2(m->ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(m->go, O_CLOEXEC), 0);
	pid_t pid = start_child(make_one, m);
	assert_int_equal(read(m->ready[0], &byte, 1), 1);
	return pid;
}

static void maker_fini(struct maker *m)
{
	for (int i = 0; i < 2; i++) {
		close_fd(&m->ready[i]);
		close_fd(&m->go[i]);
	}
}

/* What one was told that he waits for; and then he does not want to any more. */
struct told {
	char text[200];
	int fd;
};

static void tell(void *ctx, const char *what)
{
	struct told *t = ctx;

	snprintf(t->text, sizeof(t->text), "%s", what);
	assert_int_equal(write_full(t->fd, "x", 1), 0);
}

TEST(who_makes_a_snapshot_keeps_others_from_that_and_no_other)
{
	struct maker m = { .cache = new_dir() };
	SCOPED(catalog_close) struct catalog *c = open_cache(m.cache.s);
	SCOPED(close_fd) int lock = -1;
	SCOPED(close_fd) int other = -1;
	struct err e = { 0 };
	struct told told = { 0 };
	int cancel[2];
	char words[60];

	pid_t pid = start_maker(&m);
	snprintf(words, sizeof(words), "in use by pid %d (", pid);
	assert_int_equal(snapshot_hold(c, KEY_A, 0, &calm, &lock, &e), -EBUSY);
	assert_says(e, "snapshot aaaaaaaaaaaa: ");
	assert_says(e, words);
	assert_int_equal(snapshot_hold(c, KEY_A, 20000000, &calm, &lock, &e), -EBUSY);
	assert_int_equal(snapshot_hold(c, KEY_B, 0, &calm, &other, &e), 0);
	assert_false(is_there(c, KEY_A));
	assert_int_equal(pipe2(cancel, O_CLOEXEC), 0);
	told.fd = cancel[1];
	const struct patience cancelled = { (const int[]){ cancel[0], -1 }, tell, &told };
	assert_int_equal(snapshot_hold(c, KEY_A, 60000000000, &cancelled, &lock, &e), -EINTR);
	assert_says(e, "snapshot aaaaaaaaaaaa: no longer waiting for pid ");
	snprintf(words, sizeof(words), "snapshot aaaaaaaaaaaa, held by pid %d (", pid);
	assert_int_equal(strncmp(told.text, words, strlen(words)), 0);
	close_fd(&cancel[0]);
	close_fd(&cancel[1]);
	close_fd(&m.go[1]);
	assert_int_equal(snapshot_hold(c, KEY_A, 60000000000, &calm, &lock, &e), 0);
	assert_snapshot(c, KEY_A, "made once");
	assert_int_equal(wait_for(pid), 0);
	maker_fini(&m);
}

/* The wait takes longer than what is told of; 1 = it was told. */
static int wait_beside(void *arg)
{
	const struct maker *m = arg;
	SCOPED(catalog_close) struct catalog *c = open_cache(m->cache.s);
	SCOPED(close_fd) int lock = -1;
	struct told told = { .fd = m->ready[1] };
	const struct patience how = { .on_wait = tell, .ctx = &told, .strangers_only = true };
	int r = snapshot_hold(c, KEY_A, LOCK_WAIT_TELL_NS * 2, &how, &lock, NULL);

	return r != -EBUSY ? 2 : told.text[0] != 0;
}

/* The cells of one run are children of it, and wait for each other all the time. */
TEST(what_a_sibling_makes_is_no_news_to_who_wants_to_hear_of_strangers_only)
{
	struct maker m = { .cache = new_dir() };
	SCOPED(catalog_close) struct catalog *c = open_cache(m.cache.s);
	SCOPED(close_fd) int lock = -1;
	struct told told = { 0 };
	int cancel[2];

	pid_t pid = start_maker(&m);
	assert_int_equal(wait_for(start_child(wait_beside, &m)), 0);
	assert_int_equal(pipe2(cancel, O_CLOEXEC), 0);
	told.fd = cancel[1];
	/* to us it is a child */
	const struct patience how = { (const int[]){ cancel[0], -1 }, tell, &told, true };
	assert_int_equal(snapshot_hold(c, KEY_A, 60000000000, &how, &lock, NULL), -EINTR);
	assert_int_equal(strncmp(told.text, "snapshot aaaaaaaaaaaa, held by pid ", 35), 0);
	close_fd(&cancel[0]);
	close_fd(&cancel[1]);
	close_fd(&m.go[1]);
	assert_int_equal(wait_for(pid), 0);
	maker_fini(&m);
}

TEST(gc_removes_the_locks_that_nobody_holds)
{
	struct maker m = { .cache = new_dir() };
	SCOPED(catalog_close) struct catalog *c = open_cache(m.cache.s);
	SCOPED(close_fd) int lock = -1;
	struct path locks = cache_path(c, "/locks");

	pid_t pid = start_maker(&m);
	assert_int_equal(snapshot_hold(c, KEY_B, 0, &calm, &lock, NULL), 0);
	close_fd(&lock);
	put_file(c->dir, "locks/snapshot-of-others.lock", "");
	assert_int_equal(catalog_gc(c, 30, 0, true, NULL, NULL, NULL), 0);
	assert_true(exists(path_format("%s/snapshot-%s.lock", locks.s, KEY_B).s));
	assert_int_equal(catalog_gc(c, 30, 0, false, NULL, NULL, NULL), 0);
	assert_false(exists(path_format("%s/snapshot-%s.lock", locks.s, KEY_B).s));
	assert_true(exists(path_format("%s/snapshot-%s.lock", locks.s, KEY_A).s));
	assert_true(exists(path_format("%s/snapshot-of-others.lock", locks.s).s));
	assert_int_equal(snapshot_hold(c, KEY_A, 0, &calm, &lock, NULL), -EBUSY);
	close_fd(&m.go[1]);
	assert_int_equal(wait_for(pid), 0);
	assert_int_equal(catalog_gc(c, 30, 0, false, NULL, NULL, NULL), 0);
	assert_int_equal(nr_names(locks.s), 1);
	maker_fini(&m);
}

/* ---- which go ---- */

static uint64_t bytes_of(struct catalog *c, const char *key)
{
	struct stat st;

	assert_int_equal(stat(cache_path(c, "/snapshots/%s", key).s, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

TEST(too_many_bytes_push_out_the_least_recently_used)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);

	put(c, KEY_A, "a");
	put(c, KEY_B, "b");
	put(c, KEY_C, "c");
	age(c, KEY_A, 3);
	age(c, KEY_B, 2);
	age(c, KEY_C, 1);
	uint64_t all = bytes_of(c, KEY_A) + bytes_of(c, KEY_B) + bytes_of(c, KEY_C);
	snapshots_trim(c);
	snapshots_trim_to(c, all);
	assert_int_equal(nr_names(cache_path(c, "/snapshots").s), 3);
	assert_snapshot(c, KEY_A, "a"); /* which is a use */
	snapshots_trim_to(c, all - 1);
	assert_false(is_there(c, KEY_B));
	assert_true(is_there(c, KEY_A));
	assert_true(is_there(c, KEY_C));
	snapshots_trim_to(c, bytes_of(c, KEY_A));
	assert_true(is_there(c, KEY_A));
	assert_false(is_there(c, KEY_C));
	put_file(c->dir, "snapshots/none of ours", "x");
	snapshots_trim_to(c, 0);
	assert_int_equal(nr_names(cache_path(c, "/snapshots").s), 1);
}

TEST(uses_within_a_second_are_told_apart)
{
	const struct timespec early[2] = { { 1000, 5 }, { 1000, 5 } },
			      late[2] = { { 1000, 6 }, { 1000, 6 } };
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);

	put(c, KEY_A, "a");
	put(c, KEY_B, "b");
	struct path a = cache_path(c, "/snapshots/%s", KEY_A);
	struct path b = cache_path(c, "/snapshots/%s", KEY_B);
	assert_int_equal(utimensat(AT_FDCWD, a.s, late, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, b.s, early, 0), 0);
	snapshots_trim_to(c, bytes_of(c, KEY_A));
	assert_true(exists(a.s));
	assert_false(exists(b.s));
}

static void keep_text(void *ctx, const char *text)
{
	snprintf(ctx, 200, "%s", text);
}

TEST(gc_removes_what_was_not_used_for_long)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	char said[200] = "";
	const struct catalog_progress p = { keep_text, said };
	uint64_t would = 0, did = 0;

	put(c, KEY_A, "a");
	put(c, KEY_B, "b");
	put(c, KEY_C, "c");
	age(c, KEY_A, 31);
	age(c, KEY_B, 29);
	age(c, KEY_C, 31);
	assert_snapshot(c, KEY_C, "c"); /* which makes it young again */
	uint64_t bytes = bytes_of(c, KEY_A);
	assert_int_equal(catalog_gc(c, 30, 0, true, &would, &p, NULL), 0);
	assert_int_equal(would, bytes);
	assert_non_null(strstr(said, "snapshots of machines: not used for a while"));
	assert_true(is_there(c, KEY_A));
	*said = 0;
	assert_int_equal(catalog_gc(c, 30, 0, false, &did, &p, NULL), 0);
	assert_int_equal(did, bytes);
	assert_non_null(strstr(said, "snapshots of machines: not used for a while"));
	assert_false(is_there(c, KEY_A));
	assert_true(is_there(c, KEY_B));
	assert_true(is_there(c, KEY_C));
	*said = 0;
	assert_int_equal(catalog_gc(c, 30, 0, false, &did, &p, NULL), 0);
	assert_int_equal(did, 0);
	assert_string_equal(said, "");
}

/* ---- a cache of others ---- */

static int use_as_nobody(void *arg)
{
	struct err e = { 0 };
	int fd = -1;

	become_nobody();
	SCOPED(catalog_close) struct catalog *c = open_cache(arg);
	SCOPED(close_fd) int file = file_of("x");
	assert_int_equal(snapshot_hold(c, KEY_B, 0, &calm, &fd, &e), -EACCES);
	assert_says(e, "cannot be written");
	e = (struct err){ 0 };
	assert_int_equal(snapshot_put(c, KEY_B, file, &e), -EACCES);
	assert_says(e, "cannot be written");
	snapshot_drop(c, KEY_A);
	snapshots_trim_to(c, 0);
	assert_snapshot(c, KEY_A, "for all to read");
	return 0;
}

TEST(a_cache_of_others_is_read_and_not_written)
{
	struct path base = new_dir();
	SCOPED(catalog_close) struct catalog *c = open_cache(base.s);

	put(c, KEY_A, "for all to read");
	set_cache_modes(base.s, 0555);
	int status = in_child(use_as_nobody, base.s);
	set_cache_modes(base.s, 0755);
	assert_int_equal(status, 0);
	assert_true(is_there(c, KEY_A));
}

UNIT_MAIN(NULL, remove_new_dirs)
