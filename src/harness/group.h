/* SPDX-License-Identifier: GPL-2.0-only */
/* The cells of a run by test binary, for formats that group. */
#ifndef HARNESS_GROUP_H
#define HARNESS_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "harness/result.h"

struct group {
	const char *name; /* borrowed from the plan */
	uint32_t nr, nr_done;
	uint32_t by_verdict[NR_VERDICTS];
	uint64_t total_ns;
	struct buf text; /* what the format has to say about it so far */
};

struct groups {
	struct group *at;
	size_t nr;
	const struct cell *const *cells; /* borrowed from the plan */
	uint32_t nr_cells;
	bool *done; /* per cell */
};

int groups_init(struct groups *g, const struct run_info *info); /* 0 or -ENOMEM */
void groups_fini(struct groups *g);				/* zeroed is fine */
/* Counts @r and returns its group; NULL if it is not in the plan or was counted before. */
struct group *groups_add(struct groups *g, const struct cell_result *r);
/* The group of a cell of the plan. */
struct group *groups_of(struct groups *g, const struct cell *c);

#endif
