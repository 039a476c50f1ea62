/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The digest of a schedule: one formula for the BPF program that computes it and for who checks it. */
#ifndef LINK_EVENT_H
#define LINK_EVENT_H

#include "abi/event.h"

#define EVENT_WORDS (sizeof(struct sched_event) / sizeof(uint64_t))

/* Odd, with as many ones as zeros at random places. */
#define EVENT_MUL_A 0x9d39b8f1c6a752e3ull
#define EVENT_MUL_B 0xd16c8e5b2b94a7cdull

/*
 * What event number @index adds to the digest. The digest is the sum (modulo 2^64) over all events:
 * CPUs may add in any order, and still every swap of two events shows, for each carries its place.
 */
static inline __attribute__((always_inline)) uint64_t event_mix(uint64_t index,
								const uint64_t word[EVENT_WORDS])
{
	uint64_t h = (index + 1) * EVENT_MUL_A;

	for (unsigned int i = 0; i < EVENT_WORDS; i++) {
		h = (h ^ word[i]) * EVENT_MUL_B;
		h ^= h >> 32;
	}
	return h * EVENT_MUL_A;
}

#endif
