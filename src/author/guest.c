/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A test inside a guest: read the job, run the body, send the result to ktstr-init. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "abi/frame.h"
#include "author/context.h"
#include "author/entry.h"
#include "base/err.h"
#include "base/io.h"
#include "link/job.h"

#define DEFAULT_DURATION_MS 2000
#define MEASURER_PRIORITY 50

/* Weak: a program without a test links, and says so when run. */
extern const struct ktstr_body_ __start_ktstr_bodies[] __attribute__((weak));
extern const struct ktstr_body_ __stop_ktstr_bodies[] __attribute__((weak));

struct outlet {
	int fd;
	int bad; /* first error */
};

static void outlet_send(void *ctx, uint16_t type, const void *payload, size_t len)
{
	struct outlet *o = ctx;
	union {
		const void *in;
		void *out;
	} p = { .in = payload };
	struct iovec v[] = { { &type, sizeof(type) }, { p.out, len } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = ARRAY_SIZE(v) };

	if (sendmsg(o->fd, &m, MSG_NOSIGNAL) < 0 && !o->bad)
		o->bad = -errno;
}

static const struct ktstr_body_ *body_find(const char *name)
{
	for (const struct ktstr_body_ *b = __start_ktstr_bodies; b < __stop_ktstr_bodies; b++)
		if (!strcmp(b->test->name, name))
			return b;
	return NULL;
}

static int job_read(struct job *ret, struct err *e)
{
	const char *path = getenv(GUEST_ENV_JOB);
	SCOPED(mem_free) char *text = NULL;
	size_t len;
	int r = read_file(path ? path : GUEST_JOB_PATH, JOB_MAX_SIZE, &text, &len, e);

	if (!r)
		r = job_parse(text, len, ret, e);
	return r < 0 ? err_frame(e, "job") : 0;
}

static int number(const char *key, const char *text, uint64_t standard, uint64_t *ret,
		  struct err *e)
{
	*ret = standard;
	if (text && parse_u64(text, ret) < 0)
		return err_set(e, -EINVAL, "job: %s=%s: not a number", key, text);
	return 0;
}

static int setup_of(const struct job *j, struct outlet *o, struct ktstr_setup *ret, struct err *e)
{
	struct ktstr_setup s = {
		.scheduler = j->sched_name,
		.limits = j->limits,
		.topology = j->topology,
		.sysfs = "/sys",
		.fs = cgroup_fs_at(GUEST_CGROUP_ROOT),
		.send = outlet_send,
		.send_ctx = o,
	};
	int r = number("seed", j->seed, 0, &s.seed, e);

	if (!r)
		r = number("duration_ms", j->duration_ms, DEFAULT_DURATION_MS, &s.duration_ms, e);
	if (!r)
		*ret = s;
	return r;
}

/* Above all that is under test; what it forks is not. */
static void become_measurer(struct ktstr *t)
{
	struct sched_param p = { .sched_priority = MEASURER_PRIORITY };

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p) < 0)
		ktstr_note(t, "measured without real-time priority: %s", strerror(errno));
}

/* In parts, if it is larger than a frame. */
static int send_result(struct outlet *o, const struct buf *json, struct err *e)
{
	if (json->len > RESULT_MAX_SIZE)
		return err_set(e, -EMSGSIZE, "result: %zu bytes are more than %u", json->len,
			       RESULT_MAX_SIZE);
	for (size_t at = 0; at < json->len;) {
		size_t n = MIN(json->len - at, (size_t)FRAME_MAX_PAYLOAD);
		bool more = at + n < json->len;

		outlet_send(o, (uint16_t)(FRAME_RESULT | (more ? FRAME_MORE : 0)), json->at + at,
			    n);
		at += n;
	}
	return o->bad < 0 ? err_sys(e, o->bad, "result: sending it") : 0;
}

static int run(const struct job *j, struct outlet *o, struct err *e)
{
	static struct ktstr *t; /* left to the kernel, which is quicker than waiting for workers */
	SCOPED(buf_fini) struct buf json = { 0 };
	struct ktstr_setup setup;
	const struct ktstr_body_ *body = j->test ? body_find(j->test) : NULL;

	if (!body)
		return err_set(e, -ENOENT, "test %s: not in this binary",
			       j->test ? j->test : "(no name)");
	int r = setup_of(j, o, &setup, e);
	if (!r)
		r = ktstr_create_(&setup, &t, e);
	if (r < 0)
		return r;
	become_measurer(t);
	body->run(t);
	fflush(NULL); /* what the body printed comes before the result */
	r = ktstr_finish_(t, &json, e);
	return r < 0 ? r : send_result(o, &json, e);
}

int guest_main(int fd)
{
	SCOPED(job_fini) struct job j = { 0 };
	struct outlet o = { .fd = fd };
	struct err e = { 0 };

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	int r = job_read(&j, &e);
	if (!r)
		r = run(&j, &o, &e);
	if (r < 0) {
		fprintf(stderr, "ktstr: %s\n", e.text);
		outlet_send(&o, FRAME_FATAL, e.text, strlen(e.text));
	}
	return r < 0;
}
