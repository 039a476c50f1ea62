/* SPDX-License-Identifier: GPL-2.0-only */
/* The scheduler under test: its process, its log, and what the kernel says about it. */
#ifndef GUEST_SCHED_H
#define GUEST_SCHED_H

#include "guest/child.h"
#include "guest/stream.h"
#include "guest/watch.h"

struct err;
struct job;
struct uplink;

struct sched {
	struct child child;
	struct stream log;
	struct watch watch;
	int kmsg; /* descriptor, -1 = not watching */
	uint64_t next_look;
};

void sched_init(struct sched *s);
/* Starts it and begins to watch. The job has a sched_name. */
int sched_start(struct sched *s, const struct job *j, struct uplink *up, struct err *e);

/*
 * Takes in what the kernel says by now. Needed when kmsg is readable, now and then besides (lines
 * can be lost), and before believing that all is well.
 */
void sched_look(struct sched *s, uint64_t now);

/* Next event of the watch. Sends STAGE_SCHED_ATTACHED and FRAME_SCHED_END. */
enum watch_event sched_next(struct sched *s, uint64_t now, struct uplink *up);

/* When sched_look() wants to be called next, or UINT64_MAX. */
uint64_t sched_wake(const struct sched *s);

/* Takes the machine back from a scheduler that does not run enough to be killed. */
void sched_evict(void);

#endif
