/* SPDX-License-Identifier: GPL-2.0-only */
/* Non-blocking byte streams to and from QEMU, with bounded queues. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "vm/qemu/qemu.h"

#define FILE_KEEP (1u << 20)

static const char *const port_names[NR_PORTS] = {
	[PORT_QMP] = "QMP", [PORT_CONSOLE] = "console", [PORT_LINK] = "link",
	[PORT_TTY] = "tty", [PORT_STDERR] = "stderr",	[PORT_GDB] = "gdb",
};

static int port_epoll(struct qemu *q, enum qemu_port n, int op)
{
	struct port *p = &q->port[n];
	struct epoll_event ev = { .events = EPOLLIN | (p->out.len ? EPOLLOUT : 0), .data.u64 = n };

	return epoll_ctl(q->epoll, op, p->fd, &ev) < 0 ? -errno : 0;
}

void port_close(struct port *p)
{
	close_fd(&p->fd); /* leaves the epoll set with it */
	close_fd(&p->theirs);
	buf_fini(&p->out);
}

/* QEMU opens the file by the name of this descriptor; it is gone with the last of both. */
static int port_open_file(struct port *p, const char *name, struct err *e)
{
	p->fd = anon_file(name, e);
	if (p->fd < 0)
		return p->fd;
	p->file = true;
	p->theirs = fcntl(p->fd, F_DUPFD_CLOEXEC, 0);
	return p->theirs < 0 ? err_sys(e, -errno, "qemu: file for %s", name) : 0;
}

static bool is_file(const struct qemu *q, enum qemu_port n)
{
	return qemu_ports_are_files(&q->shape) && (n == PORT_CONSOLE || n == PORT_LINK);
}

int port_watch(struct qemu *q, enum qemu_port n, struct err *e)
{
	if (fcntl(q->port[n].fd, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, -errno, "qemu: channel for %s", port_names[n]);
	int r = port_epoll(q, n, EPOLL_CTL_ADD);

	return r < 0 ? err_sys(e, r, "qemu: watching %s", port_names[n]) : 0;
}

static int port_open(struct qemu *q, enum qemu_port n, struct err *e)
{
	struct port *p = &q->port[n];
	int fd[2];

	if (is_file(q, n))
		return port_open_file(p, port_names[n], e);

	int r = n == PORT_STDERR ? pipe2(fd, O_CLOEXEC)
				 : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd);
	if (r < 0)
		return err_sys(e, -errno, "qemu: channel for %s", port_names[n]);
	p->fd = fd[0];
	p->theirs = fd[1];
	return port_watch(q, n, e);
}

int ports_create(struct qemu *q, struct err *e)
{
	for (enum qemu_port n = 0; n < NR_PORTS; n++) {
		if ((n == PORT_TTY && !q->shape.tty) || (n == PORT_GDB && !q->shape.gdb))
			continue;
		int r = port_open(q, n, e);
		if (r < 0)
			return r;
	}
	return 0;
}

void ports_destroy(struct qemu *q)
{
	for (enum qemu_port n = 0; n < NR_PORTS; n++)
		port_close(&q->port[n]);
}

/* Sends from the queue until it is empty or the socket is full. */
int port_flush(struct qemu *q, enum qemu_port n)
{
	struct port *p = &q->port[n];
	size_t before = p->out.len, sent = 0;
	int r = 0;

	while (sent < before) {
		ssize_t k =
			send(p->fd, p->out.at + sent, before - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) {
			r = errno == EAGAIN ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
			break;
		}
		sent += (size_t)k;
	}
	if (r < 0) /* the other end is gone; reading will see the end of file */
		sent = before;
	buf_drop_front(&p->out, sent);
	if (sent)
		port_epoll(q, n, EPOLL_CTL_MOD);
	return r;
}

int port_send(struct qemu *q, enum qemu_port n, const void *data, size_t len, struct err *e)
{
	struct port *p = &q->port[n];
	bool idle = !p->out.len;

	if (p->fd < 0)
		return err_sys(e, -EPIPE, "%s", port_names[n]);
	if (p->file)
		return err_set(e, -EPERM, "%s: nothing is fed to a guest in virtual time",
			       port_names[n]);
	if (len > PORT_BACKLOG_MAX - p->out.len)
		return err_set(e, -ENOBUFS, "%s: the guest does not read: %zu bytes are waiting",
			       port_names[n], p->out.len);
	buf_put(&p->out, data, len);
	if (p->out.bad) {
		int r = p->out.bad;

		p->out.bad = 0;
		return err_sys(e, r, "%s: queue", port_names[n]);
	}
	if (!idle || !len)
		return 0;
	int r = port_flush(q, n);
	if (!r)
		r = port_epoll(q, n, EPOLL_CTL_MOD);
	return r < 0 ? err_sys(e, r, "%s", port_names[n]) : 0;
}

/* What was read need not be kept: a guest that talks on and on must not fill the host's memory. */
static ssize_t read_file_port(struct qemu *q, struct port *p)
{
	ssize_t k = pread(p->fd, q->chunk, sizeof(q->chunk), (off_t)p->at);

	if (k <= 0)
		return k < 0 && errno != EINTR ? -errno : -EAGAIN;
	/* When this goes wrong there is the next time. */
	if ((p->at + (uint64_t)k) / FILE_KEEP != p->at / FILE_KEEP)
		fallocate(p->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)p->at);
	p->at += (uint64_t)k;
	return k;
}

ssize_t port_read(struct qemu *q, enum qemu_port n)
{
	struct port *p = &q->port[n];
	ssize_t k;

	if (p->fd < 0)
		return 0;
	if (p->file)
		return read_file_port(q, p);
	do
		k = read(p->fd, q->chunk, sizeof(q->chunk));
	while (k < 0 && errno == EINTR);
	if (k > 0)
		return k;
	if (k < 0 && errno == EAGAIN)
		return -EAGAIN;
	port_close(p); /* ECONNRESET: died with bytes of ours unread */
	return 0;
}
