/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's end of the link: a queue of frames to the host and a parser of what comes back. Never
 * blocks, never drops; who produces bytes must stop while uplink_is_full().
 */
#ifndef GUEST_UPLINK_H
#define GUEST_UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/queue.h"
#include "link/frame.h"

struct err;

#define UPLINK_FULL (256u << 10)

/* Zero-initialised but for fd = -1 is valid and has no port. */
struct uplink {
	int fd;
	struct queue out;
	uint64_t moved_ns; /* when the port last took something, or the queue was empty */
	uint32_t seq;
	struct frame_parser in;
	bool lost; /* the host has closed its end */
};

void uplink_fini(struct uplink *u);
int uplink_open(struct uplink *u, uint64_t deadline, struct err *e);

void uplink_send(struct uplink *u, uint16_t type, const void *payload, size_t len);
void uplink_hello(struct uplink *u);
void uplink_stage(struct uplink *u, uint32_t stage);
/* At most as much as a frame takes, cut on the right. */
void uplink_text(struct uplink *u, uint16_t type, const char *text);
void uplink_note(struct uplink *u, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline bool uplink_is_full(const struct uplink *u)
{
	return queue_len(&u->out) >= UPLINK_FULL;
}

/* Hands the port as much of the queue as it takes now. */
void uplink_flush(struct uplink *u);
/* Takes in what the host sent; then call uplink_next() until it is false. */
void uplink_receive(struct uplink *u);
static inline bool uplink_next(struct uplink *u, struct frame *ret)
{
	return frame_parser_next(&u->in, ret);
}

#endif
