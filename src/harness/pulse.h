/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does virtual time pass? A guest in virtual time is judged by its own clock, so something has to
 * tell when that clock has stopped: either the emulator hangs, or every vCPU sleeps and no timer is
 * left to wake one. Pure: told what was seen and when, by the host's clock.
 */
#ifndef HARNESS_PULSE_H
#define HARNESS_PULSE_H

#include <stdint.h>

/* After this long without news from the guest its clock is looked at. */
#define PULSE_ASK_NS 2000000000ull
/* The clock tells whole seconds; this long is enough for one even of a large guest on a busy host. */
#define PULSE_HUNG_NS 120000000000ull

enum pulse_state {
	PULSE_BEATS,
	PULSE_ASLEEP, /* the clock stands still and the vCPUs do nothing */
	PULSE_HUNG,   /* the clock stands still although they have work */
};

struct pulse {
	uint64_t guest_ns;	    /* latest virtual time known */
	uint64_t moved_at;	    /* when it last advanced */
	uint64_t ask_at;	    /* when to look again */
	uint64_t asked_at, busy_ns; /* the last look: when, and what the vCPUs had used by then */
};

void pulse_init(struct pulse *p, uint64_t now);
/* The machine was frozen and goes on now: none of that time counts. */
void pulse_rest(struct pulse *p, uint64_t now);
/* The guest told its time. */
void pulse_news(struct pulse *p, uint64_t guest_ns, uint64_t now);
/*
 * The clock was read, as was the CPU time that all vCPU threads had or waited for. Call at @ask_at.
 */
enum pulse_state pulse_look(struct pulse *p, uint64_t guest_ns, uint64_t busy_ns, uint64_t now);

#endif
