/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "author/stats.h"

void observed_fini(struct observed *o)
{
	for (size_t i = 0; i < o->nr; i++)
		free(o->group[i].worker);
	free(o->group);
	*o = (struct observed){ 0 };
}

static void join(struct cpuset *into, const struct cpuset *from)
{
	for (size_t i = 0; i < ARRAY_SIZE(into->bits); i++)
		into->bits[i] |= from->bits[i];
}

void group_sum_add(struct group_sum *sum, const struct group_stats *g)
{
	for (size_t i = 0; i < g->nr; i++) {
		const struct worker_stats *w = &g->worker[i];

		sum->work += w->work;
		sum->iterations += w->iterations;
		sum->migrations += w->migrations;
		sum->wall_ns += w->wall_ns;
		sum->cpu_ns += w->cpu_ns;
		sum->delay_ns += w->delay_ns;
		sum->delay_known &= w->delay_known;
		if (w->gap_ns > sum->gap_ns) {
			sum->gap_ns = w->gap_ns;
			sum->gap_cpu = w->gap_cpu;
		}
		join(&sum->used, &w->used);
		join(&sum->outside, &w->outside);
		hist_merge(&sum->wake, &w->wake);
	}
}

struct group_sum group_sum(const struct group_stats *g)
{
	struct group_sum sum = { .delay_known = true };

	group_sum_add(&sum, g);
	return sum;
}
