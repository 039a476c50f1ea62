/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/event.h"
#include "abi/frame.h"
#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "guest/body.h"
#include "guest/early.h"
#include "guest/sched.h"
#include "guest/setup.h"
#include "guest/trace.h"
#include "guest/uplink.h"
#include "link/job.h"

#define S_NS 1000000000ull
#define BEAT_NS (BEAT_INTERVAL_MS * 1000000ull)
#define ERRANDS_NS (10 * S_NS)	 /* for what a child does during preparation */
#define TTY_NS (20 * S_NS)	 /* for the terminal to show up */
#define BODY_TERM_NS (1 * S_NS)	 /* between asking to end and killing */
#define SCHED_TERM_NS (2 * S_NS) /* the same, for what it has to clean up */
#define KILL_NS (1 * S_NS)	 /* between killing and giving up on it */
#define STALL_NS (300 * S_NS)	 /* at the end: nobody reads the link any more */
#define TICK_NS 20000000ull	 /* for what has no event: the terminal's output */

/* In this order; each is left when its done() says so, and can be empty. */
enum phase {
	PHASE_PREPARE,
	PHASE_ATTACH,
	PHASE_BODY,
	PHASE_STOP_BODY,
	PHASE_STOP_SCHED,
	PHASE_TRACE,
	PHASE_LAST,
	PHASE_OVER,
};

struct run {
	const struct job *job;
	const struct err *broken; /* what went wrong before the link was there */
	struct early *early;
	struct uplink *up;
	struct child errands;
	struct stream errands_said;
	struct sched sched;
	struct body body;
	int signals;
	enum phase phase;
	uint64_t now;
	uint64_t deadline; /* of the phase, UINT64_MAX = none */
	bool killed;	   /* in this phase, the deadline is for giving up */
	bool end_now;	   /* FRAME_STOP, or nothing to go on with */
	bool said_exit;
	bool virtual_time;
	struct exit_msg exit;
	uint64_t next_beat, beats;
};

static void run_fatal(struct run *r, const struct err *e)
{
	uplink_text(r->up, FRAME_FATAL, e->text);
	r->exit = (struct exit_msg){ .kind = EXIT_KIND_NOTHING };
	r->end_now = true;
}

/* Someone who was told to end: kill after the first deadline, give up at the second. */
static void end_child(struct run *r, const struct child *c, uint64_t grace_ns)
{
	child_signal(c, SIGTERM);
	r->killed = false;
	r->deadline = r->now + grace_ns;
}

static bool child_is_gone(struct run *r, const struct child *c)
{
	if (!child_runs(c))
		return true;
	if (r->now < r->deadline)
		return false;
	if (r->killed)
		return true;
	child_signal(c, SIGKILL);
	r->killed = true;
	r->deadline = r->now + KILL_NS;
	return false;
}

/* --- preparing --- */

/* What takes time and nobody needs before the body runs: loopback, and links to busybox. */
static int start_errands(struct run *r, struct err *e)
{
	static char name[] = "busybox", install[] = "--install", soft[] = "-s", dir[] = "/bin";
	char *const argv[] = { name, install, soft, dir, NULL }, *const env[] = { NULL };
	bool busybox = access(GUEST_BUSYBOX_PATH, X_OK) == 0;
	SCOPED(close_fd) int said = -1;
	if (r->early->loopback && !busybox)
		return 0;
	int ok = stream_open(&r->errands_said, FRAME_NOTE, &said, e);
	const struct spawn how = {
		.first = r->early->loopback ? NULL : setup_loopback,
		.argv = busybox ? argv : NULL,
		.env = env,
		.path = GUEST_BUSYBOX_PATH,
		.in = -1,
		.out = said,
		.err = said,
		.keep = -1,
	};

	return ok < 0 ? ok : child_spawn(&r->errands, &how, e);
}

