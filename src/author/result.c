/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The result as JSON; abi/result.h says what it looks like. */
#include <inttypes.h>

#include "author/context.h"

static void put_cpus(struct buf *b, const char *key, const struct cpuset *cpus)
{
	char list[4096];

	if (cpuset_format(cpus, list, sizeof(list)) < 0)
		list[0] = 0;
	buf_printf(b, ",\"%s\":\"%s\"", key, list);
}

static void put_details(struct buf *b, const struct findings *f)
{
	buf_puts(b, ",\"details\":[");
	for (size_t i = 0; i < f->nr; i++) {
		const struct finding *at = &f->at[i];

		buf_printf(b, "%s{\"verdict\":\"%s\",\"kind\":\"%s\",\"text\":", i ? "," : "",
			   outcome_name(at->outcome), result_kind_name(at->kind));
		buf_json_str(b, at->text);
		buf_puts(b, ",\"cgroup\":");
		buf_json_str(b, at->cgroup);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static void put_wake(struct buf *b, const struct hist *h)
{
	const char *comma = "";

	buf_printf(b,
		   ",\"wake\":{\"count\":%" PRIu64 ",\"min_ns\":%" PRIu64 ",\"p50_ns\":%" PRIu64
		   ",\"p99_ns\":%" PRIu64 ",\"p999_ns\":%" PRIu64 ",\"max_ns\":%" PRIu64,
		   h->count, h->min_ns, hist_quantile(h, 0.5), hist_quantile(h, 0.99),
		   hist_quantile(h, 0.999), h->max_ns);
	buf_puts(b, ",\"buckets\":[");
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		if (!h->bucket[i])
			continue;
		buf_printf(b, "%s[%u,%" PRIu64 "]", comma, i, h->bucket[i]);
		comma = ",";
	}
	buf_puts(b, "]}");
}

static void put_cgroup(struct buf *b, const struct group_stats *g)
{
	struct group_sum sum = group_sum(g);

	buf_puts(b, "{\"name\":");
	buf_json_str(b, g->name);
	buf_printf(b, ",\"weight\":%u,\"workers\":%zu", g->weight, g->nr);
	put_cpus(b, "cpus", &g->cpus);
	put_cpus(b, "cpus_used", &sum.used);
	buf_printf(b,
		   ",\"work\":%" PRIu64 ",\"iterations\":%" PRIu64 ",\"migrations\":%" PRIu64
		   ",\"cpu_ns\":%" PRIu64 ",\"run_delay_ns\":%" PRIu64 ",\"wall_ns\":%" PRIu64
		   ",\"max_gap_ns\":%" PRIu64 ",\"max_gap_cpu\":%u",
		   sum.work, sum.iterations, sum.migrations, sum.cpu_ns, sum.delay_ns, sum.wall_ns,
		   sum.gap_ns, sum.gap_cpu);
	put_wake(b, &sum.wake);
	buf_putc(b, '}');
}

static void put_values(struct buf *b, const struct value *v, size_t nr)
{
	buf_puts(b, ",\"values\":[");
	for (size_t i = 0; i < nr; i++) {
		buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
		buf_json_str(b, v[i].name);
		buf_printf(b, ",\"value\":%.17g,\"unit\":", v[i].value);
		buf_json_str(b, v[i].unit);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

void result_write(struct buf *json, const struct findings *f, const struct observed *o,
		  const struct value *values, size_t nr_values, uint64_t wall_ns)
{
	const char *comma = "";

	buf_printf(json, "{\"version\":%d,\"verdict\":\"%s\",\"wall_ns\":%" PRIu64, RESULT_VERSION,
		   outcome_name(findings_verdict(f)), wall_ns);
	put_details(json, f);
	buf_puts(json, ",\"cgroups\":[");
	for (size_t i = 0; i < o->nr; i++) {
		if (!o->group[i].nr)
			continue;
		buf_puts(json, comma);
		put_cgroup(json, &o->group[i]);
		comma = ",";
	}
	buf_putc(json, ']');
	put_values(json, values, nr_values);
	buf_putc(json, '}');
}
