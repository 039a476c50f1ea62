/* SPDX-License-Identifier: GPL-2.0-only */
/* The schedule a guest traced: collected from its frames, checked, put into the result. */
#ifndef HARNESS_SCHEDULE_H
#define HARNESS_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/frame.h"
#include "base/buf.h"
#include "harness/result.h"

/* Zero-initialised is ready. Everything that goes in is a guest's word. */
struct schedule {
	bool said;
	struct digest_msg msg;
	struct buf events; /* of struct sched_event */
	char why_not[sizeof(((struct schedule_digest *)0)->why_not)];
};

void schedule_fini(struct schedule *s);

/* Payloads of frames. A note is looked at only for whether it says why there is no digest. */
void schedule_take_digest(struct schedule *s, const void *data, size_t n);
void schedule_take_events(struct schedule *s, const void *data, size_t n);
void schedule_take_note(struct schedule *s, const void *data, size_t n);

/*
 * After the last frame, once. What does not hold together is left out, with the reason; so is, if it
 * was @wanted, what never came.
 */
void schedule_collect(struct schedule *s, bool wanted, struct cell_result *ret);

#endif