static void prepare_enter(struct run *r)
{
	struct err e;

	if (r->broken->code)
		run_fatal(r, r->broken);
	else if (start_errands(r, &e) < 0 || early_prepare(r->early, r->job, &e) < 0 ||
		 setup_system(r->job, &e) < 0 || body_plan(&r->body, r->job, &e) < 0)
		run_fatal(r, &e);
	else if (r->early->no_trace.code)
		uplink_note(r->up, NO_DIGEST_NOTE "%s", r->early->no_trace.text);
	r->deadline = r->now + ERRANDS_NS;
}

static bool prepare_done(struct run *r)
{
	if (r->end_now || !child_runs(&r->errands))
		return true;
	if (r->now < r->deadline)
		return false;
	uplink_note(r->up, "loopback and links to busybox are not ready after %llu s",
		    ERRANDS_NS / S_NS);
	return true;
}

/* --- the scheduler gets hold of the machine --- */

static void attach_enter(struct run *r)
{
	struct err e;

	if (!r->end_now && r->job->sched_name && sched_start(&r->sched, r->job, r->up, &e) < 0)
		run_fatal(r, &e);
}

static bool attach_done(struct run *r)
{
	return r->end_now || !r->job->sched_name || r->sched.watch.state == WATCH_ATTACHED;
}

/* --- what it is all for --- */

static void body_enter(struct run *r)
{
	struct err e;

	if (r->end_now)
		return;
	uplink_stage(r->up, STAGE_BODY_START);
	trace_begin(r->early->trace);
	if (body_start(&r->body, r->job, r->now + TTY_NS, &e) < 0)
		run_fatal(r, &e);
	r->now = now_ns();
	if (r->body.timeout_ns)
		r->deadline = r->now + r->body.timeout_ns;
}

static void note_how_it_ended(struct run *r)
{
	const struct child *c = &r->body.child;

	if (r->exit.kind != EXIT_KIND_NOTHING || !c->ended)
		return;
	if (WIFSIGNALED(c->status))
		r->exit = (struct exit_msg){ EXIT_KIND_SIGNAL, WTERMSIG(c->status) };
	else
		r->exit = (struct exit_msg){ EXIT_KIND_CODE, WEXITSTATUS(c->status) };
}

static bool body_done(struct run *r)
{
	bool telling = r->sched.watch.state == WATCH_CLOSING;

	if (r->end_now)
		return true;
	if (!child_runs(&r->body.child))
		return !telling;
	if (r->now < r->deadline)
		return false;
	r->exit = (struct exit_msg){ .kind = EXIT_KIND_TIMEOUT };
	return !telling;
}

/* --- the way down --- */

static bool nobody_reads(const struct run *r)
{
	return queue_len(&r->up->out) && r->now >= r->up->moved_ns + STALL_NS;
}

static void stop_body_enter(struct run *r)
{
	trace_end(r->early->trace);
	end_child(r, &r->body.child, BODY_TERM_NS);
}

static bool stop_body_done(struct run *r)
{
	if (!child_is_gone(r, &r->body.child))
		return false;
	if (child_runs(&r->body.child))
		return true; /* it cannot even die: perhaps without the scheduler it can */
	if (body_has_output(&r->body) && r->now < r->deadline)
		return false;
	return body_is_quiet(&r->body) || nobody_reads(r);
}

static void stop_sched_enter(struct run *r)
{
	if (r->body.child.pid)
		uplink_stage(r->up, STAGE_BODY_END);
	/* What happened before we touch it is news still. */
	sched_look(&r->sched, r->now);
	while (sched_next(&r->sched, r->now, r->up) != WATCH_NOTHING)
		;
	watch_stop(&r->sched.watch);
	end_child(r, &r->sched.child, SCHED_TERM_NS);
}

static bool stop_sched_done(struct run *r)
{
	bool was_killed = r->killed;

	if (!child_is_gone(r, &r->sched.child)) {
		if (r->killed && !was_killed)
			sched_evict();
		return false;
	}
	if (r->now >= r->deadline || nobody_reads(r))
		return true;
	return r->sched.log.fd < 0 && !child_runs(&r->body.child);
}

static void trace_enter(struct run *r)
{
}

static bool trace_done(struct run *r)
{
	return nobody_reads(r) || trace_send(r->early->trace, r->up);
}

