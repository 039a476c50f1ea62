/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes waiting for a descriptor that takes some now and some later. */
#ifndef GUEST_QUEUE_H
#define GUEST_QUEUE_H

#include <sys/types.h>

#include "base/buf.h"

struct queue {
	struct buf b;
	size_t gone; /* bytes of @b that were taken; moved out of the way only now and then */
};

static inline size_t queue_len(const struct queue *q)
{
	return q->b.len - q->gone;
}
/* Writes what non-blocking @fd takes. Number of bytes, 0 = none now, or negative errno. */
ssize_t queue_write(struct queue *q, int fd);

#endif
