/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Test binaries as the host and as a guest see them. Arguments: programs made of author_sample.c
 * and author_sample.cc, linked in several ways.
 */
#include "unit.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/frame.h"
#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "image/registry.h"

static char **programs;
static int nr_programs;

static const struct ktstr_test_record *find(const struct registry *r, const char *name)
{
	for (size_t i = 0; i < r->nr_tests; i++)
		if (!strcmp(r->tests[i].name, name))
			return &r->tests[i];
	return NULL;
}

static void check_c(const struct registry *r, const struct ktstr_test_record *much)
{
	const struct ktstr_test_record *nothing = find(r, "c_says_nothing");

	assert_string_equal(much->summary, "a summary");
	assert_string_equal(much->scheduler, "mine");
	assert_string_equal(much->topology, "1n2l2c1t");
	assert_string_equal(much->expect, "gap");
	assert_int_equal(much->flags, KTSTR_TEST_EXPECT_FAIL | KTSTR_TEST_NEEDS_SMT);
	assert_int_equal(much->duration_ms, 700);
	assert_int_equal(much->limits.max_unfair_pct.state, KTSTR_LIMIT_SET);
	assert_true(much->limits.max_unfair_pct.value == 12.5);
	assert_int_equal(much->limits.isolation.state, KTSTR_LIMIT_OFF);
	assert_int_equal(much->limits.progress.state, KTSTR_LIMIT_INHERIT);
	assert_non_null(nothing);
	assert_int_equal(nothing->duration_ms, 0);
	assert_int_equal(r->nr_scheds, 1);
	assert_string_equal(r->scheds[0].binary, "scx_mine");
	assert_int_equal(r->scheds[0].attach_timeout_ms, 1234);
	assert_true(r->scheds[0].limits.max_gap_ms.value == 250);
}

static void check_cxx(const struct ktstr_test_record *much)
{
	assert_int_equal(much->duration_ms, 700);
	assert_true(much->limits.max_gap_ms.value == 250);
	assert_int_equal(much->limits.isolation.state, KTSTR_LIMIT_OFF);
}

static void the_host_reads_what_was_declared_however_it_was_linked(void **state)
{
	for (int i = 0; i < nr_programs; i++) {
		SCOPED(registry_fini) struct registry r = { 0 };
		struct err e = { 0 };

		if (registry_read(programs[i], &r, &e) < 0)
			fail_msg("%s", e.text);
		const struct ktstr_test_record *c = find(&r, "c_says_much");
		const struct ktstr_test_record *cxx = find(&r, "cxx_says_much");
		assert_true(c || cxx);
		if (c)
			check_c(&r, c);
		if (cxx)
			check_cxx(cxx);
	}
}

/* Runs a program as ktstr-init would, and returns its last message, type first. */
static void run_in_guest_mode(const char *program, const char *job, char *ret, size_t cap)
{
	char path[] = "/tmp/ktstr-unit-job-XXXXXX", number[16];
	int fd = mkstemp(path), ends[2], status;

	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, job, strlen(job)), 0);
	close_fd(&fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	pid_t pid = fork();
	if (!pid) {
		snprintf(number, sizeof(number), "%d", ends[1]);
		setenv(GUEST_ENV_FD, number, 1);
		setenv(GUEST_ENV_JOB, path, 1);
		execl(program, program, NULL);
		_exit(127);
	}
	close_fd(&ends[1]);
	ret[0] = 0;
	for (ssize_t n; (n = read(ends[0], ret, cap - 1)) > 0;)
		ret[n] = 0;
	close_fd(&ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, ret[0] == FRAME_RESULT ? 0 : 1 << 8);
	unlink(path);
}

static void a_guest_runs_the_test_the_job_names(void **state)
{
	char msg[4096];

	run_in_guest_mode(programs[0],
			  "job=1\nmode=test\ntest=c_says_much\nseed=99\nsched_name=mine\n", msg,
			  sizeof(msg));
	assert_int_equal(msg[0], FRAME_RESULT);
	assert_int_equal(msg[1], 0);
	assert_non_null(strstr(msg + 2, "\"verdict\":\"pass\""));
	assert_non_null(strstr(msg + 2, "\"text\":\"scheduler mine\""));
	run_in_guest_mode(programs[0], "job=1\nmode=test\ntest=c_says_nothing\n", msg, sizeof(msg));
	assert_non_null(strstr(msg + 2, "\"verdict\":\"inconclusive\""));
}

static void a_guest_that_cannot_do_its_part_says_so(void **state)
{
	static const char *const row[][2] = {
		{ "job=1\nmode=test\ntest=nope\n", "test nope: not in this binary" },
		{ "job=1\nmode=test\ntest=c_says_much\nlimits=progess=1\n",
		  "limit progess: there is no such check" },
		{ "job=1\nmode=test\ntest=c_says_much\nseed=x\n", "job: seed=x: not a number" },
		{ "job=2\n", "job: " },
	};
	char msg[4096];

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		run_in_guest_mode(programs[0], row[i][0], msg, sizeof(msg));
		assert_int_equal(msg[0], FRAME_FATAL);
		if (strncmp(msg + 2, row[i][1], strlen(row[i][1])))
			fail_msg("%s", msg + 2);
	}
}

/* Runs a program as a user would; returns its exit status. @ktstr NULL = not set. */
static int run_on_host(const char *program, const char *ktstr, char *ret, size_t cap)
{
	int ends[2], status;
	size_t len = 0;

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (!pid) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		if (ktstr)
			setenv("KTSTR", ktstr, 1);
		else
			unsetenv("KTSTR");
		execl(program, program, "--list", NULL);
		_exit(127);
	}
	close_fd(&ends[1]);
	for (ssize_t n; (n = read(ends[0], ret + len, cap - 1 - len)) > 0;)
		len += (size_t)n;
	ret[len] = 0;
	close_fd(&ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void outside_a_guest_it_becomes_the_ktstr_of_its_build_tree(void **state)
{
	char out[65536];

	assert_int_equal(run_on_host(programs[0], NULL, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "c_says_much"));
}

static void without_ktstr_it_says_what_to_do(void **state)
{
	char out[65536];

	assert_int_equal(run_on_host(programs[0], "/nonexistent/ktstr", out, sizeof(out)), 3);
	assert_non_null(strstr(out, "/nonexistent/ktstr cannot be run: No such file or directory"));
	assert_non_null(strstr(out, "Put ktstr on PATH"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_host_reads_what_was_declared_however_it_was_linked),
		cmocka_unit_test(a_guest_runs_the_test_the_job_names),
		cmocka_unit_test(a_guest_that_cannot_do_its_part_says_so),
		cmocka_unit_test(outside_a_guest_it_becomes_the_ktstr_of_its_build_tree),
		cmocka_unit_test(without_ktstr_it_says_what_to_do),
	};

	programs = argv + 1;
	nr_programs = argc - 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
