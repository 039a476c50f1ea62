/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Histogram of durations with a fixed relative error: 32 buckets per power of two, so a value read
 * back is at most 1/32 too large. Exact below 64 ns; covers 100 s and clamps above. Merging is
 * adding, which is why percentiles of several workers are exact to the same error.
 */
#ifndef AUTHOR_HIST_H
#define AUTHOR_HIST_H

#include <stdint.h>

#define HIST_SUB_BITS 5
#define HIST_SUBS (1u << HIST_SUB_BITS)
#define HIST_MAX_SHIFT 31 /* top bucket ends at 2^37 ns = 137 s */
#define HIST_BUCKETS ((HIST_MAX_SHIFT + 2) * HIST_SUBS)

struct hist {
	uint64_t count, min_ns, max_ns; /* exact; min_ns is meaningless while count is 0 */
	uint64_t bucket[HIST_BUCKETS];
};

uint32_t hist_index(uint64_t ns);
uint64_t hist_upper(uint32_t index); /* largest value of a bucket */
void hist_add(struct hist *h, uint64_t ns);
void hist_merge(struct hist *into, const struct hist *from);
/* Nearest rank: the smallest value with at least @part of all samples at or below it; 0 if empty. */
uint64_t hist_quantile(const struct hist *h, double part);

#endif
