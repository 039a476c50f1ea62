/* SPDX-License-Identifier: GPL-2.0-only */
/* Which scheduler a cell runs: a registered one, a command line, or the kernel's own (EEVDF). */
#ifndef HARNESS_SCHEDULER_H
#define HARNESS_SCHEDULER_H

#include "abi/registry.h"
#include "harness/words.h"
#include "machine/arch.h"

struct err;
struct registry;

#define SCHED_EEVDF "eevdf"

/* path NULL: EEVDF, nothing to start. */
struct sched_choice {
	char *command; /* what --scheduler would have to say for this choice */
	char *display; /* "scx_ktstr --starve cg_1" */
	char *name;    /* "scx_ktstr", or "eevdf" */
	char *path;    /* host file */
	struct words args;
	struct words sysctls; /* "kernel/sched_x value" */
	char *kargs;	      /* "" if none */
	const struct ktstr_sched_record
		*record; /* borrowed from the registry; NULL if unregistered */
	uint32_t attach_timeout_ms;
};

void sched_choice_fini(struct sched_choice *s);
DEFINE_SCOPED_FINI(struct sched_choice, sched_choice_fini)

/*
 * @command: NULL, "" or "eevdf" = none; else the first word is a KTSTR_SCHEDULER name of @reg (may be
 * NULL) or a program, the rest are arguments behind the registered ones; @more_args (a test's own,
 * may be NULL) come last. Programs without a slash are looked for beside @near (a test binary),
 * in the schedulers folders of this build, and on PATH; only a program for @a will do.
 */
int sched_choose(const char *command, const char *more_args, const struct registry *reg,
		 const char *near, enum arch a, struct sched_choice *ret, struct err *e);

#endif
