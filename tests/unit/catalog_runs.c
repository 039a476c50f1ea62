/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects named by contents, records of runs, and what gc leaves of both. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/objects.h"
#include "catalog/runs.h"
#include "catalog_util.h"

#define SHA_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define LIE "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
#define ID_A "aaaaaaaaaaaa"
#define ID_B "aabbbbbbbbbb"

static ino_t inode(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void put(struct catalog *c, const char *path, char name[OBJECT_NAME_LEN + 1])
{
	struct err e = { 0 };

	if (object_put_file(c, path, name, &e) < 0)
		fail_msg("%s", e.text);
}

TEST(a_file_becomes_an_object_by_its_hash_and_takes_no_space)
{
	struct path base = new_dir(), file = path_format("%s/boot", base.s);
	SCOPED(catalog_close) struct catalog *c = open_cache(path_format("%s/cache", base.s).s);
	char name[OBJECT_NAME_LEN + 1];

	put_file(base.s, "boot", "abc");
	put(c, file.s, name);
	assert_string_equal(name, SHA_OF_ABC);
	assert_int_equal(inode(cache_path(c, "/objects/%s", name).s), inode(file.s));
	put(c, file.s, name);
	assert_string_equal(name, SHA_OF_ABC);
	assert_int_equal(nr_names(cache_path(c, "/known").s), 1);
}

/* In the place of the one thing that is known. */
static void make_a_lie_known(struct catalog *c)
{
	struct path known = cache_path(c, "/known");
	char link[256];

	assert_int_equal(nr_names(known.s), 1);
	FILE *ls = popen(path_format("ls %s", known.s).s, "r");
	assert_non_null(fgets(link, sizeof(link), ls));
	pclose(ls);
	link[strcspn(link, "\n")] = 0;
	struct path at = path_format("%s/%s", known.s, link);
	assert_int_equal(unlink(at.s), 0);
	assert_int_equal(symlink(LIE, at.s), 0);
}

TEST(a_known_file_is_not_read_again_until_it_changes)
{
	struct path base = new_dir(), file = path_format("%s/boot", base.s);
	SCOPED(catalog_close) struct catalog *c = open_cache(path_format("%s/cache", base.s).s);
	char name[OBJECT_NAME_LEN + 1];

	put_file(base.s, "boot", "abc");
	put(c, file.s, name);
	/* what is known is believed: a lie comes back */
	struct path known = cache_path(c, "/known");
	make_a_lie_known(c);
	put(c, file.s, name);
	assert_string_equal(name, LIE);
	/* until nothing is known */
	assert_int_equal(remove_tree(known.s, NULL), 0);
	assert_int_equal(make_dirs(known.s, 0755, NULL), 0);
	put_file(base.s, "boot", "abc");
	put(c, file.s, name);
	assert_string_equal(name, SHA_OF_ABC);
	put_file(base.s, "boot", "abcd");
	put(c, file.s, name);
	assert_string_not_equal(name, SHA_OF_ABC);
}

TEST(a_hash_is_told_and_known_without_an_object)
{
	struct path base = new_dir(), file = path_format("%s/boot", base.s);
	SCOPED(catalog_close) struct catalog *c = open_cache(path_format("%s/cache", base.s).s);
	char name[OBJECT_NAME_LEN + 1] = "as it was";
	struct err e = { 0 };

	assert_int_equal(file_hash(c, file.s, name, &e), -ENOENT);
	assert_says(e, file.s);
	assert_string_equal(name, "as it was");
	put_file(base.s, "boot", "abc");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(file_hash(c, file.s, name, &e), 0);
		assert_string_equal(name, SHA_OF_ABC);
		assert_int_equal(nr_names(cache_path(c, "/known").s), 1);
	}
	assert_int_equal(nr_names(cache_path(c, "/objects").s), 0);
	/* what is known is not read again: a lie comes back */
	make_a_lie_known(c);
	assert_int_equal(file_hash(c, file.s, name, &e), 0);
	assert_string_equal(name, LIE);
}

