/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A crew: the workers of one ktstr_spawn(), one process each. Nothing here waits without bound for
 * a worker, because a broken scheduler may never run it again, not even to die.
 */
#ifndef AUTHOR_CREW_H
#define AUTHOR_CREW_H

#include <sys/types.h>

#include "author/cgroup.h"
#include "author/slot.h"
#include "author/stats.h"
#include "author/work.h"

struct err;

struct crew_plan {
	struct ktstr_workers args; /* completed */
	struct cgroups *cgroups;   /* borrowed, as are all pointers here; must outlive the crew */
	struct cgroup *cgroup;
	struct gate *gate;
	uint32_t generation; /* starts when the gate has opened so often */
	uint64_t seed;
	bool has_affinity, each; /* each: one CPU of @affinity per worker, in turn */
	struct cpuset affinity;
	struct cpuset all; /* the machine's CPUs */
};

struct member {
	pid_t pid; /* 0 = never forked, or collected */
	int pidfd;
	int ended;	/* CLD_* of waitid once it has ended by itself, else 0 */
	int status;	/* exit status or signal */
	bool stuck;	/* did not die when killed */
	uint32_t index; /* number in its cgroup */
	uint64_t cpu_before_ns, delay_before_ns; /* used up before it was let go */
};

struct crew {
	struct crew_plan plan;
	const struct work_type *type;
	unsigned nr;
	struct member *member;
	struct crew_shared *shared; /* in one mapping with the next two */
	struct work_group *group;
	struct slot *slot;
	size_t shared_len;
	uint64_t started_ns;		   /* 0 = not yet */
	struct cpuset allowed[CPU_EPOCHS]; /* by the cpuset */
	struct worker_stats *final;	   /* what they had done when halted, NULL before */
	const char *unsteady;
};

/* Kills what still runs. */
void crew_destroy(struct crew *c);
DEFINE_SCOPED(struct crew *, crew_destroy)
/* Forks the workers into their cgroup; they wait at the gate. */
int crew_create(const struct crew_plan *plan, struct crew **ret, struct err *e);
/* Just before the gate opens for it: takes stock, then lets its time begin. */
void crew_take_stock(struct crew *c);
void crew_start(struct crew *c, uint64_t now);
/* Writes crew->nr statistics as of now. */
void crew_read(const struct crew *c, struct worker_stats *ret);
/* Measures all of them for the last time, then kills them. Those halted before are left alone. */
int crews_halt(struct crew *const *c, size_t nr, struct err *e);
/* Waits until they are dead, for one second at most; who is not by then is stuck. */
void crews_bury(struct crew *const *c, size_t nr);
/* Around a change of what the crew's cgroup may use: widens first, narrows afterwards. */
void crew_cpus_changing(struct crew *c, const struct cpuset *to);
void crew_cpus_changed(struct crew *c, const struct cpuset *to);
void crew_weight_changed(struct crew *c, const struct cpuset *unused);
/* The CPUs its affinity leaves worker @i; only if the plan has one. */
struct cpuset crew_affinity(const struct crew *c, unsigned i);
int crew_move(struct crew *c, struct cgroup *to, struct err *e);

#endif
