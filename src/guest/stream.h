/* SPDX-License-Identifier: GPL-2.0-only */
/* What a child writes, on its way into frames; and what the host writes, on its way to a child. */
#ifndef GUEST_STREAM_H
#define GUEST_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/queue.h"

struct err;
struct uplink;

/* From a child. fd = -1 is closed; read it while it is readable and the uplink is not full. */
struct stream {
	int fd;
	uint16_t type; /* enum frame_type; 0: messages that carry their type (GUEST_ENV_FD) */
	bool tail;     /* the child has ended: only what is left */
	size_t left;
};

/* Makes the pipe (or pair of sockets); @child_end is for child_spawn() and then to be closed. */
int stream_open(struct stream *s, uint16_t type, int *child_end, struct err *e);
void stream_ready(struct stream *s, struct uplink *up);
/*
 * The child has ended: takes what it left behind and then closes, even if some process still has
 * the other end and goes on writing.
 */
void stream_finish(struct stream *s);

#define FEED_FULL (1u << 20)

/* To a child. */
struct feed {
	int fd;
	struct queue q;
	bool ended; /* nothing more will be put in: close when empty */
};

int feed_open(struct feed *f, int *child_end, struct err *e);
/* No bytes = end. Dropped if the child does not read any more, as a shell's pipe would do. */
void feed_put(struct feed *f, const void *data, size_t n);
void feed_ready(struct feed *f);
static inline bool feed_is_full(const struct feed *f)
{
	return queue_len(&f->q) >= FEED_FULL;
}

#endif
