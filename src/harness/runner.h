/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs the cells of a plan: one child process per VM, as many at once as the host has CPUs for. */
#ifndef HARNESS_RUNNER_H
#define HARNESS_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/host.h"
#include "harness/plan.h"
#include "harness/result.h"
#include "vm/vm.h"

struct err;
struct sink;

struct run_options {
	const struct vm_backend *backend[NR_ARCHES]; /* for each architecture of the plan */
	struct vm_about about[NR_ARCHES];
	enum vm_accel accel;
	struct pace_wish pace; /* of virtual time */
	uint32_t
		jobs; /* VMs at once; 0 = as many as their vCPUs fit on this host's CPUs, at least one */
	struct host_wish host; /* ->mode is of tests that do not say; ->run is found out */
	uint32_t slow;	       /* how many times as long as an ordinary host this one takes */
	bool no_skip;	       /* a skip is a failure */
	bool verbose;	       /* kernel log from the first line */
	const char *cache_dir; /* for archive parts */
	const char *sysroot;   /* NULL = default of the architecture */
	const char *kargs;     /* the user's addition to the kernel command line */
};

struct run_outcome {
	struct run_counts counts;
	uint64_t wall_ns;
	int interrupted_by; /* signal number, 0 = ran to its end */
};

/*
 * Every cell is reported to every sink exactly once unless the run is interrupted (SIGINT, SIGTERM,
 * SIGHUP), which is answered within a second; cells under way are then counted as not run. Negative
 * only if the run itself could not be done (no process, no memory).
 */
int run_plan(const struct plan *p, const struct run_options *o, struct sink *const *sinks,
	     size_t nr_sinks, struct run_outcome *ret, struct err *e);

#endif
