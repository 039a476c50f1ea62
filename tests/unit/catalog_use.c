/* SPDX-License-Identifier: GPL-2.0-only */
/* Several processes at once, kills at every moment, removal while in use, and what gc takes. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/lock_wait.h"
#include "catalog/lock.h"
#include "catalog/tree.h"
#include "catalog_util.h"

struct job {
	struct path cache, from;
	char key[KEY_LEN + 1];
	int ready[2], hold[2];
};

static struct job new_job(void)
{
	struct job j = { .cache = new_dir(), .from = new_dir() };

	put_image_gz(j.from.s, "boot/vmlinuz-9.9.9-t", "9.9.9-t", 1);
	put_file(j.from.s, "lib/modules/9.9.9-t/kernel/a.ko", "module");
	assert_int_equal(pipe2(j.ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(j.hold, O_CLOEXEC), 0);
	return j;
}

static void job_done(struct job *j)
{
	for (int i = 0; i < 2; i++) {
		close_fd(&j->ready[i]);
		close_fd(&j->hold[i]);
	}
}

static int import(struct catalog *c, struct job *j, struct kernel *ret)
{
	int r = catalog_import(c, path_format("%s/boot/vmlinuz-9.9.9-t", j->from.s).s, NULL, NULL,
			       ret, NULL);

	if (r == 0)
		memcpy(j->key, ret->key, sizeof(j->key));
	return r;
}

static int import_once(void *arg)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(((struct job *)arg)->cache.s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };

	return import(c, arg, &k) < 0 || !exists(k.boot_path) || !exists(k.modules_dir);
}

static void assert_one_good_entry(struct job *j)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(j->cache.s);
	SCOPED(kernel_list_fini) struct kernel_list l = { 0 };
	size_t damaged;

	assert_int_equal(catalog_list(c, &l, &damaged, NULL), 0);
	assert_int_equal(l.nr, 1);
	assert_int_equal(damaged, 0);
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

TEST(writers_of_the_same_kernel_all_succeed)
{
	struct job j = new_job();
	pid_t pid[8];

	for (size_t i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = start_child(import_once, &j);
	for (size_t i = 0; i < ARRAY_SIZE(pid); i++)
		assert_int_equal(wait_for(pid[i]), 0);
	assert_one_good_entry(&j);
	job_done(&j);
}

static int remove_once(void *arg)
{
	struct job *j = arg;
	SCOPED(catalog_close) struct catalog *c = open_cache(j->cache.s);

	return catalog_remove(c, j->key, NULL) < 0;
}

TEST(writers_and_removers_do_not_hurt_each_other)
{
	struct job j = new_job();
	pid_t pid[12];

	assert_int_equal(in_child(import_once, &j), 0);
	import_once(&j); /* for the key */
	for (size_t i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = start_child(i % 2 ? remove_once : import_once, &j);
	for (size_t i = 0; i < ARRAY_SIZE(pid); i++) {
		int status = wait_for(pid[i]);

		assert_true(i % 2 ? status <= 1 : status == 0);
	}
	assert_int_equal(import_once(&j), 0);
	assert_one_good_entry(&j);
	job_done(&j);
}

/*
 * Runs @fn as a child and kills it at its @nth stop; every second one is the end of a system call, and
 * until the next begins nothing changes for others. True: it was killed.
 */
static bool killed_at(int (*fn)(void *), struct job *j, unsigned nth)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(fn(j));
	}
	for (unsigned i = 0;; i++) {
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status))
			break;
		if (i == nth)
			kill(pid, SIGKILL);
		else
			ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	}
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

TEST(a_writer_killed_at_any_moment_is_in_nobodys_way)
{
	struct job j = new_job();
	unsigned nth = 1;

	for (;; nth += 2) {
		bool killed = killed_at(import_once, &j, nth);

		assert_int_equal(import_once(&j), 0);
		assert_one_good_entry(&j);
		assert_int_equal(remove_once(&j), 0);
		if (!killed)
			break;
	}
	assert_true(nth > 100); /* the import did have moments */
	job_done(&j);
}

