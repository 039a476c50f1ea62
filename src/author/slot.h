/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What workers and the controller share. Everything a worker measures lies in its slot, in shared
 * memory, so that a worker which never runs again can still be judged. Addresses are the same on
 * both sides, because workers are forked after the mapping is made.
 */
#ifndef AUTHOR_SLOT_H
#define AUTHOR_SLOT_H

#include <stdint.h>

#include "author/hist.h"
#include "base/parse.h"

#define CACHE_LINE 64

/*
 * A cpuset may change while workers run. A worker files the CPU it is on under the epoch it read
 * just before; the controller starts a new epoch after the change is in force.
 */
#define CPU_EPOCHS 16

/* Relaxed is enough: each word has one writer, or is written with an exchange. */
#define shared_get(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define shared_put(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)

struct slot {
	/* written by the worker */
	_Alignas(CACHE_LINE) uint64_t last_ns; /* checkpoint; the controller sets the first one */
	uint64_t work, iterations, migrations;
	uint64_t max_gap_ns, max_gap_from_ns;
	uint32_t max_gap_cpu;
	uint32_t cpu;	  /* at the last checkpoint */
	uint32_t began;	  /* it has run its first instruction of work */
	uint32_t blocked; /* it waits on purpose: until woken_ns, or until somebody sets that */
	uint64_t child_cpu_ns;

	/* written by whoever wakes it: since when it should be running; 0 = nobody woke it */
	_Alignas(CACHE_LINE) uint64_t woken_ns;
	uint32_t parked; /* futex word of waits that somebody else ends */

	_Alignas(CACHE_LINE) struct hist wake;
	struct cpuset used[CPU_EPOCHS];
};

/* Workers that belong together. */
struct work_group {
	_Alignas(CACHE_LINE) uint32_t token; /* futex word: whose turn, which round, lock state */
	struct slot *slots;		     /* the group's first */
	uint32_t size;
	int fd[4];
};

/* One per crew. */
struct crew_shared {
	_Alignas(CACHE_LINE) uint32_t epoch; /* < CPU_EPOCHS */
};

/* One per test: crews of generation N start when opened >= N. */
struct gate {
	uint32_t opened; /* futex word */
	uint32_t ready;	 /* futex word: workers that have arrived */
};

#endif
