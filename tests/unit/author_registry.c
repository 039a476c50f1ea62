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

TEST(the_host_reads_what_was_declared_however_it_was_linked)
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

/*
 * Runs a program as ktstr-init would. The last message's type and payload, the payloads of those
 * with FRAME_MORE before it joined.
 */
struct message {
	uint16_t type;
	size_t parts, len;
	char text[1 << 20];
};

static void take_messages(int fd, struct message *m)
{
	static char one[2 + FRAME_MAX_PAYLOAD];
	bool more = false;

	m->parts = 0;
	for (ssize_t n; (n = recv(fd, one, sizeof(one), MSG_TRUNC)) > 0;) {
		assert_true((size_t)n >= 2 && (size_t)n <= sizeof(one));
		m->len = more ? m->len : 0;
		m->parts = more ? m->parts + 1 : 1;
		memcpy(&m->type, one, 2);
		memcpy(m->text + m->len, one + 2, (size_t)n - 2);
		m->len += (size_t)n - 2;
		m->text[m->len] = 0;
		more = m->type & FRAME_MORE;
	}
	assert_false(more);
}

static struct message *run_in_guest_mode(const char *program, const char *job)
{
	static struct message m;
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
	take_messages(ends[0], &m);
	close_fd(&ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, m.type == FRAME_RESULT ? 0 : 1 << 8);
	unlink(path);
	return &m;
}

TEST(a_guest_runs_the_test_the_job_names)
{
	struct message *m = run_in_guest_mode(
		programs[0], "job=1\nmode=test\ntest=c_says_much\nseed=99\nsched_name=mine\n");

	assert_int_equal(m->type, FRAME_RESULT);
	assert_non_null(strstr(m->text, "\"verdict\":\"pass\""));
	assert_non_null(strstr(m->text, "\"text\":\"scheduler mine\""));
	m = run_in_guest_mode(programs[0], "job=1\nmode=test\ntest=c_says_nothing\n");
	assert_non_null(strstr(m->text, "\"verdict\":\"inconclusive\""));
}

TEST(a_large_result_comes_in_parts)
{
	struct message *m =
		run_in_guest_mode(programs[0], "job=1\nmode=test\ntest=c_says_too_much\n");

	assert_int_equal(m->type, FRAME_RESULT);
	assert_true(m->parts > 2 && m->len > 2 * FRAME_MAX_PAYLOAD);
	assert_non_null(strstr(m->text, "\"verdict\":\"pass\""));
	assert_non_null(strstr(m->text, "value nonsense is not a number and was left out"));
	assert_string_equal(m->text + m->len - strlen("\"values\":[]}"), "\"values\":[]}");
}

TEST(a_guest_that_cannot_do_its_part_says_so)
{
	static const char *const row[][2] = {
		{ "job=1\nmode=test\ntest=nope\n", "test nope: not in this binary" },
		{ "job=1\nmode=test\ntest=c_says_much\nlimits=progess=1\n",
		  "limit progess: there is no such check" },
		{ "job=1\nmode=test\ntest=c_says_much\nseed=x\n", "job: seed=x: not a number" },
		{ "job=2\n", "job: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct message *m = run_in_guest_mode(programs[0], row[i][0]);

		assert_int_equal(m->type, FRAME_FATAL);
		if (strncmp(m->text, row[i][1], strlen(row[i][1])))
			fail_msg("%s", m->text);
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

TEST(outside_a_guest_it_becomes_the_ktstr_of_its_build_tree)
{
	char out[65536];

	assert_int_equal(run_on_host(programs[0], NULL, out, sizeof(out)), 0);
	assert_non_null(strstr(out, "c_says_much"));
}

TEST(without_ktstr_it_says_what_to_do)
{
	char out[65536];

	assert_int_equal(run_on_host(programs[0], "/nonexistent/ktstr", out, sizeof(out)), 3);
	assert_non_null(strstr(out, "/nonexistent/ktstr cannot be run: No such file or directory"));
	assert_non_null(strstr(out, "Put ktstr on PATH"));
}

int main(int argc, char **argv)
{
	programs = argv + 1;
	nr_programs = argc - 1;
	return unit_run(NULL, NULL);
}