TEST(bytes_become_an_object_with_or_without_a_file_to_link)
{
	struct path base = new_dir(), same = path_format("%s/part", base.s);
	SCOPED(catalog_close) struct catalog *c = open_cache(path_format("%s/cache", base.s).s);
	struct path object = cache_path(c, "/objects/%s", SHA_OF_ABC);
	SCOPED(close_fd) int fd = anon_file("test", NULL);
	char found[OBJECT_NAME_LEN + 1];

	assert_int_equal(write_full(fd, "abc and a job", 13), 0);
	assert_int_equal(hash_fd(fd, 3, found), 0);
	assert_string_equal(found, SHA_OF_ABC);
	assert_int_equal(object_put_fd(c, SHA_OF_ABC, fd, 3, "/no/such/file", NULL), 0);
	assert_int_equal(unlink(object.s), 0);
	put_file(base.s, "part", "abc");
	assert_int_equal(object_put_fd(c, SHA_OF_ABC, fd, 3, same.s, NULL), 0);
	assert_int_equal(inode(object.s), inode(same.s));
	/* one of another size is in the way, and so is a candidate of another size */
	put_file(base.s, "part", "longer");
	assert_int_equal(truncate(object.s, 1), 0);
	assert_int_equal(object_put_fd(c, SHA_OF_ABC, fd, 3, same.s, NULL), 0);
	assert_int_not_equal(inode(object.s), inode(same.s));
	assert_int_equal(hash_fd(fd, 14, found), -ENODATA);
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

TEST(an_object_is_checked_when_it_is_taken)
{
	struct path base = new_dir();
	SCOPED(catalog_close) struct catalog *c = open_cache(base.s);
	struct path object = cache_path(c, "/objects/%s", SHA_OF_ABC);
	SCOPED(close_fd) int fd = -1;
	struct err e = { 0 };
	uint64_t size = 0;

	assert_int_equal(object_open(c, SHA_OF_ABC, &fd, &size, &e), -ENOENT);
	assert_says(e, SHA_OF_ABC);
	put_file(base.s, "objects/" SHA_OF_ABC, "abc");
	assert_int_equal(object_open(c, SHA_OF_ABC, &fd, &size, &e), 0);
	assert_int_equal(size, 3);
	put_file(base.s, "objects/" SHA_OF_ABC, "abd");
	int other = -1;
	assert_int_equal(object_open(c, SHA_OF_ABC, &other, &size, &e), -EBADMSG);
	assert_says(e, "damaged");
	assert_false(exists(object.s));
}

static void store(struct catalog *c, const char *id, const char *text, const char *object)
{
	struct run_file f = { "record.json", text, strlen(text) };
	struct err e = { 0 };

	if (run_store(c, id, &f, 1, &object, object ? 1 : 0, &e) < 0)
		fail_msg("%s", e.text);
}

static void assert_record(struct catalog *c, const char *id, const char *want)
{
	SCOPED(mem_free) char *text = NULL;

	assert_int_equal(run_read(c, id, "record.json", 100, &text, NULL, NULL), 0);
	assert_string_equal(text, want);
}

TEST(a_run_is_stored_replaced_and_found)
{
	struct path base = new_dir();
	SCOPED(catalog_close) struct catalog *c = open_cache(base.s);
	char id[RUN_ID_LEN + 1];
	struct err e = { 0 };

	assert_int_equal(run_find(c, "last", id, &e), -ENOENT);
	assert_says(e, "no record of any run");
	store(c, ID_A, "one", NULL);
	store(c, ID_B, "two", NULL);
	store(c, ID_A, "three", NULL);
	assert_record(c, ID_A, "three");
	assert_record(c, ID_B, "two");
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
	assert_int_equal(run_find(c, "last", id, &e), 0);
	assert_string_equal(id, ID_A);
	assert_int_equal(run_find(c, "aab", id, &e), 0);
	assert_string_equal(id, ID_B);
	assert_int_equal(run_find(c, ID_A, id, &e), 0);
	assert_string_equal(id, ID_A);
	assert_int_equal(run_find(c, "aa", id, &e), -EEXIST);
	assert_says(e, "2 ids start like this");
	assert_int_equal(run_find(c, "ab", id, &e), -ENOENT);
	assert_says(e, "no record of it");
	const char *const bad[] = { "", "../x", "AA", ID_A "0", "latest" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(run_find(c, bad[i], id, &e), -EINVAL);
	assert_says(e, "latest");
}

static int store_many(void *arg)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(arg);

	for (int i = 0; i < 200; i++)
		store(c, ID_A, i % 2 ? "odd" : "even", SHA_OF_ABC);
	return 0;
}

TEST(runs_of_one_id_at_the_same_time_do_not_disturb_each_other)
{
	struct path base = new_dir();
	SCOPED(catalog_close) struct catalog *c = open_cache(base.s);
	pid_t a = start_child(store_many, base.s), b = start_child(store_many, base.s);

	assert_int_equal(wait_for(a), 0);
	assert_int_equal(wait_for(b), 0);
	assert_record(c, ID_A, "odd");
	catalog_close(open_cache(base.s)); /* sweeps */
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

static void make_old(struct catalog *c, const char *id)
{
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	assert_int_equal(utimensat(AT_FDCWD, cache_path(c, "/runs/%s", id).s, old, 0), 0);
}

TEST(old_runs_go_and_so_does_what_only_they_named)
{
	struct path base = new_dir();
	SCOPED(catalog_close) struct catalog *c = open_cache(path_format("%s/cache", base.s).s);
	char one[OBJECT_NAME_LEN + 1], two[OBJECT_NAME_LEN + 1];
	uint64_t bytes = 0;

	put_file(base.s, "one", "one");
	put_file(base.s, "two", "two");
	put(c, path_format("%s/one", base.s).s, one);
	put(c, path_format("%s/two", base.s).s, two);
	store(c, ID_A, "{}", one);
	store(c, ID_B, "{}", two);
	make_old(c, ID_A);
	assert_int_equal(catalog_gc(c, 30, 2, false, NULL, NULL, NULL), 0);
	assert_int_equal(nr_names(cache_path(c, "/runs").s), 2);
	assert_int_equal(nr_names(cache_path(c, "/objects").s), 2);
	assert_int_equal(catalog_gc(c, 30, 1, true, &bytes, NULL, NULL), 0);
	assert_true(bytes > 0);
	assert_int_equal(nr_names(cache_path(c, "/runs").s), 2);
	assert_int_equal(nr_names(cache_path(c, "/objects").s), 2);
	assert_int_equal(catalog_gc(c, 30, 1, false, NULL, NULL, NULL), 0);
	assert_false(exists(cache_path(c, "/runs/%s", ID_A).s));
	assert_false(exists(cache_path(c, "/objects/%s", one).s));
	assert_true(exists(cache_path(c, "/runs/%s", ID_B).s));
	assert_true(exists(cache_path(c, "/objects/%s", two).s));
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

TEST(gc_leaves_what_is_being_recorded)
{
	struct path base = new_dir();
	SCOPED(catalog_close) struct catalog *c = open_cache(path_format("%s/cache", base.s).s);
	char one[OBJECT_NAME_LEN + 1];
	int lock = -1;

	put_file(base.s, "one", "one");
	assert_int_equal(objects_hold(c, &lock, NULL), 0);
	put(c, path_format("%s/one", base.s).s, one);
	assert_int_equal(catalog_gc(c, 30, 1, false, NULL, NULL, NULL), 0);
	assert_true(exists(cache_path(c, "/objects/%s", one).s));
	close_fd(&lock);
	assert_int_equal(catalog_gc(c, 30, 1, false, NULL, NULL, NULL), 0);
	assert_false(exists(cache_path(c, "/objects/%s", one).s));
}

static int store_as_nobody(void *arg)
{
	struct err e = { 0 };
	int lock = -1;

	become_nobody();
	SCOPED(catalog_close) struct catalog *c = open_cache(arg);
	assert_int_equal(objects_hold(c, &lock, &e), -EACCES);
	assert_says(e, "cannot be written");
	assert_int_equal(run_store(c, ID_A, NULL, 0, NULL, 0, &e), -EACCES);
	return 0;
}

TEST(a_cache_of_others_says_that_it_cannot_be_written)
{
	struct path base = new_dir();

	catalog_close(open_cache(base.s));
	set_cache_modes(base.s, 0555);
	assert_int_equal(in_child(store_as_nobody, base.s), 0);
	set_cache_modes(base.s, 0755);
}

TEST(too_many_runs_push_out_the_oldest)
{
	struct path base = new_dir();
	SCOPED(catalog_close) struct catalog *c = open_cache(base.s);
	char id[RUN_ID_LEN + 1];

	for (unsigned int i = 0; i < RUNS_MAX; i++) {
		snprintf(id, sizeof(id), "%012x", i);
		store(c, id, "{}", NULL);
	}
	make_old(c, "000000000007");
	runs_trim(c);
	assert_int_equal(nr_names(cache_path(c, "/runs").s), RUNS_MAX);
	store(c, ID_A, "{}", NULL);
	runs_trim(c);
	assert_int_equal(nr_names(cache_path(c, "/runs").s), RUNS_KEPT);
	assert_false(exists(cache_path(c, "/runs/000000000007").s));
	assert_true(exists(cache_path(c, "/runs/%s", ID_A).s));
}

UNIT_MAIN(NULL, remove_new_dirs)
