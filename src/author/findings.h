/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What there is to say about a test, in the order in which it should be read. */
#ifndef AUTHOR_FINDINGS_H
#define AUTHOR_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/result.h"
#include "base/scoped.h"
#include "ktstr/registry.h"

/* In rising severity. */
enum outcome {
	OUTCOME_NOTE, /* information only */
	OUTCOME_SKIP,
	OUTCOME_PASS,
	OUTCOME_INCONCLUSIVE,
	OUTCOME_FAIL,
};
const char *outcome_name(enum outcome o);

/* Several findings may have one root: the lowest rank tells most about it and is shown first. */
enum rank {
	RANK_CRASH,   /* a worker died */
	RANK_STARVED, /* a whole cgroup got next to nothing */
	RANK_STALLED, /* a worker did not run, or made no progress */
	RANK_PLACE,   /* somebody ran where it must not */
	RANK_OTHER,   /* any other check */
	RANK_EXPECT,  /* the body's own, which knows numbers and no reasons */
};

struct finding {
	enum outcome outcome;
	enum result_kind kind;
	enum rank rank;
	char cgroup[KTSTR_NAME_MAX]; /* "" = none in particular */
	char text[480];
};

#define FINDINGS_MAX 1000

struct findings {
	struct finding *at;
	size_t nr;
	size_t unsaid;		   /* there were too many */
	enum outcome unsaid_worst; /* of those */
	bool lost;		   /* one could not be kept: the verdict is not to be trusted */
};

void findings_fini(struct findings *f);
DEFINE_SCOPED_FINI(struct findings, findings_fini)
/* @about: all but the text; its cgroup may be a longer name's beginning. */
void findings_add(struct findings *f, struct finding about, const char *text, ...)
	__attribute__((format(printf, 3, 4)));
/* Most severe first, then by rank, then in order of arrival; says if some were left out. */
void findings_close(struct findings *f);
/* The most severe outcome among them; OUTCOME_PASS if there is none but notes. */
enum outcome findings_verdict(const struct findings *f);

const char *result_kind_name(enum result_kind k);

#endif
