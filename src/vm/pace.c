/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/pace.h"

#include <errno.h>
#include <stddef.h>

/*
 * Up to @vcpus, in rising order; the last row is for all larger machines. When all vCPUs are busy each
 * has its part of the rate; 30 to 60 MIPS make the tick (4 ms) cost 4 to 8 % of it, and a higher rate only
 * makes the host execute more for the same test. Turns need no short timer of ours: workers that spin
 * say so (author/worker.c), which ends their turn.
 */
static const struct {
	uint32_t vcpus;
	struct pace pace;
} paces[] = {
	{ 4, { .rate_shift = 3 } },
	{ 8, { .rate_shift = 2 } },
	{ 16, { .rate_shift = 1 } },
	{ UINT32_MAX, { .rate_shift = 0 } },
};

struct pace pace_choose(uint32_t vcpus, const struct pace_wish *wish)
{
	size_t i = 0;

	while (paces[i].vcpus < vcpus)
		i++;
	return (struct pace){
		.rate_shift = wish->have_rate ? wish->pace.rate_shift : paces[i].pace.rate_shift,
		.turn_us = wish->have_turn ? wish->pace.turn_us : paces[i].pace.turn_us,
	};
}

uint32_t pace_rate(const struct pace *p)
{
	return 1000u >> p->rate_shift;
}

int pace_parse_rate(uint32_t mips, uint32_t *ret_shift)
{
	for (uint32_t shift = 0; shift <= PACE_SHIFT_MAX; shift++)
		if (1000u >> shift == mips) {
			*ret_shift = shift;
			return 0;
		}
	return -EINVAL;
}

uint32_t pace_turn(const struct pace *p, uint64_t seed)
{
	uint32_t range = p->turn_us / 4;

	if (!p->turn_us)
		return PACE_TURN_MAX_US;
	/* The upper half of a product depends on all bits of the seed. */
	uint64_t mixed = (seed + 1) * 0x9e3779b97f4a7c15u;
	return p->turn_us - p->turn_us / 8 + (uint32_t)((mixed >> 32) % (range + 1));
}
