/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi/frame.h"
#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "guest/uplink.h"

/* What a group of processes may leave in a socket at most; a limit, not a size. */
#define TAIL_MESSAGES (64u << 20)

static int make_nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : 0;
}

int stream_open(struct stream *s, uint16_t type, int *child_end, struct err *e)
{
	int p[2];
	int r = type ? pipe2(p, O_CLOEXEC)
		     : socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p);

	if (r < 0 || make_nonblocking(p[0]) < 0)
		return err_sys(e, -errno, "pipe");
	*s = (struct stream){ .fd = p[0], .type = type };
	*child_end = p[1];
	return 0;
}

static bool may_send(uint16_t type)
{
	static const uint16_t allowed[] = { FRAME_STAGE, FRAME_RESULT, FRAME_RESULT | FRAME_MORE,
					    FRAME_NOTE, FRAME_FATAL };

	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		if (allowed[i] == type)
			return true;
	return false;
}

static ssize_t take_message(struct stream *s, struct uplink *up)
{
	static uint8_t msg[sizeof(uint16_t) + FRAME_MAX_PAYLOAD];
	uint16_t type;
	ssize_t n = recv(s->fd, msg, sizeof(msg), MSG_TRUNC);

	if (n <= 0)
		return n;
	if ((size_t)n < sizeof(type) || (size_t)n > sizeof(msg)) {
		uplink_note(up, "the test sent a message of %zd bytes; it was left out", n);
		return n;
	}
	memcpy(&type, msg, sizeof(type));
	if (may_send(type))
		uplink_send(up, type, msg + sizeof(type), (size_t)n - sizeof(type));
	else
		uplink_note(up, "the test sent a message of type %u; it was left out", type);
	return n;
}

static ssize_t take_bytes(struct stream *s, struct uplink *up)
{
	static uint8_t bytes[FRAME_MAX_PAYLOAD];
	size_t want = s->tail ? MIN(s->left, sizeof(bytes)) : sizeof(bytes);
	ssize_t n = read(s->fd, bytes, want);

	if (n > 0)
		uplink_send(up, s->type, bytes, (size_t)n);
	return n;
}

static void close_if_empty(struct stream *s)
{
	int n = 0;

	if (!s->left || ioctl(s->fd, FIONREAD, &n) < 0 || !n)
		close_fd(&s->fd);
}

void stream_ready(struct stream *s, struct uplink *up)
{
	ssize_t n = s->type ? take_bytes(s, up) : take_message(s, up);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(&s->fd);
	if (s->fd < 0 || !s->tail)
		return;
	s->left -= n > 0 ? MIN((size_t)n, s->left) : 0;
	close_if_empty(s);
}

void stream_finish(struct stream *s)
{
	int n = 0;

	if (s->fd < 0 || s->tail)
		return;
	s->tail = true;
	if (s->type && ioctl(s->fd, FIONREAD, &n) == 0)
		s->left = (size_t)n;
	else
		s->left = TAIL_MESSAGES;
	close_if_empty(s);
}

int feed_open(struct feed *f, int *child_end, struct err *e)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0 || make_nonblocking(p[1]) < 0)
		return err_sys(e, -errno, "pipe");
	f->fd = p[1];
	*child_end = p[0];
	return 0;
}

void feed_put(struct feed *f, const void *data, size_t n)
{
	if (f->fd < 0 || f->ended)
		return;
	buf_put(&f->q.b, data, n);
	f->ended = !n;
	feed_ready(f);
}

void feed_ready(struct feed *f)
{
	if (queue_write(&f->q, f->fd) < 0 || (f->ended && !queue_len(&f->q))) {
		close_fd(&f->fd);
		buf_clear(&f->q.b);
		f->q.gone = 0;
	}
}