TEST(a_remover_killed_at_any_moment_leaves_all_or_nothing)
{
	struct job j = new_job();
	unsigned nth = 1;

	for (;; nth += 2) {
		SCOPED(kernel_list_fini) struct kernel_list l = { 0 };
		SCOPED(catalog_close) struct catalog *c = NULL;
		size_t damaged;

		assert_int_equal(import_once(&j), 0);
		bool killed = killed_at(remove_once, &j, nth);
		c = open_cache(j.cache.s);
		assert_int_equal(catalog_list(c, &l, &damaged, NULL), 0);
		assert_int_equal(damaged, 0);
		assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
		if (!killed)
			break;
	}
	assert_true(nth > 20);
	job_done(&j);
}

/* Uses the kernel until nobody has the other end of the pipe any more. */
static int hold_kernel(void *arg)
{
	struct job *j = arg;
	SCOPED(catalog_close) struct catalog *c = open_cache(j->cache.s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	char byte;

	close_fd(&j->hold[1]);
	if (catalog_resolve(c, j->key, ARCH_ARM64, NULL, &k, NULL) < 0)
		return 1;
	return write_full(j->ready[1], "x", 1) < 0 || read(j->hold[0], &byte, 1) < 0;
}

static pid_t start_holder(struct job *j)
{
	pid_t pid = start_child(hold_kernel, j);
	char byte;

	assert_int_equal(read(j->ready[0], &byte, 1), 1);
	return pid;
}

static void end_holder(struct job *j, pid_t pid)
{
	close_fd(&j->hold[1]);
	assert_int_equal(wait_for(pid), 0);
}

TEST(a_kernel_in_use_is_not_removed_and_its_user_named)
{
	struct job j = new_job();
	SCOPED(catalog_close) struct catalog *c = open_cache(j.cache.s);
	struct err e = { 0 };
	char pid_text[32];
	uint64_t bytes;

	assert_int_equal(import_once(&j), 0);
	pid_t pid = start_holder(&j);
	snprintf(pid_text, sizeof(pid_text), "pid %d (", pid);
	assert_int_equal(catalog_remove(c, j.key, &e), -EBUSY);
	assert_says(e, pid_text);
	assert_says(e, "in use");
	assert_int_equal(catalog_gc(c, 0, 0, false, &bytes, NULL, &e), 0);
	assert_int_equal(bytes, 0);
	assert_one_good_entry(&j);
	end_holder(&j, pid);
	assert_int_equal(catalog_remove(c, j.key, &e), 0);
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 0);
	assert_int_equal(nr_names(cache_path(c, "/locks").s), 0);
	assert_int_equal(catalog_remove(c, j.key, &e), -ENOENT);
	job_done(&j);
}

TEST(damage_in_use_is_not_replaced_under_its_user)
{
	struct job j = new_job();
	SCOPED(catalog_close) struct catalog *c = open_cache(j.cache.s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };

	assert_int_equal(import_once(&j), 0);
	pid_t pid = start_holder(&j);
	assert_int_equal(truncate(cache_path(c, "/kernels/%s/boot", j.key).s, 1), 0);
	assert_int_equal(import(c, &j, &k), -EBUSY);
	end_holder(&j, pid);
	assert_int_equal(import(c, &j, &k), 0);
	job_done(&j);
}

/* A lock holder that lets go as soon as the waiter has said that it waits. */
struct waiting {
	struct path lock;
	int go[2], told;
	char text[400];
};

static int hold_lock(void *arg)
{
	struct waiting *w = arg;
	char byte;
	int fd;

	close_fd(&w->go[1]);
	if (lock_take(w->lock.s, LOCK_EX, 0, "it", NULL, &fd, NULL) < 0)
		return 1;
	if (write_full(w->told, "x", 1) < 0)
		return 1;
	return read(w->go[0], &byte, 1) < 0;
}

