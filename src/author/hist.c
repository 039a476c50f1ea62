/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "author/hist.h"

uint32_t hist_index(uint64_t ns)
{
	if (ns < HIST_SUBS)
		return (uint32_t)ns;
	uint32_t shift = 63 - (uint32_t)__builtin_clzll(ns) - HIST_SUB_BITS;
	if (shift > HIST_MAX_SHIFT)
		return HIST_BUCKETS - 1;
	return (shift + 1) * HIST_SUBS + (uint32_t)(ns >> shift) - HIST_SUBS;
}

uint64_t hist_upper(uint32_t index)
{
	if (index < HIST_SUBS)
		return index;
	uint32_t shift = index / HIST_SUBS - 1;
	uint64_t lower = (uint64_t)(HIST_SUBS + index % HIST_SUBS) << shift;

	return lower + (1ull << shift) - 1;
}

void hist_add(struct hist *h, uint64_t ns)
{
	if (!h->count || ns < h->min_ns)
		h->min_ns = ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
	h->bucket[hist_index(ns)]++;
	h->count++;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	if (!from->count)
		return;
	if (!into->count || from->min_ns < into->min_ns)
		into->min_ns = from->min_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
	into->count += from->count;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
}

uint64_t hist_quantile(const struct hist *h, double part)
{
	uint64_t want = (uint64_t)(part * (double)h->count), seen = 0;

	if (!h->count)
		return 0;
	if ((double)want < part * (double)h->count || !want)
		want++;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen < want)
			continue;
		uint64_t v = hist_upper(i);
		if (v < h->min_ns)
			return h->min_ns;
		return v > h->max_ns || i == HIST_BUCKETS - 1 ? h->max_ns : v;
	}
	return h->max_ns;
}
