/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Work types: what workers can be asked to do, and which parameters that takes. */
#ifndef AUTHOR_WORK_H
#define AUTHOR_WORK_H

#include <stdbool.h>
#include <stddef.h>

#include "author/worker.h"
#include "ktstr/ktstr.h"

struct err;

/* A number in struct ktstr_workers. */
struct work_param {
	const char *name;
	size_t at;
	unsigned standard; /* what 0 stands for */
	unsigned low, high;
};
#define WORK_PARAM(field, standard, low, high) \
	{ #field, offsetof(struct ktstr_workers, field), standard, low, high }

/*
 * To add a work type: its constant in enum ktstr_work with one line of what it does, its parameters
 * in struct ktstr_workers (both in ktstr.h), a struct work_type in the file of its family (or a
 * new work_<family>.c), and a row in the table of work.c. The pass must reach a checkpoint every
 * 100 us of CPU time whatever the parameters are, and call worker_block() before every wait that
 * is meant to be.
 */
struct work_type {
	const char *name;
	const struct work_param *params; /* ends with name = NULL; may be NULL */
	bool wakes;			 /* measures how long waking takes */
	unsigned group;			 /* workers that belong together ... */
	size_t group_by;		 /* ... plus the parameter here, unless 0 */
	int (*prepare)(struct work_group *g, struct err *e); /* in the controller, before forking */
	void (*begin)(struct worker *w);		     /* once, in the worker */
	void (*pass)(struct worker *w);			     /* forever */
};

extern const struct work_type work_spin_wait, work_yield_heavy, work_bursty;
extern const struct work_type work_pipe_io, work_futex_ping_pong, work_futex_fan_out;
extern const struct work_type work_fork_exit;
extern const struct work_type work_cache_pressure, work_page_fault_churn;
extern const struct work_type work_mutex_contention;

/* NULL = no such type. */
const struct work_type *work_find(enum ktstr_work work);
/* Puts in the defaults; says what is wrong with parameters and numbers of workers. */
int work_complete(struct ktstr_workers *args, struct err *e);
unsigned work_group_size(const struct work_type *type, const struct ktstr_workers *args);

#endif