static void let_go(void *ctx, const char *text)
{
	struct waiting *w = ctx;

	snprintf(w->text, sizeof(w->text), "%s", text);
	assert_int_equal(write_full(w->go[1], "x", 1), 0);
}

TEST(who_waits_for_a_lock_says_so_and_gets_it)
{
	struct waiting w = { .lock = path_format("%s/lock", new_dir().s) };
	const struct patience how = { .on_wait = let_go, .ctx = &w };
	SCOPED(close_fd) int fd = -1;
	int told[2];
	char byte;

	assert_int_equal(pipe2(w.go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	w.told = told[1];
	pid_t pid = start_child(hold_lock, &w);
	assert_int_equal(read(told[0], &byte, 1), 1);
	assert_int_equal(lock_take(w.lock.s, LOCK_EX, 60000000000, "the thing", &how, &fd, NULL),
			 0);
	assert_non_null(strstr(w.text, "the thing, held by pid "));
	assert_int_equal(wait_for(pid), 0);
	close_fd(&w.go[0]);
	close_fd(&w.go[1]);
	close_fd(&told[0]);
	close_fd(&told[1]);
}

TEST(waiting_for_a_lock_has_an_end)
{
	struct path lock = path_format("%s/lock", new_dir().s);
	SCOPED(close_fd) int mine = -1;
	SCOPED(close_fd) int other = -1;
	struct err e = { 0 };
	uint64_t start = now_ns();

	assert_int_equal(lock_take(lock.s, LOCK_EX, 0, "x", NULL, &mine, NULL), 0);
	assert_int_equal(lock_take(lock.s, LOCK_SH, 30000000, "the thing", NULL, &other, &e),
			 -EBUSY);
	assert_true(now_ns() - start >= 30000000);
	assert_says(e, "the thing: still in use");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* and no child is left */
}

TEST(a_removed_lock_file_is_not_taken_for_a_lock)
{
	struct path lock = path_format("%s/lock", new_dir().s);
	SCOPED(close_fd) int first = -1;
	SCOPED(close_fd) int second = -1;
	struct stat a, b;

	assert_int_equal(lock_take(lock.s, LOCK_EX, 0, "x", NULL, &first, NULL), 0);
	assert_int_equal(unlink(lock.s), 0);
	assert_int_equal(lock_take(lock.s, LOCK_EX, 0, "x", NULL, &second, NULL), 0);
	assert_int_equal(fstat(second, &a), 0);
	assert_int_equal(stat(lock.s, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_true(second > 2);
}

/* An entry as Debian's fetch would make it. */
static void put_entry(struct catalog *c, const char *version, const char *suite, unsigned seed)
{
	SCOPED(draft_fini) struct draft d = DRAFT_NONE;
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };
	struct metadata m = { .arch = ARCH_ARM64, .flavour = "cloud", .size = { 8192 } };
	struct err e = { 0 };

	snprintf(m.package_version, sizeof(m.package_version), "%s", version);
	snprintf(m.suite, sizeof(m.suite), "%s", suite);
	snprintf(m.name, sizeof(m.name), "debian %s", version);
	assert_int_equal(draft_open(c, &d, &e), 0);
	put_image(d.dir, "boot", version, seed);
	assert_int_equal(kernel_key(path_format("%s/boot", d.dir).s, NULL, NULL, m.key, &e), 0);
	assert_int_equal(entry_publish(c, &d, &m, &k, NULL, &e), 0);
}

static bool has_kernel(struct catalog *c, const char *name)
{
	SCOPED(kernel_list_fini) struct kernel_list l = { 0 };

	assert_int_equal(catalog_list(c, &l, NULL, NULL), 0);
	for (size_t i = 0; i < l.nr; i++)
		if (!strcmp(l.at[i].name, name))
			return true;
	return false;
}

TEST(the_newest_kernel_of_each_suite_stays)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	uint64_t would, did;

	put_entry(c, "7.3.10-1", "sid", 1);
	put_entry(c, "7.3.9-1", "sid", 2);
	put_entry(c, "7.3.8-1", "sid trixie", 3); /* still trixie's newest */
	put_entry(c, "7.3.7-1", "trixie", 4);
	assert_int_equal(catalog_gc(c, 30, 0, true, &would, NULL, NULL), 0);
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 4);
	assert_int_equal(catalog_gc(c, 30, 0, false, &did, NULL, NULL), 0);
	assert_int_equal(would, did);
	assert_true(did >= 2 * 8192);
	assert_true(has_kernel(c, "debian 7.3.10-1"));
	assert_true(has_kernel(c, "debian 7.3.8-1"));
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 2);
	assert_int_equal(nr_names(cache_path(c, "/locks").s), 2);
}