static void last_enter(struct run *r)
{
	note_how_it_ended(r);
	/* Killed, and not seen dying: then this is how it ends. */
	if (r->exit.kind == EXIT_KIND_NOTHING && child_runs(&r->body.child))
		r->exit = (struct exit_msg){ EXIT_KIND_SIGNAL, SIGKILL };
	uplink_send(r->up, FRAME_EXIT, &r->exit, sizeof(r->exit));
	r->said_exit = true;
	r->end_now = false; /* from here on it means that the host has it */
	r->deadline = r->now + EXIT_ACK_MS * 1000000ull;
}

static bool last_done(struct run *r)
{
	if (r->virtual_time && !queue_len(&r->up->out))
		return true;
	if (queue_len(&r->up->out))
		r->deadline = r->now + EXIT_ACK_MS * 1000000ull;
	return r->end_now || r->up->lost || nobody_reads(r) || r->now >= r->deadline;
}

static const struct {
	void (*enter)(struct run *r);
	bool (*done)(struct run *r);
} phases[] = {
	[PHASE_PREPARE] = { prepare_enter, prepare_done },
	[PHASE_ATTACH] = { attach_enter, attach_done },
	[PHASE_BODY] = { body_enter, body_done },
	[PHASE_STOP_BODY] = { stop_body_enter, stop_body_done },
	[PHASE_STOP_SCHED] = { stop_sched_enter, stop_sched_done },
	[PHASE_TRACE] = { trace_enter, trace_done },
	[PHASE_LAST] = { last_enter, last_done },
};

static void enter(struct run *r, enum phase p)
{
	r->phase = p;
	r->deadline = UINT64_MAX;
	if (p < PHASE_OVER)
		phases[p].enter(r);
}

/* --- everything that can happen --- */

static void take_frames(struct run *r)
{
	struct frame f;

	uplink_receive(r->up);
	while (uplink_next(r->up, &f)) {
		if (f.type == FRAME_STOP)
			r->end_now = true;
		else
			body_frame(&r->body, &f);
	}
}

static void take_children(struct run *r)
{
	struct child *const known[] = { &r->errands, &r->sched.child, &r->body.child };
	struct signalfd_siginfo si;

	while (read(r->signals, &si, sizeof(si)) > 0)
		;
	children_reap(known, ARRAY_SIZE(known));
	sched_look(&r->sched, r->now);
	if (r->errands.ended)
		stream_finish(&r->errands_said);
	if (r->sched.child.ended)
		stream_finish(&r->sched.log);
	if (r->body.child.ended)
		body_finish(&r->body);
}

static void take_news(struct run *r)
{
	enum watch_event ev;

	while ((ev = sched_next(&r->sched, r->now, r->up)) != WATCH_NOTHING)
		if (ev == WATCH_IS_OVER)
			r->end_now = true;
}

static void beat(struct run *r)
{
	if (r->now < r->next_beat)
		return;
	r->next_beat = r->now + BEAT_NS;
	/* A beat that waits behind others tells nothing new. */
	if (uplink_is_full(r->up))
		return;
	const struct beat_msg m = { .mono_ns = r->now, .count = r->beats++ };
	uplink_send(r->up, FRAME_BEAT, &m, sizeof(m));
}

static void act(struct run *r)
{
	r->now = now_ns();
	take_news(r);
	while (r->phase != PHASE_OVER && phases[r->phase].done(r))
		enter(r, r->phase + 1);
	if (!r->said_exit)
		beat(r);
	uplink_flush(r->up);
}

#define NR_STREAMS (BODY_STREAMS + 2)

static struct stream *stream_at(struct run *r, size_t i)
{
	if (i < BODY_STREAMS)
		return &r->body.streams[i];
	return i == BODY_STREAMS ? &r->sched.log : &r->errands_said;
}

enum slot { SLOT_LINK, SLOT_SIGNALS, SLOT_KMSG, SLOT_FEED, SLOT_STREAMS };

struct pollset {
	struct pollfd at[SLOT_STREAMS + NR_STREAMS];
	size_t nr;
};

