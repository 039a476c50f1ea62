/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The checks: from what was observed and the limits to findings. Pure. A check that cannot be
 * evaluated gives an inconclusive finding that says why.
 */
#ifndef AUTHOR_CHECKS_H
#define AUTHOR_CHECKS_H

#include "author/findings.h"
#include "author/stats.h"

struct err;

enum check {
#define CHECK_ENUM(field, state, value, unit, text) CHECK_##field,
	KTSTR_CHECKS(CHECK_ENUM)
#undef CHECK_ENUM
		NR_CHECKS,
};

/* Defaults, overridden by @text: "max_gap_ms=500 isolation=off". NULL = nothing. */
int limits_parse(const char *text, struct ktstr_limits *ret, struct err *e);

void checks_judge(const struct observed *o, const struct ktstr_limits *limits, struct findings *f);

/* fairness.c: what each cgroup should have got. */
struct share {
	int parent; /* index of the enclosing cgroup, -1 = top */
	unsigned weight;
	double got, wanted; /* CPU time; wanted = got + waited for. Of leaves; sums otherwise */
	double entitled;    /* filled in */
};
/*
 * Divides @capacity among the children of @parent, and what they get among theirs: by weight, but
 * to nobody more than it wanted; what one leaves goes to its siblings.
 */
void shares_fill(struct share *s, size_t nr, int parent, double capacity);

struct judge {
	const struct observed *seen;
	const struct ktstr_limits *limits;
	double limit; /* of the check being judged */
	struct findings *to;
};
void judge_fairness(const struct judge *j);

/* "1.98 s", "35 ms", "120 us" */
struct time_text {
	char at[24];
};
struct time_text time_text(uint64_t ns);
/* "cpu0-1" */
struct cpus_text {
	char at[96];
};
struct cpus_text cpus_text(const struct cpuset *cpus);

#endif