static void age(const char *path, int days)
{
	struct timespec t[2] = { { .tv_sec = time(NULL) - days * 86400 },
				 { .tv_sec = time(NULL) - days * 86400 } };

	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

TEST(what_nobody_used_for_long_goes)
{
	struct job j = new_job();
	SCOPED(catalog_close) struct catalog *c = open_cache(j.cache.s);
	struct path old_part = cache_path(c, "/parts/old"), new_part = cache_path(c, "/parts/new");
	struct path lists = cache_path(c, "/debian/sid-arm64"), lock;

	assert_int_equal(import_once(&j), 0);
	put_entry(c, "7.3.10-1", "sid", 1);
	put_file(c->dir, "parts/old", "x");
	put_file(c->dir, "parts/new", "x");
	put_file(c->dir, "debian/sid-arm64/status", "");
	put_file(c->dir, "locks/debian-sid-arm64.lock", "");
	lock = cache_path(c, "/locks/%s.lock", j.key);
	age(lock.s, 31);
	age(old_part.s, 31);
	assert_int_equal(catalog_gc(c, 30, 0, false, NULL, NULL, NULL), 0);
	assert_true(has_kernel(c, "debian 7.3.10-1"));
	assert_int_equal(nr_names(cache_path(c, "/kernels").s), 1);
	assert_false(exists(old_part.s));
	assert_true(exists(new_part.s));
	assert_true(exists(lists.s));
	age(cache_path(c, "/locks/debian-sid-arm64.lock").s, 31);
	assert_int_equal(catalog_gc(c, 30, 0, false, NULL, NULL, NULL), 0);
	assert_false(exists(lists.s));
	job_done(&j);
}

TEST(using_a_kernel_makes_it_young_again)
{
	struct job j = new_job();
	SCOPED(catalog_close) struct catalog *c = open_cache(j.cache.s);
	SCOPED(kernel_fini) struct kernel k = { .lock_fd = -1 };

	assert_int_equal(import_once(&j), 0);
	age(cache_path(c, "/locks/%s.lock", j.key).s, 31);
	assert_int_equal(catalog_resolve(c, j.key, ARCH_ARM64, NULL, &k, NULL), 0);
	kernel_fini(&k);
	assert_int_equal(catalog_gc(c, 30, 0, false, NULL, NULL, NULL), 0);
	assert_one_good_entry(&j);
	job_done(&j);
}

TEST(drafts_go_when_their_maker_is_gone_and_not_before)
{
	SCOPED(catalog_close) struct catalog *c = open_cache(new_dir().s);
	SCOPED(draft_fini) struct draft live = DRAFT_NONE;
	uint64_t bytes = 0;

	assert_int_equal(draft_open(c, &live, NULL), 0);
	put_file(c->dir, "tmp/abandoned/x/file", "some bytes");
	assert_int_equal(catalog_gc(c, 30, 0, true, &bytes, NULL, NULL), 0);
	assert_true(bytes > 0);
	assert_true(exists(cache_path(c, "/tmp/abandoned").s));
	assert_int_equal(catalog_gc(c, 30, 0, false, NULL, NULL, NULL), 0);
	assert_false(exists(cache_path(c, "/tmp/abandoned").s));
	assert_true(exists(live.dir));
	draft_fini(&live);
	assert_int_equal(nr_names(cache_path(c, "/tmp").s), 0);
}

UNIT_MAIN(NULL, remove_new_dirs)
