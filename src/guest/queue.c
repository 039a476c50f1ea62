/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/queue.h"

#include <errno.h>
#include <unistd.h>

#define MOVE_DOWN (256u << 10)

ssize_t queue_write(struct queue *q, int fd)
{
	size_t done = 0;
	int bad = 0;

	while (queue_len(q)) {
		ssize_t n = write(fd, q->b.at + q->gone, queue_len(q));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			bad = -errno;
		if (n <= 0)
			break;
		q->gone += (size_t)n;
		done += (size_t)n;
	}
	if (!queue_len(q) || q->gone >= MOVE_DOWN) {
		buf_drop_front(&q->b, q->gone);
		q->gone = 0;
	}
	return bad ? bad : (ssize_t)done;
}
