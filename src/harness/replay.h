/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes the machine of a recorded run again, and says whether it did the same. */
#ifndef HARNESS_REPLAY_H
#define HARNESS_REPLAY_H

#include "harness/events.h"
#include "harness/record.h"
#include "harness/session.h"
#include "harness/words.h"

struct catalog;
struct err;

/* Where to freeze it. @event is what the record says that will be, or its number of events kept. */
struct replay_stop {
	bool wanted;
	uint64_t event;
	bool known; /* the event is one of those that were kept */
};

struct replay {
	char id[RUN_ID_LEN + 1];
	struct run_record record;
	struct topology topo;
	struct job job;	   /* as recorded, parsed */
	struct buf events; /* of struct sched_event */
	int kernel_fd;
	const char *cache_dir; /* borrowed from the catalog */
	struct session_source source;
	const struct vm_backend *backend;
	struct vm_about about;
	struct replay_stop stop;
	struct cell cell; /* points into the record */
};

void replay_fini(struct replay *r);
DEFINE_SCOPED_FINI(struct replay, replay_fini)

/* @name as run_find() takes it. Reads the record and its events; -EBADMSG: damaged. */
int replay_open(struct catalog *c, const char *name, struct replay *ret, struct err *e);

/*
 * Whether everything is there and the same: a sentence in @ret for each thing that is not. 1: all of
 * it is a version that can be gone against, 0: there is nothing to say or it cannot be done anyway.
 */
int replay_check(struct replay *r, struct catalog *c, struct words *ret, struct err *e);

/*
 * Makes it freeze at @where: "event:N", or a time of the guest ("3.2s"), which means the first event
 * not before it. -EINVAL: no such place; -ENOTSUP: the record cannot be stopped.
 */
int replay_stop_at(struct replay *r, const char *where, struct err *e);
/*
 * The vCPU that stands in the event, as recorded. Of an event that was not kept only @stopped is known,
 * the vCPU that QEMU stopped last: another one may have come to an event of its own before.
 */
uint32_t replay_stop_cpu(const struct replay *r, uint32_t stopped);
/* "event 5120 at 3.201448012 s on cpu2: switch ...", as recorded; @cpu is the one of above. */
void replay_stop_text(const struct replay *r, uint32_t cpu, struct buf *out);

/* Runs it; @hooks gives the streams and inputs and is otherwise ignored. */
int replay_run(const struct replay *r, const struct session_spec *hooks, struct cell_result *ret,
	       struct err *e);

/* How what happened now compares with what was recorded. */
struct replay_outcome {
	bool same;	  /* as far as can be told */
	bool by_schedule; /* there are two schedules to compare */
	bool same_verdict;
	bool cut_short;	 /* after its stop it came to no end that could be compared */
	bool until_stop; /* only what was before the stop counts: it differs later */
	struct events_diff diff;
};
struct replay_outcome replay_compare(const struct replay *r, const struct cell_result *now);
/* The same in one sentence. */
void replay_tell(const struct replay *r, const struct cell_result *now,
		 const struct replay_outcome *o, struct buf *out);

#endif
