/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does virtual time pass, and how much? A guest in virtual time is judged by its own clock, so something
 * has to tell what it is when the guest does not, and when it stands. Pure: told what was seen and when,
 * by the host's clock.
 *
 * The emulator is not asked for the clock while the guest just works. A question wakes QEMU's main loop,
 * which moves the clock on when it finds all vCPUs asleep, beside the thread that executes them: of 40
 * guests asked 20 times a second on a host that starves the main loop (tests/vm/e2e/starve.py) one did
 * something else. So first its threads are looked at, which it cannot notice.
 */
#ifndef HARNESS_PULSE_H
#define HARNESS_PULSE_H

#include <stdbool.h>
#include <stdint.h>

/* After this long without news from the guest the threads are looked at, and again. */
#define PULSE_LOOK_NS 2000000000ull
/*
 * What they use before a silent guest's clock is read: to work, by a guest that lives, which tells its
 * time four times a second; ...
 */
#define PULSE_WORK_NS 10000000000ull
/* ... to boot, in silence (machines of 16, 32 and 64 vCPUs: 21, 65 and 145 s on one of 2026); ... */
#define PULSE_BOOT_NS(vcpus) (PULSE_WORK_NS + (vcpus) * 4000000000ull)
/* ... to move the clock, more than 10 000 timers. */
#define PULSE_JUMPS_NS 1000000000ull
/* The clock tells whole seconds; this long is enough for one even of a large guest on a busy host. */
#define PULSE_HUNG_NS 120000000000ull

enum pulse_state {
	PULSE_BEATS,
	PULSE_HUNG, /* the clock stands still */
};

/* CPU time of the emulator's threads since their start. */
struct pulse_use {
	uint64_t run_ns, wait_ns; /* the one that executes the vCPUs; and waited for a CPU */
	uint64_t jumps_ns;	  /* the one that moves the clock when all vCPUs sleep */
};

struct pulse {
	uint64_t guest_ns; /* latest virtual time known */
	uint64_t moved_at; /* when it last advanced */
	uint64_t look_at;  /* when to look again */
	uint64_t looked_at;
	uint64_t boot_ns;      /* what it may use before its first news */
	struct pulse_use used; /* at the last look */
	/* What will have been used when the clock is to be read. */
	uint64_t ask_run_ns, ask_jumps_ns;
};

/* A machine was started in which @vcpus vCPUs boot: 0 if it goes on from where another was frozen. */
void pulse_init(struct pulse *p, uint32_t vcpus, uint64_t now);
/* The machine was frozen and goes on now: none of that time counts. */
void pulse_rest(struct pulse *p, uint64_t now);
/* The guest told its time. */
void pulse_news(struct pulse *p, uint64_t guest_ns, uint64_t now);
/* Call at @look_at. True: read the clock and say so by pulse_read(). */
bool pulse_look(struct pulse *p, const struct pulse_use *used, uint64_t now);
enum pulse_state pulse_read(struct pulse *p, uint64_t guest_ns, uint64_t now);

#endif
