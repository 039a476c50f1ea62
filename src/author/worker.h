/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A worker from the inside: where its loop marks checkpoints and waits, and burns time. */
#ifndef AUTHOR_WORKER_H
#define AUTHOR_WORKER_H

#include <stdint.h>

#include "author/slot.h"

struct ktstr_workers;
struct timespec;

/* Private to the worker's process. */
struct worker {
	struct slot *slot;
	const struct crew_shared *crew;
	struct work_group *group;
	const struct ktstr_workers *args; /* defaults filled in */
	uint32_t member;		  /* position in the group */
	uint64_t rng;
	uint8_t *mem; /* for work types that need memory */
	size_t mem_len, mem_at;
};

uint64_t clock_ns(void);
uint32_t current_cpu(void);
long futex_wait(uint32_t *word, uint32_t while_it_is, const struct timespec *relative);
void futex_wake(uint32_t *word, int nr);

/* A checkpoint, to be reached at least every 100 us of CPU time: @units of work were done. */
void worker_mark(struct worker *w, uint64_t units);
/* Only where it is; usable in a child of the worker. */
void worker_mark_cpu(struct worker *w, uint32_t cpu, uint32_t epoch);

/* Around a wait that is meant to be: time in it is no gap, from the wake-up on it is. */
void worker_block(struct worker *w);
void worker_unblock(struct worker *w);
/* By whoever ends another one's wait, just before doing so. */
void slot_wake(struct slot *s);
void worker_sleep(struct worker *w, uint64_t ns);

/* Burns @loops, with checkpoints; each counts as a unit of work. */
void worker_spin(struct worker *w, uint64_t loops);
/* Private memory; ends the process if there is none. */
void worker_map(struct worker *w, size_t len);
uint64_t worker_random(struct worker *w);

#endif
