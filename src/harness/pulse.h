/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does virtual time pass? A guest in virtual time is judged by its own clock, so something has to
 * tell when that clock has stopped: either the emulator hangs, or every vCPU sleeps and no timer is
 * left to wake one. Pure: told what was seen and when, by the host's clock.
 *
 * The emulator is not asked for the clock while it just works. Guests that were asked 20 times a second
 * did not repeat in 3 of 8 runs, where the same ones left alone did in 4 of 4 (with DAMON on, see
 * vm/qemu/board.c, so that may have had a part in it). A question wakes QEMU's main loop, which
 * moves the clock of a guest that sleeps. So first the thread that executes the vCPUs is looked at,
 * which it cannot notice.
 */
#ifndef HARNESS_PULSE_H
#define HARNESS_PULSE_H

#include <stdbool.h>
#include <stdint.h>

/* After this long without news from the guest the thread is looked at, and again. */
#define PULSE_LOOK_NS 2000000000ull
/* CPU time of it after which a silent guest's clock is read: more than any boot takes. */
#define PULSE_WORK_NS 10000000000ull
/* The clock tells whole seconds; this long is enough for one even of a large guest on a busy host. */
#define PULSE_HUNG_NS 120000000000ull

enum pulse_state {
	PULSE_BEATS,
	PULSE_ASLEEP, /* the clock stands still and the vCPUs do nothing */
	PULSE_HUNG,   /* the clock stands still although they have work */
};

struct pulse {
	uint64_t guest_ns; /* latest virtual time known */
	uint64_t moved_at; /* when it last advanced */
	uint64_t look_at;  /* when to look again */
	/* The last look: when, and what the thread had used, and waited for a CPU, by then. */
	uint64_t looked_at, run_ns, wait_ns;
	uint64_t ask_run_ns; /* what it will have used when the clock is to be read */
	bool idle;	     /* between the last two looks it did nothing */
	bool stood;	     /* so did the clock, when it was read last */
};

void pulse_init(struct pulse *p, uint64_t now);
/* The machine was frozen and goes on now: none of that time counts. */
void pulse_rest(struct pulse *p, uint64_t now);
/* The guest told its time. */
void pulse_news(struct pulse *p, uint64_t guest_ns, uint64_t now);
/*
 * What the thread that executes the vCPUs has used and waited for so far. Call at @look_at. True: read
 * the clock and say so by pulse_read().
 */
bool pulse_look(struct pulse *p, uint64_t run_ns, uint64_t wait_ns, uint64_t now);
enum pulse_state pulse_read(struct pulse *p, uint64_t guest_ns, uint64_t now);

#endif
