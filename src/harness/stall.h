/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Did the host really run the guest? Samples the CPU time and run-queue wait of the vCPU threads and
 * finds the longest time in which a vCPU wanted to run and was not let. Pure.
 */
#ifndef HARNESS_STALL_H
#define HARNESS_STALL_H

#include <stdbool.h>
#include <stdint.h>

#include "vm/vm.h"

/* A sample costs some microseconds per vCPU. */
#define STALL_INTERVAL_NS 20000000ull

struct stall_meter {
	struct vm_stats last;
	uint64_t last_at;
	bool started;
	uint64_t open_ns[TOPO_MAX_CPUS]; /* of the stall each vCPU is in */
	uint64_t longest_ns;
	uint64_t wait_ns, run_ns; /* sums over the window */
};

void stall_sample(struct stall_meter *m, const struct vm_stats *now, uint64_t at);
/* Share of the time vCPUs wanted to run in which they waited, in parts per million. */
uint64_t stall_wait_ppm(const struct stall_meter *m);

struct cell_result;
struct ktstr_limits;
/*
 * A failed timing check proves nothing about the scheduler if the host kept vCPUs from running for
 * times of the same size: such details become inconclusive and say so.
 */
int stall_excuse(struct cell_result *r, const struct ktstr_limits *limits);

#endif
