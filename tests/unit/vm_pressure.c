/* SPDX-License-Identifier: GPL-2.0-only */
/* vmm.md 4.1: what is said of a short host, and when it is no excuse. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "vm/pressure.h"

static const struct pressure easy = { 12, 1024, 40, 1000, 30 << 20, 3 };

static struct err contention(void)
{
	struct err e;

	err_class(&e, ERR_CONTENTION, err_set(&e, -EMFILE, "create vCPU 7: too many"));
	return e;
}

TEST(a_short_host_is_described_without_its_limits)
{
	struct err e = contention();

	pressure_judge(&e, &easy, false);
	assert_string_equal(e.text,
			    "create vCPU 7: too many (this process: 12 descriptors, 30 MiB, "
			    "3 threads; not near a limit)");
	assert_int_equal(e.cls, ERR_CONTENTION);
	assert_int_equal(e.code, -EMFILE);
}

TEST(other_errors_stay_as_they_are)
{
	static const enum err_class others[] = { ERR_HARD, ERR_TOPOLOGY };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct err e = contention();

		e.cls = others[i];
		pressure_judge(&e, &easy, true);
		assert_string_equal(e.text, "create vCPU 7: too many");
		assert_int_equal(e.cls, others[i]);
	}
	pressure_tell(NULL);
}

TEST(without_an_excuse_only_a_limit_that_is_near_is_one)
{
	static const struct {
		struct pressure p;
		enum err_class cls;
	} rows[] = {
		{ { 12, 1024, 40, 1000, 0, 1 }, ERR_HARD },
		{ { 921, 1024, 40, 1000, 0, 1 }, ERR_HARD },
		{ { 922, 1024, 40, 1000, 0, 1 }, ERR_CONTENTION },
		{ { 12, 1024, 899, 1000, 0, 1 }, ERR_HARD },
		{ { 12, 1024, 900, 1000, 0, 1 }, ERR_CONTENTION },
		{ { 1u << 30, UINT64_MAX, 1u << 30, UINT64_MAX, 0, 1 }, ERR_HARD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = contention();

		pressure_judge(&e, &rows[i].p, true);
		assert_int_equal(e.cls, rows[i].cls);
	}
}

static void *wait_for_it(void *fd)
{
	char c;

	return (void *)(intptr_t)read(*(int *)fd, &c, 1);
}

TEST(what_this_process_has_is_counted)
{
	struct pressure before, after;
	pthread_t thread;
	int p[2];

	pressure_read(&before);
	assert_true(before.fd_limit > 3 && before.threads >= 1 && before.tasks >= before.threads);
	assert_in_range(before.rss_bytes, 1 << 16, 1ull << 40);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_it, &p[0]), 0);
	pressure_read(&after);
	assert_int_equal(after.fds, before.fds + 2);
	assert_int_equal(after.threads, before.threads + 1);
	assert_int_equal(write(p[1], "x", 1), 1);
	pthread_join(thread, NULL);
	close_fd(&p[0]);
	close_fd(&p[1]);
}

TEST(the_operator_takes_the_excuse_away_by_a_variable)
{
	struct err e = contention();

	unsetenv("KTSTR_CONTENTION_BYPASS");
	pressure_tell(&e);
	assert_int_equal(e.cls, ERR_CONTENTION);
	assert_non_null(strstr(e.text, "descriptors"));
	setenv("KTSTR_CONTENTION_BYPASS", "1", 1);
	e = contention();
	pressure_tell(&e);
	assert_int_equal(e.cls, ERR_HARD);
}

UNIT_MAIN(NULL, NULL)
