/* SPDX-License-Identifier: GPL-2.0-only */
/* What runs in the child process of one VM: a planned cell to a finished result. */
#ifndef HARNESS_CELL_H
#define HARNESS_CELL_H

#include "harness/runner.h"

/* Never fails: trouble of our own is a result too (cause "harness"). @ret is zeroed by the caller. */
void cell_run(const struct plan *p, const struct plan_cell *pc, const struct run_options *o,
	      struct cell_result *ret);

/* A result made without running: skips, deaths of the child, interruption. */
void cell_conclude(const struct plan *p, const struct plan_cell *pc, const struct run_options *o,
		   enum cause c, const char *why, struct cell_result *ret);

/* What the test and its user make of a verdict. */
struct cell_wishes {
	bool expect_fail, allow_inconclusive, no_skip;
	const char *expect; /* what an expected failure has to say, "" = anything */
};
void cell_grant(const struct cell_wishes *w, struct cell_result *ret);

/* That, and the rerun line. */
void cell_finish(const struct plan *p, const struct plan_cell *pc, const struct run_options *o,
		 struct cell_result *ret);

#endif
