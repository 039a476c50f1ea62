/* SPDX-License-Identifier: GPL-2.0-only */
/* vm_next(): one epoll set for everything a VM can say; bytes first, the end last. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>

#include "base/err.h"
#include "base/io.h"
#include "vm/qemu/qemu.h"

static const struct {
	enum qemu_port port;
	enum vm_event_kind kind;
} streams[] = {
	{ PORT_CONSOLE, VM_EVENT_CONSOLE },
	{ PORT_LINK, VM_EVENT_LINK },
	{ PORT_TTY, VM_EVENT_TTY },
};

int qemu_watch(struct vm *vm, int fd, bool on, struct err *e)
{
	struct qemu *q = qemu_of(vm);
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = TOKEN_WATCHED | (uint32_t)fd };

	if (epoll_ctl(q->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &ev) < 0)
		return err_sys(e, -errno, "watching descriptor %d", fd);
	return 0;
}

void qemu_reap(struct qemu *q)
{
	pid_t r;

	do
		r = waitpid(q->pid, &q->end.status, 0);
	while (r < 0 && errno == EINTR);
	q->phase = PHASE_DEAD;
	close_fd(&q->pidfd);
}

static void keep_complaints(struct qemu *q, size_t n)
{
	buf_put(&q->complaints, q->chunk, n);
	if (q->complaints.len > STDERR_KEPT)
		buf_drop_front(&q->complaints, q->complaints.len - STDERR_KEPT);
}

static bool report_bytes(struct qemu *q, enum vm_event_kind kind, size_t n, struct vm_event *ret)
{
	*ret = (struct vm_event){ .kind = kind, .data = q->chunk, .len = n, .fd = -1 };
	return true;
}

/* The end of the link is news only if QEMU lives on, so ask it. */
static void on_link_end(struct qemu *q)
{
	if (q->phase != PHASE_RUNNING || q->end.reason[0] || q->end.killed)
		return;
	q->link_lost = control_send(q, QMP_CMD_STATUS, NULL, NULL) == 0;
}

static bool read_stream(struct qemu *q, enum qemu_port n, struct vm_event *ret)
{
	ssize_t k = port_read(q, n);

	for (size_t i = 0; k > 0 && i < ARRAY_SIZE(streams); i++)
		if (streams[i].port == n)
			return report_bytes(q, streams[i].kind, (size_t)k, ret);
	if (k > 0)
		keep_complaints(q, (size_t)k);
	if (k == 0 && n == PORT_LINK)
		on_link_end(q);
	return false;
}

static bool on_port(struct qemu *q, enum qemu_port n, uint32_t events, struct vm_event *ret)
{
	if (events & EPOLLOUT) {
		port_flush(q, n);
		q->link_ready_due |= n == PORT_LINK && !q->port[n].out.len;
	}
	if (!(events & ~(uint32_t)EPOLLOUT))
		return false;
	if (n == PORT_GDB) {
		gdb_read(q);
		return false;
	}
	if (n != PORT_QMP)
		return read_stream(q, n, ret);
	control_read(q);
	return false;
}

static bool on_ready(struct qemu *q, const struct epoll_event *ev, struct vm_event *ret)
{
	uint64_t token = ev->data.u64;

	if (token & TOKEN_WATCHED) {
		*ret = (struct vm_event){ .kind = VM_EVENT_WATCHED, .fd = (int)(uint32_t)token };
		return true;
	}
	if (token != TOKEN_PROCESS)
		return on_port(q, (enum qemu_port)token, ev->events, ret);
	qemu_reap(q);
	return false;
}

/* After the death: what the sockets still hold, then the verdict. */
static void drain(struct qemu *q, struct vm_event *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		ssize_t k = port_read(q, streams[i].port);

		if (k > 0) {
			report_bytes(q, streams[i].kind, (size_t)k, ret);
			return;
		}
	}
	for (ssize_t k; (k = port_read(q, PORT_STDERR)) > 0;)
		keep_complaints(q, (size_t)k);
	while (control_read(q) > 0)
		continue;
	*ret = (struct vm_event){ .kind = VM_EVENT_STOPPED, .fd = -1 };
	qemu_explain(q, &ret->stop);
	q->phase = PHASE_ENDED;
}

/* Files wake nobody up, and the end of QEMU need not wait for them to be read. */
static bool look_into_files(struct qemu *q, struct vm_event *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++)
		if (q->port[streams[i].port].file && read_stream(q, streams[i].port, ret))
			return q->file_had_turn = true;
	return false;
}

static uint64_t next_wake(const struct qemu *q, uint64_t deadline_ns)
{
	uint64_t wake_ns = qemu_ports_are_files(&q->shape) ? now_ns() + FILE_LOOK_NS : UINT64_MAX;

	if (q->end.deadline_ns)
		wake_ns = MIN(wake_ns, q->end.deadline_ns);
	return MIN(wake_ns, deadline_ns);
}

/* Returns 1 with an event, 0 when @deadline_ns has passed. */
static int wait_ready(struct qemu *q, uint64_t deadline_ns, struct epoll_event *ret)
{
	uint64_t now = now_ns();
	uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
	struct timespec ts = { (time_t)(left / SECOND_NS), (long)(left % SECOND_NS) };
	int r = epoll_pwait2(q->epoll, ret, 1, &ts, NULL);

	if (r < 0 && errno == EINTR)
		return 0;
	return r < 0 ? -errno : r;
}

/* QEMU said goodbye, or went silent, and does not go. */
static void check_goodbye(struct qemu *q)
{
	if (!q->end.deadline_ns || now_ns() < q->end.deadline_ns)
		return;
	q->end.deadline_ns = 0;
	qemu_give_up(q, "QEMU closed its control channel and did not exit");
}

static bool already_known(struct qemu *q, struct vm_event *ret)
{
	if (q->phase == PHASE_DEAD || q->phase == PHASE_ENDED) {
		drain(q, ret);
		return true;
	}
	if (q->said.len && !q->said_again) {
		*ret = (struct vm_event){ VM_EVENT_CONSOLE, q->said.at, q->said.len, .fd = -1 };
		return q->said_again = true;
	}
	if (q->link_lost_due)
		*ret = (struct vm_event){ .kind = VM_EVENT_LINK_CLOSED, .fd = -1 };
	else if (q->link_ready_due)
		*ret = (struct vm_event){ .kind = VM_EVENT_LINK_READY, .fd = -1 };
	else
		return false;
	/* A link that is lost is never ready again. */
	q->link_lost_due = q->link_ready_due = false;
	return true;
}

int qemu_next(struct vm *vm, uint64_t deadline_ns, struct vm_event *ret, struct err *e)
{
	struct qemu *q = qemu_of(vm);
	struct epoll_event ev;

	for (;;) {
		bool others_turn = q->file_had_turn;

		q->file_had_turn = false;
		if (already_known(q, ret))
			return 0;
		/* That it is frozen comes after all that it said before. */
		if (!others_turn && (look_into_files(q, ret) || gdb_tell(q, ret)))
			return 0;
		int r = wait_ready(q, others_turn ? 0 : next_wake(q, deadline_ns), &ev);
		if (r < 0)
			return err_sys(e, r, "waiting for the machine");
		if (r > 0 && on_ready(q, &ev, ret))
			return 0;
		check_goodbye(q);
		if (!others_turn && now_ns() >= deadline_ns && q->phase != PHASE_DEAD)
			break;
	}
	*ret = (struct vm_event){ .kind = VM_EVENT_NONE, .fd = -1 };
	return 0;
}
