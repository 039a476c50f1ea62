/* SPDX-License-Identifier: GPL-2.0-only */
/* The QMP conversation of a running VM: commands out, events and answers in. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "vm/qemu/board.h"
#include "vm/qemu/qemu.h"

/* QEMU answers within milliseconds unless the host is out of breath. */
#define ANSWER_NS (10 * SECOND_NS)
/* From saying goodbye to being gone. */
#define GOODBYE_NS (5 * SECOND_NS)
/*
 * The same when a command was not answered. QEMU 10 waits for such a command while it ends without
 * running what would complete it (monitor_cleanup() in monitor/monitor.c), more often than not for ever.
 */
#define GOODBYE_STUCK_NS SECOND_NS

void qemu_give_up(struct qemu *q, const char *fmt, ...)
{
	va_list ap;

	if (!q->end.failed[0]) {
		va_start(ap, fmt);
		vsnprintf(q->end.failed, sizeof(q->end.failed), fmt, ap);
		va_end(ap);
	}
	if (q->phase == PHASE_RUNNING)
		pidfd_send_signal(q->pidfd, SIGKILL, NULL, 0);
}

int control_send(struct qemu *q, enum qmp_cmd cmd, uint32_t *ret_id, struct err *e)
{
	SCOPED(buf_fini) struct buf line = { 0 };
	uint32_t id = ++q->qmp_seq << 8 | cmd; /* 16 million of them are enough for a test */

	qmp_put(&line, cmd, id);
	if (line.bad)
		return err_sys(e, line.bad, "QMP");
	if (ret_id)
		*ret_id = id;
	return port_send(q, PORT_QMP, line.at, line.len, e);
}

static void on_goodbye(struct qemu *q, const char *reason)
{
	bool stuck = q->qmp_answered >> 8 != q->qmp_seq;

	snprintf(q->end.reason, sizeof(q->end.reason), "%s", reason);
	q->end.deadline_ns = now_ns() + (stuck ? GOODBYE_STUCK_NS : GOODBYE_NS);
}

static void on_event(struct qemu *q, const struct qmp_msg *m)
{
	switch (m->event) {
	case QMP_EVENT_SHUTDOWN:
		on_goodbye(q, m->reason);
		break;
	case QMP_EVENT_STOP: /* by itself QEMU stops only in trouble; the status says which */
		if (!q->pausing && !q->end.reason[0])
			control_send(q, QMP_CMD_STATUS, NULL, NULL);
		break;
	case QMP_EVENT_STATE:
		frozen_on_state(q, m->reason);
		break;
	default:
		break;
	}
}

static void on_status(struct qemu *q, const char *status)
{
	static const char *const trouble[] = { "internal-error", "io-error", "guest-panicked" };

	for (size_t i = 0; i < ARRAY_SIZE(trouble); i++)
		if (!strcmp(status, trouble[i]))
			qemu_give_up(q, "QEMU stopped the machine: %s", status);
	if (q->link_lost) { /* asked to see whether QEMU outlived the link: it did */
		q->link_lost = false;
		q->link_lost_due = true;
	}
}

/* A machine that shares its CPUs has them from its process. */
static void place_threads(struct qemu *q)
{
	if (!q->place || q->place->mode == PIN_SHARED)
		return;
	for (uint32_t i = 0; i < q->nr_tids; i++)
		pin_vcpu(q->place, i, q->tid[i], &q->vm.warnings);
}

static void on_answer(struct qemu *q, const struct qmp_msg *m)
{
	q->qmp_answered = m->id;
	if (m->id == q->qmp_awaited)
		memcpy(q->qmp_refusal, m->text, sizeof(q->qmp_refusal));
	if (m->kind == QMP_ERROR && qmp_cmd_of(m->id) >= QMP_CMD_STATE_HOW)
		qemu_give_up(q, "QEMU: state of the machine: %.120s", m->text);
	if (m->kind == QMP_ERROR)
		return;
	q->qmp_seconds = m->seconds;
	if (qmp_cmd_of(m->id) == QMP_CMD_STATUS)
		on_status(q, m->reason);
	if (qmp_cmd_of(m->id) == QMP_CMD_CPUS) {
		memcpy(q->tid, m->tid, sizeof(q->tid));
		q->nr_tids = m->nr_cpus;
		place_threads(q);
	}
}

static void on_line(struct qemu *q, const char *line, size_t len)
{
	struct qmp_msg m;
	struct err why;

	if (qmp_parse(line, len, &m, &why) < 0)
		qemu_give_up(q, "%s", why.text);
	else if (m.kind == QMP_EVENT)
		on_event(q, &m);
	else if (m.kind == QMP_REPLY || m.kind == QMP_ERROR)
		on_answer(q, &m);
}

