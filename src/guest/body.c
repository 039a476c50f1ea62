/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/body.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abi/frame.h"
#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "guest/env.h"
#include "guest/tty.h"
#include "link/frame.h"
#include "link/job.h"

void body_init(struct body *b)
{
	*b = (struct body){ .in = { .fd = -1 }, .tty = -1 };
	for (int i = 0; i < BODY_STREAMS; i++)
		b->streams[i].fd = -1;
}

int body_plan(struct body *b, const struct job *j, struct err *e)
{
	static const char *const modes[] = {
		[BODY_TEST] = "test",
		[BODY_EXEC] = "exec",
		[BODY_SHELL] = "shell",
	};
	const char *mode = j->mode ? j->mode : "";
	uint64_t ms = 0;
	size_t m = 0;

	while (m < ARRAY_SIZE(modes) && strcmp(modes[m], mode))
		m++;
	if (m == ARRAY_SIZE(modes))
		return err_set(e, -EINVAL, "job: mode: unknown: \"%s\"", mode);
	if (m == BODY_TEST && !j->test)
		return err_set(e, -EINVAL, "job: mode test without test");
	if (m == BODY_EXEC && !j->args.nr)
		return err_set(e, -EINVAL, "job: mode exec without arg");
	if (j->timeout_ms && parse_u64(j->timeout_ms, &ms) < 0)
		return err_set(e, -EINVAL, "job: timeout_ms: not a number: %s", j->timeout_ms);
	if (__builtin_mul_overflow(ms, 1000000, &b->timeout_ns))
		b->timeout_ns = 0;
	b->mode = (enum body_mode)m;
	return 0;
}

/* The child's ends of everything; closed when it has them. */
struct ends {
	int fd[4]; /* in, out, err, messages */
};

static void ends_close_scoped(struct ends *x)
{
	for (size_t i = 0; i < ARRAY_SIZE(x->fd); i++)
		close_fd(&x->fd[i]);
}

static int open_streams(struct body *b, const struct job *j, struct ends *x, struct err *e)
{
	int r = b->mode == BODY_EXEC && !job_in_virtual_time(j) ? feed_open(&b->in, &x->fd[0], e)
								: 0;

	if (!r)
		r = stream_open(&b->streams[0], FRAME_OUT, &x->fd[1], e);
	if (!r)
		r = stream_open(&b->streams[1], FRAME_ERR, &x->fd[2], e);
	if (!r && b->mode == BODY_TEST)
		r = stream_open(&b->streams[2], 0, &x->fd[3], e);
	return r;
}

static int add_test_env(struct job_list *env, int fd)
{
	char text[64];
	int r = env_set(env, GUEST_ENV_JOB "=" GUEST_JOB_PATH);

	snprintf(text, sizeof(text), GUEST_ENV_FD "=%d", fd);
	return r < 0 ? r : env_set(env, text);
}

static int build_args(const struct body *b, const struct job *j, struct job_list *ret)
{
	int r = 0;

	if (b->mode == BODY_TEST) {
		r = job_list_add(ret, GUEST_TEST_PATH);
		return r < 0 ? r : job_list_add(ret, j->test);
	}
	for (size_t i = 0; !r && i < j->args.nr; i++)
		r = job_list_add(ret, j->args.at[i]);
	return r;
}

static int start_program(struct body *b, const struct job *j, struct err *e)
{
	__attribute__((cleanup(ends_close_scoped))) struct ends x = { { -1, -1, -1, -1 } };
	SCOPED(list_fini) struct job_list args = { 0 }, env = { 0 };
	int r = open_streams(b, j, &x, e);

	if (r < 0)
		return r;
	r = build_args(b, j, &args);
	if (!r)
		r = env_build(j, &env);
	if (!r && b->mode == BODY_TEST)
		r = add_test_env(&env, x.fd[3]);
	SCOPED(mem_free) char **argv = list_vector(&args);
	SCOPED(mem_free) char **envp = list_vector(&env);
	if (r < 0 || !argv || !envp)
		return err_sys(e, -ENOMEM, "starting %s", j->mode);
	const struct spawn how = {
		.argv = argv,
		.env = envp,
		.path = b->mode == BODY_TEST ? GUEST_TEST_PATH : NULL,
		.cwd = j->cwd,
		.in = x.fd[0],
		.out = x.fd[1],
		.err = x.fd[2],
		.keep = x.fd[3],
	};
	return child_spawn(&b->child, &how, e);
}

int body_start(struct body *b, const struct job *j, uint64_t deadline, struct err *e)
{
	if (b->mode != BODY_SHELL)
		return start_program(b, j, e);
	int r = tty_open(j, deadline, &b->tty, e);
	return r < 0 ? r : tty_start_shell(b->tty, j, &b->child, e);
}

void body_frame(struct body *b, const struct frame *f)
{
	struct winsz_msg size;
	uint32_t sig;

	switch (f->type) {
	case FRAME_STDIN:
		feed_put(&b->in, f->payload, f->len);
		break;
	case FRAME_WINSZ:
		if (f->len == sizeof(size) && b->tty >= 0) {
			memcpy(&size, f->payload, sizeof(size));
			tty_resize(b->tty, &size);
		}
		break;
	case FRAME_SIGNAL:
		if (f->len == sizeof(sig)) {
			memcpy(&sig, f->payload, sizeof(sig));
			child_signal(&b->child, (int)sig);
		}
		break;
	}
}

void body_finish(struct body *b)
{
	for (int i = 0; i < BODY_STREAMS; i++)
		stream_finish(&b->streams[i]);
}

bool body_is_quiet(const struct body *b)
{
	for (int i = 0; i < BODY_STREAMS; i++)
		if (b->streams[i].fd >= 0)
			return false;
	return true;
}

bool body_has_output(const struct body *b)
{
	return b->tty >= 0 && tty_is_busy(b->tty);
}
