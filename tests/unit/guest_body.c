/* SPDX-License-Identifier: GPL-2.0-only */
/* What a guest runs, with its streams, as processes of this machine. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <sys/wait.h>

#include "abi/frame.h"
#include "base/err.h"
#include "base/io.h"
#include "guest/body.h"
#include "guest/uplink.h"
#include "link/job.h"

struct running {
	struct job job;
	struct body body;
	struct uplink up;
	struct buf out; /* of the command's standard output */
};

static void start(struct running *r, const char *text)
{
	struct err e = { 0 };

	memset(r, 0, sizeof(*r));
	r->up.fd = -1;
	body_init(&r->body);
	if (job_parse(text, strlen(text), &r->job, &e) < 0 ||
	    body_plan(&r->body, &r->job, &e) < 0 || body_start(&r->body, &r->job, 0, &e) < 0)
		fail_msg("%s", e.text);
}

static void host_says(struct running *r, const char *text)
{
	const struct frame f = { .type = FRAME_STDIN,
				 .payload = (const uint8_t *)text,
				 .len = (uint32_t)strlen(text) };

	body_frame(&r->body, &f);
}

/* Until the process has closed both of its streams; its status. */
static int await(struct running *r)
{
	struct stream *s = r->body.streams;
	struct frame f;

	while (s[0].fd >= 0 || s[1].fd >= 0) {
		struct pollfd p[] = { { s[0].fd, POLLIN, 0 }, { s[1].fd, POLLIN, 0 } };

		if (poll(p, ARRAY_SIZE(p), 20000) <= 0)
			fail_msg("it waits for something");
		for (size_t i = 0; i < ARRAY_SIZE(p); i++)
			if (p[i].revents)
				stream_ready(&s[i], &r->up);
	}
	waitpid(r->body.child.pid, &r->body.child.status, 0);
	frame_parser_feed(&r->up.in, r->up.out.b.at, r->up.out.b.len);
	while (frame_parser_next(&r->up.in, &f))
		if (f.type == FRAME_OUT)
			buf_put(&r->out, f.payload, f.len);
	return r->body.child.status;
}

static void forget(struct running *r)
{
	close_fd(&r->body.in.fd);
	buf_fini(&r->body.in.q.b);
	buf_fini(&r->out);
	uplink_fini(&r->up);
	job_fini(&r->job);
}

TEST(a_command_reads_what_the_host_sends)
{
	struct running r;

	start(&r, "job=1\nmode=exec\narg=cat\n");
	assert_true(r.body.in.fd >= 0);
	host_says(&r, "hello\n");
	host_says(&r, "");
	assert_int_equal(await(&r), 0);
	assert_string_equal(buf_str(&r.out), "hello\n");
	forget(&r);
}

/* Its input is at its end from the start, and a host that sends all the same fills nothing. */
TEST(in_virtual_time_a_command_reads_nothing)
{
	struct running r;

	start(&r, "job=1\nmode=exec\ntime=virtual\narg=cat\n");
	assert_int_equal(r.body.in.fd, -1);
	host_says(&r, "hello\n");
	host_says(&r, "");
	assert_int_equal(r.body.in.q.b.len, 0);
	assert_int_equal(await(&r), 0);
	assert_string_equal(buf_str(&r.out), "");
	forget(&r);
}

TEST(what_a_command_writes_comes_in_either_time)
{
	static const char *const jobs[] = {
		"job=1\nmode=exec\narg=sh\narg=-c\narg=echo one; exit 7\n",
		"job=1\nmode=exec\ntime=virtual\narg=sh\narg=-c\narg=echo one; exit 7\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		struct running r;

		start(&r, jobs[i]);
		int status = await(&r);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		assert_string_equal(buf_str(&r.out), "one\n");
		forget(&r);
	}
}

TEST(bodies_that_cannot_be_are_refused_by_name)
{
	static const struct {
		const char *job, *text;
	} bad[] = {
		{ "job=1\n", "job: mode: unknown: \"\"" },
		{ "job=1\nmode=dance\n", "job: mode: unknown: \"dance\"" },
		{ "job=1\nmode=test\n", "job: mode test without test" },
		{ "job=1\nmode=exec\n", "job: mode exec without arg" },
		{ "job=1\nmode=exec\narg=x\ntimeout_ms=soon\n",
		  "job: timeout_ms: not a number: soon" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		SCOPED(job_fini) struct job j = { 0 };
		struct err e = { 0 };
		struct body b;

		body_init(&b);
		assert_int_equal(job_parse(bad[i].job, strlen(bad[i].job), &j, &e), 0);
		assert_int_equal(body_plan(&b, &j, &e), -EINVAL);
		assert_string_equal(e.text, bad[i].text);
	}
}

UNIT_MAIN(NULL, NULL)
