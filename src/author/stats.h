/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What was observed, as plain data: checks are functions of this and of nothing else. */
#ifndef AUTHOR_STATS_H
#define AUTHOR_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "author/hist.h"
#include "base/parse.h"
#include "base/scoped.h"

struct worker_stats {
	uint32_t index; /* "worker N of the cgroup" */
	uint64_t work, iterations, migrations;
	uint64_t wall_ns;      /* since it was let go */
	uint64_t cpu_ns;       /* its children's included */
	uint64_t delay_ns;     /* runnable, not running; the wait still open at the end included */
	bool delay_known;      /* schedstat was readable */
	bool wakes;	       /* its work measures how long waking takes */
	bool began;	       /* it ran at all */
	bool waiting;	       /* at the end it waited on purpose, and nobody had woken it */
	uint64_t overdue_ns;   /* at the end it should have been running for so long */
	uint64_t gap_ns;       /* longest time between checkpoints that was no intended wait */
	uint64_t gap_at_ns;    /* its beginning, since it was let go */
	uint32_t gap_cpu;      /* where it was seen last before it */
	struct cpuset used;    /* CPUs it ran on */
	struct cpuset outside; /* those that its cpuset and affinity did not allow at the time */
	struct hist wake;
};

struct group_stats {
	const char *name; /* borrowed from the cgroup */
	int parent;	  /* index of the enclosing cgroup, -1 at the top */
	unsigned weight;
	bool has_cpuset;
	struct cpuset cpus;   /* cpuset in force */
	const char *unsteady; /* why shares over its life mean nothing, or NULL; borrowed */
	struct worker_stats *worker;
	size_t nr;
};

struct observed {
	struct group_stats *group;
	size_t nr;
};

void observed_fini(struct observed *o);
DEFINE_SCOPED_FINI(struct observed, observed_fini)

/* Sums over the workers of a group. */
struct group_sum {
	uint64_t work, iterations, migrations, wall_ns, cpu_ns, delay_ns, gap_ns;
	uint32_t gap_cpu;
	bool delay_known; /* of all */
	struct cpuset used, outside;
	struct hist wake;
};
void group_sum_add(struct group_sum *sum, const struct group_stats *g);
struct group_sum group_sum(const struct group_stats *g);

#endif