static void want(struct pollset *ps, int fd, short events)
{
	ps->at[ps->nr++] = (struct pollfd){ .fd = events ? fd : -1, .events = events };
}

static uint64_t next_wake(struct run *r)
{
	uint64_t t = MIN(r->deadline, sched_wake(&r->sched));

	if (!r->said_exit)
		t = MIN(t, r->next_beat);
	if (queue_len(&r->up->out))
		t = MIN(t, r->up->moved_ns + STALL_NS);
	if (r->body.tty >= 0 && !child_runs(&r->body.child))
		t = MIN(t, r->now + TICK_NS);
	return t;
}

/* Streams come last: how many of them may be read depends on what came before. */
static void wait_for_something(struct run *r, struct pollset *ps)
{
	bool full = uplink_is_full(r->up) || r->said_exit;
	uint64_t wake = next_wake(r);
	int ms = wake <= r->now ? 0 : (int)MIN((wake - r->now) / 1000000 + 1, 1000);

	ps->nr = 0;
	want(ps, r->up->fd,
	     (short)((feed_is_full(&r->body.in) ? 0 : POLLIN) |
		     (queue_len(&r->up->out) ? POLLOUT : 0)));
	want(ps, r->signals, POLLIN);
	want(ps, r->sched.kmsg, POLLIN);
	want(ps, r->body.in.fd, POLLOUT * !!(queue_len(&r->body.in.q)));
	for (size_t i = 0; i < NR_STREAMS; i++)
		want(ps, stream_at(r, i)->fd, full ? 0 : POLLIN);
	if (poll(ps->at, ps->nr, ms) < 0)
		ps->nr = 0;
	r->now = now_ns();
}

static void serve(struct run *r, const struct pollset *ps)
{
	if (!ps->nr)
		return;
	if (ps->at[SLOT_LINK].revents & POLLHUP)
		r->up->lost = true;
	if (ps->at[SLOT_LINK].revents & POLLIN)
		take_frames(r);
	if (ps->at[SLOT_KMSG].revents || r->now >= sched_wake(&r->sched))
		sched_look(&r->sched, r->now);
	if (ps->at[SLOT_SIGNALS].revents)
		take_children(r);
	if (ps->at[SLOT_FEED].revents)
		feed_ready(&r->body.in);
	for (size_t i = 0; i < NR_STREAMS; i++)
		if (ps->at[SLOT_STREAMS + i].revents && stream_at(r, i)->fd >= 0)
			stream_ready(stream_at(r, i), r->up);
}

static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* 0, or why there is no point in going on. */
static int trouble(const struct run *r)
{
	if (r->up->out.b.bad)
		return r->up->out.b.bad;
	if (r->up->in.in.bad)
		return r->up->in.in.bad;
	if (r->body.in.q.b.bad)
		return r->body.in.q.b.bad;
	return r->up->lost && !r->said_exit ? -EPIPE : 0;
}

int run_job(const struct job *j, struct uplink *up, struct early *early, const struct err *broken,
	    struct err *e)
{
	struct run r = {
		.job = j,
		.broken = broken,
		.early = early,
		.up = up,
		.signals = open_signals(),
		.exit = { .kind = EXIT_KIND_NOTHING },
		.errands_said = { .fd = -1 },
		.now = now_ns(),
		.virtual_time = job_in_virtual_time(j),
	};
	struct pollset ps;

	if (r.signals < 0)
		return err_sys(e, -errno, "signals of children");
	if (setup_priority(e) < 0)
		uplink_text(up, FRAME_NOTE, e->text);
	sched_init(&r.sched);
	body_init(&r.body);
	enter(&r, PHASE_PREPARE);
	for (act(&r); r.phase != PHASE_OVER; act(&r)) {
		int bad = trouble(&r);

		if (bad == -EPIPE)
			return err_set(e, bad, CONSOLE_LINK_LOST);
		if (bad < 0)
			return err_sys(e, bad, "link to the host");
		wait_for_something(&r, &ps);
		serve(&r, &ps);
	}
	return 0;
}