static void take_lines(struct qemu *q)
{
	size_t start = 0;
	char *end;

	while ((end = memchr(q->qmp_in.at + start, '\n', q->qmp_in.len - start))) {
		size_t stop = (size_t)(end - q->qmp_in.at);

		on_line(q, q->qmp_in.at + start, stop - start);
		start = stop + 1;
	}
	buf_drop_front(&q->qmp_in, start);
}

ssize_t control_read(struct qemu *q)
{
	ssize_t n = port_read(q, PORT_QMP);

	if (n == 0 && !q->end.deadline_ns)
		q->end.deadline_ns = now_ns() + GOODBYE_NS;
	if (n <= 0)
		return n;
	buf_put(&q->qmp_in, q->chunk, (size_t)n);
	if (q->qmp_in.bad)
		qemu_give_up(q, "QMP: %s", strerror(-q->qmp_in.bad));
	else
		take_lines(q);
	if (q->qmp_in.len > QMP_LINE_MAX)
		qemu_give_up(q, "QMP: a line longer than %u bytes", QMP_LINE_MAX);
	return n;
}

/* Waits for QMP or the end of QEMU, which answers nothing after its goodbye. */
static int await_control(struct qemu *q, uint64_t deadline_ns)
{
	struct pollfd fds[] = {
		{ .fd = q->port[PORT_QMP].fd, .events = POLLIN },
		{ .fd = q->pidfd, .events = POLLIN },
	};
	uint64_t now = now_ns();

	if (q->end.reason[0])
		return -ESRCH;
	if (now >= deadline_ns)
		return -ETIMEDOUT;
	if (q->port[PORT_QMP].out.len)
		fds[0].events |= POLLOUT;
	int r = poll(fds, ARRAY_SIZE(fds), (int)((deadline_ns - now) / 1000000 + 1));
	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents & POLLOUT)
		port_flush(q, PORT_QMP);
	if (fds[0].revents) /* first what it said, then that it is gone */
		return control_read(q) == 0 ? -ESRCH : 0;
	return fds[1].revents ? -ESRCH : 0;
}

#define ENDED "QEMU ended before it answered"

static int explain(int r, struct err *e)
{
	if (r == -ESRCH)
		return err_set(e, r, ENDED);
	if (r == -ETIMEDOUT)
		return err_set(e, r, "QEMU did not answer for %llu s", ANSWER_NS / SECOND_NS);
	return r < 0 ? err_sys(e, r, "QMP") : 0;
}

int control_await_state(struct qemu *q, struct err *e)
{
	uint64_t deadline_ns = now_ns() + ANSWER_NS;
	int r = 0;

	while (!r && !q->state_done && !q->end.failed[0])
		r = await_control(q, deadline_ns);
	if (!r && q->end.failed[0])
		return err_set(e, -EIO, "%s", q->end.failed);
	return explain(r, e);
}

int control_await(struct qemu *q, uint32_t id, struct err *e)
{
	uint64_t deadline_ns = now_ns() + ANSWER_NS;
	int r = 0;

	q->qmp_awaited = id;
	q->qmp_refusal[0] = 0;
	while (!r && q->qmp_answered < id) /* answers come in order, ids count up */
		r = await_control(q, deadline_ns);
	r = explain(r, e);
	if (r < 0)
		return r;
	return q->qmp_refusal[0] ? err_set(e, -EIO, "QEMU: %s", q->qmp_refusal) : 0;
}

int control_ask(struct qemu *q, enum qmp_cmd cmd, struct err *e)
{
	uint32_t id;
	int r = q->phase == PHASE_RUNNING ? control_send(q, cmd, &id, e) : -EPIPE;

	if (r == -EPIPE)
		return err_set(e, -ESRCH, ENDED);
	return r < 0 ? r : control_await(q, id, e);
}

int control_clock(struct vm *vm, uint64_t *ret_ns, struct err *e)
{
	struct qemu *q = qemu_of(vm);
	bool none_yet = q->shape.start == QEMU_RESUMES && !q->state_done; /* it is in the state */
	int r = control_ask(q, qemu_board(q->shape.arch)->clock, e);

	if (r < 0)
		return r;
	if (none_yet) {
		*ret_ns = 0;
		return 0;
	}
	/* Both clocks end before they are that far. */
	if (q->qmp_seconds < QEMU_CLOCK_START || q->qmp_seconds - QEMU_CLOCK_START > UINT32_MAX)
		return err_set(e, -EBADMSG, "QEMU: the time of the machine's clock is unreadable");
	*ret_ns = (uint64_t)(q->qmp_seconds - QEMU_CLOCK_START) * SECOND_NS;
	return 0;
}
