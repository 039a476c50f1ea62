/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* struct ktstr: one running test, from the job to its result. */
#ifndef AUTHOR_CONTEXT_H
#define AUTHOR_CONTEXT_H

#include "author/cgroup.h"
#include "author/checks.h"
#include "author/crew.h"
#include "author/shape.h"
#include "base/buf.h"
#include "ktstr/ktstr.h"

/* What a test is run with. Strings are borrowed and must outlive it. */
struct ktstr_setup {
	const char *scheduler; /* NULL = the kernel's own */
	const char *limits;    /* job text, NULL = defaults */
	const char *topology;  /* as declared, NULL = not compared */
	const char *sysfs;
	uint64_t seed, duration_ms;
	struct cgroup_fs fs;
	/* A frame to init (abi/frame.h); NULL = nobody listens. */
	void (*send)(void *ctx, uint16_t type, const void *payload, size_t len);
	void *send_ctx;
};

struct value {
	char name[64], unit[16];
	double value;
};

struct ktstr {
	struct ktstr_setup setup;
	struct ktstr_limits limits;
	struct shape shape;
	struct cgroups cgroups;
	struct crew **crews;
	size_t nr_crews;
	struct gate *gate;  /* shared with the workers */
	uint32_t nr_forked; /* workers so far */
	uint32_t nr_absent; /* those of them that were not waited for any longer */
	struct findings findings;
	unsigned nr_expects;
	struct value *values;
	size_t nr_values;
	bool broken;			   /* a step of the set-up failed: the rest does nothing */
	bool skipped;			   /* ktstr_skip() was called */
	uint64_t load_from_ns, load_to_ns; /* 0 = no hold yet */
};

void ktstr_destroy_(struct ktstr *t);
DEFINE_SCOPED(struct ktstr *, ktstr_destroy_)
int ktstr_create_(const struct ktstr_setup *setup, struct ktstr **ret, struct err *e);
/*
 * After the body: ends the load, judges it, and appends the result's JSON to @json. Workers have
 * been killed then, and may still be dying.
 */
int ktstr_finish_(struct ktstr *t, struct buf *json, struct err *e);

/* True while calls have a meaning. */
static inline bool ktstr_going_(const struct ktstr *t)
{
	return !t->broken && !t->skipped;
}
/* Records a failed call as "setup", ends the rest, and hands back e->code. */
int ktstr_give_up_(struct ktstr *t, const struct err *e);
/* Everything as it is now. */
int ktstr_observe_(const struct ktstr *t, struct observed *ret);

/* result.c */
void result_write(struct buf *json, const struct findings *f, const struct observed *o,
		  const struct value *values, size_t nr_values, uint64_t wall_ns);

#endif
