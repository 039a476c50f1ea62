/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/sched.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "guest/env.h"
#include "guest/uplink.h"
#include "link/job.h"

#define STATE_PATH "/sys/kernel/sched_ext/state"
#define TRACING "/sys/kernel/tracing"
#define DUMP_EVENT TRACING "/events/sched_ext/sched_ext_dump/enable"

#define ATTACH_TIMEOUT_MS 10000 /* if the job does not say */
#define DUMP_MAX 65536
/* Per CPU; a dump is written by one of them. Large enough for it, and small times 512. */
#define TRACE_KIB "128"
/* The log says everything at once; this is for when lines are lost. */
#define LOOK_SOON_NS 20000000u
#define LOOK_LATER_NS 500000000u
#define RECORDS_AT_ONCE 256 /* a kernel that never stops logging must not keep us here */

void sched_init(struct sched *s)
{
	*s = (struct sched){ .log = { .fd = -1 }, .kmsg = -1 };
}

static int need_sched_ext(const char *name, struct err *e)
{
	struct utsname un = { 0 };

	if (access(STATE_PATH, F_OK) == 0)
		return 0;
	uname(&un);
	return err_set(e, -ENOTSUP,
		       "scheduler %s: kernel %s has no sched_ext (CONFIG_SCHED_CLASS_EXT)", name,
		       un.release);
}

/* Kernels with the event are all but the first; without it there is only no dump. */
static int record_dumps(struct err *e)
{
	if (access(DUMP_EVENT, F_OK) < 0)
		return 0;
	int r = write_attr(TRACING "/buffer_size_kb", TRACE_KIB, strlen(TRACE_KIB), e);
	return r < 0 ? r : write_attr(DUMP_EVENT, "1", 1, e);
}

static int watch_kernel(struct sched *s, const struct job *j, struct err *e)
{
	uint32_t ms = ATTACH_TIMEOUT_MS;

	if (j->attach_timeout_ms && parse_u32(j->attach_timeout_ms, &ms) < 0)
		return err_set(e, -EINVAL, "job: attach_timeout_ms: not a number: %s",
			       j->attach_timeout_ms);
	s->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (s->kmsg < 0 || lseek(s->kmsg, 0, SEEK_END) < 0)
		return err_sys(e, -errno, "/dev/kmsg");
	watch_start(&s->watch, now_ns(), ms * 1000000ull);
	return 0;
}

static int start_process(struct sched *s, const struct job *j, struct err *e)
{
	SCOPED(list_fini) struct job_list args = { 0 }, env = { 0 };
	SCOPED(close_fd) int out = -1;
	int r = job_list_add(&args, j->sched_name);

	for (size_t i = 0; !r && i < j->sched_args.nr; i++)
		r = job_list_add(&args, j->sched_args.at[i]);
	if (!r)
		r = env_build(j, &env);
	SCOPED(mem_free) char **argv = list_vector(&args);
	SCOPED(mem_free) char **envp = list_vector(&env);
	if (r < 0 || !argv || !envp)
		return err_sys(e, -ENOMEM, "scheduler %s", j->sched_name);
	r = stream_open(&s->log, FRAME_SCHED_LOG, &out, e);
	if (r < 0)
		return r;
	const struct spawn how = {
		.argv = argv,
		.env = envp,
		.path = GUEST_SCHED_PATH,
		.in = -1,
		.out = out,
		.err = out,
		.keep = -1,
	};
	return child_spawn(&s->child, &how, e);
}

int sched_start(struct sched *s, const struct job *j, struct uplink *up, struct err *e)
{
	int r = need_sched_ext(j->sched_name, e);

	if (!r)
		r = record_dumps(e);
	if (!r)
		r = watch_kernel(s, j, e);
	if (r < 0)
		return r;
	uplink_stage(up, STAGE_SCHED_STARTING);
	return start_process(s, j, e);
}

static void read_kmsg(struct sched *s, uint64_t now)
{
	char text[8192 + 1024]; /* a record is never longer than the kernel's own limit of 8 KiB */
	struct kmsg_record rec;

	for (int i = 0; i < RECORDS_AT_ONCE; i++) {
		ssize_t n = read(s->kmsg, text, sizeof(text));

		if (n > 0 && kmsg_parse(text, (size_t)n, &rec) == 0)
			watch_kmsg(&s->watch, now, &rec);
		/* EPIPE: records were overwritten before they could be read; it goes on behind them */
		if (n == 0 || (n < 0 && errno != EPIPE && errno != EINTR))
			break;
	}
}

void sched_look(struct sched *s, uint64_t now)
{
	char state[32];

	if (s->kmsg < 0)
		return;
	s->next_look = now + (s->watch.state == WATCH_ATTACHED ? LOOK_LATER_NS : LOOK_SOON_NS);
	/* The state first and what was logged until then after it: the log has the reasons. */
	int r = read_line_at(AT_FDCWD, STATE_PATH, state, sizeof(state));
	read_kmsg(s, now);
	if (r >= 0)
		watch_kernel_state(&s->watch, now, state);
	if (s->child.ended) {
		watch_process_ended(&s->watch, now, s->child.status);
		stream_finish(&s->log);
	}
}

static void add_dump_lines(struct buf *dump, const char *text, size_t n)
{
	for (size_t at = 0; at < n && dump->len < DUMP_MAX;) {
		const char *nl = memchr(text + at, '\n', n - at);
		size_t line = nl ? (size_t)(nl - text) - at + 1 : n - at, len;
		const char *what = trace_dump_text(text + at, line, &len);

		if (what) {
			buf_put(dump, what, MIN(len, DUMP_MAX - dump->len));
			buf_putc(dump, '\n');
		}
		at += line;
	}
}

/* trace_pipe gives whole lines per read, and EAGAIN when the buffer is empty. */
static void read_dump(struct buf *dump)
{
	char text[8192];
	SCOPED(close_fd) int fd = open(TRACING "/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	while (fd >= 0 && dump->len < DUMP_MAX) {
		ssize_t n = read(fd, text, sizeof(text));

		if (n <= 0)
			break;
		add_dump_lines(dump, text, (size_t)n);
	}
}

enum watch_event sched_next(struct sched *s, uint64_t now, struct uplink *up)
{
	SCOPED(buf_fini) struct buf dump = { 0 }, json = { 0 };
	enum watch_event ev = watch_next(&s->watch, now, s->log.fd < 0);

	if (ev == WATCH_IS_ATTACHED)
		uplink_stage(up, STAGE_SCHED_ATTACHED);
	if (ev == WATCH_IS_OVER) {
		read_dump(&dump);
		watch_report(&s->watch, s->child.pid, buf_str(&dump), &json);
		uplink_send(up, FRAME_SCHED_END, json.at, json.len);
	}
	return ev;
}

uint64_t sched_wake(const struct sched *s)
{
	switch (s->watch.state) {
	case WATCH_STARTING:
	case WATCH_CLOSING:
		return MIN(s->next_look, s->watch.deadline);
	case WATCH_ATTACHED:
		return s->next_look;
	default:
		return UINT64_MAX;
	}
}

void sched_evict(void)
{
	/* SysRq "S" ends whatever BPF scheduler there is; it needs no time on a CPU from it. */
	write_attr("/proc/sysrq-trigger", "S", 1, NULL);
}
