/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How virtual time passes: the instruction rate and the length of a turn. Pure.
 *
 * One host thread executes all vCPUs, one after the other. Virtual time advances by 2^rate_shift ns
 * with every instruction of any of them, and jumps to the next timer when all of them sleep. A turn of
 * a vCPU ends when it sleeps, or at the next timer of the machine, divided among the vCPUs; a timer of
 * ours that does nothing else bounds that by @turn_us / vCPUs. Short turns make wake-ups between busy
 * vCPUs prompt, and cost host time. Every machine has that timer, with the longest turn if none is asked
 * for: it also bounds the jumps. The next of a PC's own timers may be that of its clock at midnight, and
 * arm64's machine has none at all, so where all vCPUs sleep for ever its clock would stand.
 */
#ifndef VM_PACE_H
#define VM_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_SHIFT_MAX 6
#define PACE_TURN_MAX_US 10000
/* In a machine that boots to be frozen: longer than any boot may take, so none that succeeds meets it. */
#define PACE_TURN_BOOT_US 1000000000

struct pace {
	uint32_t rate_shift;
	uint32_t turn_us; /* 0 = the longest, for every seed */
};

/* What the user asked for; the rest is chosen. */
struct pace_wish {
	bool have_rate, have_turn;
	struct pace pace;
};

/* What suits a machine of @vcpus vCPUs; the measurements behind it: docs/virtual-time.md. */
struct pace pace_choose(uint32_t vcpus, const struct pace_wish *wish);
/* Million instructions per virtual second, rounded down, and back: -EINVAL unless it is one of those. */
uint32_t pace_rate(const struct pace *p);
int pace_parse_rate(uint32_t mips, uint32_t *ret_shift);
/* The turn length a seed gives: up to an eighth shorter or longer; PACE_TURN_MAX_US if none is wished. */
uint32_t pace_turn(const struct pace *p, uint64_t seed);

#endif
