/* SPDX-License-Identifier: GPL-2.0-only */
/* Results as JSON and back, by one table of fields per struct. The same tables feed the JSON sink. */
#include "harness/result.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "harness/fields.h"
#include "vm/vm.h"

#define RESULT_JSON_MAX (64u << 20)

static const struct field detail_fields[] = {
	NAMED(struct detail, verdict, FIELD_VERDICT),
	FIELD(struct detail, note),
	FIELD(struct detail, kind),
	FIELD(struct detail, cgroup),
	FIELD(struct detail, text),
	{ 0 },
};

static const struct field latency_fields[] = {
	FIELD(struct latency, count),
	FIELD(struct latency, min_ns),
	FIELD(struct latency, p50_ns),
	FIELD(struct latency, p99_ns),
	FIELD(struct latency, p999_ns),
	FIELD(struct latency, max_ns),
	{ 0 },
};

static const struct field cgroup_fields[] = {
	FIELD(struct cgroup_stats, name),
	FIELD(struct cgroup_stats, workers),
	FIELD(struct cgroup_stats, work),
	FIELD(struct cgroup_stats, cpu_ns),
	FIELD(struct cgroup_stats, run_delay_ns),
	FIELD(struct cgroup_stats, wall_ns),
	FIELD(struct cgroup_stats, migrations),
	FIELD(struct cgroup_stats, iterations),
	FIELD(struct cgroup_stats, max_gap_ns),
	FIELD(struct cgroup_stats, cpus),
	FIELD(struct cgroup_stats, cpus_used),
	OBJECT(struct cgroup_stats, wake, latency_fields),
	{ 0 },
};

static const struct field value_fields[] = {
	FIELD(struct test_value, name),
	FIELD(struct test_value, unit),
	FIELD(struct test_value, value),
	{ 0 },
};

static const struct field time_fields[] = {
	FIELD(struct cell_times, total), FIELD(struct cell_times, image),
	FIELD(struct cell_times, wait),	 FIELD(struct cell_times, setup),
	FIELD(struct cell_times, boot),	 FIELD(struct cell_times, attach),
	FIELD(struct cell_times, body),	 FIELD(struct cell_times, load),
	FIELD(struct cell_times, stop),	 { 0 },
};

static const struct field host_fields[] = {
	FIELD(struct host_share, mode),
	FIELD(struct host_share, cpus),
	FIELD(struct host_share, nr_cpus),
	FIELD(struct host_share, service),
	{ 0 },
};

static const struct field counter_fields[] = {
	FIELD(struct host_counter, name),
	FIELD(struct host_counter, sum),
	FIELD(struct host_counter, average),
	{ 0 },
};

const struct field schedule_digest_fields[] = {
	FIELD(struct schedule_digest, have),
	NAMED(struct schedule_digest, digest, FIELD_HEX),
	FIELD(struct schedule_digest, events),
	FIELD(struct schedule_digest, kept),
	FIELD(struct schedule_digest, begin_ns),
	FIELD(struct schedule_digest, end_ns),
	NAMED(struct schedule_digest, stop_at, FIELD_HEX),
	FIELD(struct schedule_digest, why_not),
	{ 0 },
};

static const struct field result_fields[] = {
	NAMED(struct cell_result, verdict, FIELD_VERDICT),
	NAMED(struct cell_result, cause, FIELD_CAUSE),
	FIELD(struct cell_result, headline),
	FIELD(struct cell_result, rerun),
	ARRAY(struct cell_result, details, detail_fields, 4096),
	ARRAY(struct cell_result, cgroups, cgroup_fields, 1024),
	ARRAY(struct cell_result, values, value_fields, 4096),
	OBJECT(struct cell_result, times, time_fields),
	FIELD(struct cell_result, snapshot),
	FIELD(struct cell_result, run),
	FIELD(struct cell_result, backend),
	FIELD(struct cell_result, accel),
	FIELD(struct cell_result, emulator),
	FIELD(struct cell_result, virtual_time),
	FIELD(struct cell_result, rate_mips),
	FIELD(struct cell_result, turn_us),
	FIELD(struct cell_result, end_ns),
	OBJECT(struct cell_result, host, host_fields),
	FIELD(struct cell_result, release),
	FIELD(struct cell_result, host_stall_ns),
	FIELD(struct cell_result, load_wait_ppm),
	ARRAY(struct cell_result, counters, counter_fields, VM_MAX_COUNTERS),
	OBJECT(struct cell_result, schedule, schedule_digest_fields),
	FIELD(struct cell_result, output),
	FIELD(struct cell_result, sched_log),
	FIELD(struct cell_result, sched_dump),
	FIELD(struct cell_result, console_tail),
	{ 0 },
};

void cell_result_put_members(const struct cell_result *r, struct buf *b)
{
	fields_put(b, result_fields, r);
}

int cell_result_to_json(const struct cell_result *r, struct buf *b)
{
	buf_putc(b, '{');
	fields_put(b, result_fields, r);
	buf_putc(b, '}');
	return b->bad;
}

int cell_result_from_json(const char *text, size_t len, struct cell_result *ret, struct err *e)
{
	SCOPED(cell_result_fini) struct cell_result res = { 0 };
	json_error_t why;

	if (len > RESULT_JSON_MAX)
		return err_set(e, -EFBIG, "result: %zu bytes of JSON", len);
	__attribute__((cleanup(json_unref))) json_t *o = json_loadb(text, len, 0, &why);
	if (!o)
		return err_set(e, -EINVAL, "result: line %d: %s", why.line, why.text);
	int r = fields_take(o, result_fields, &res, e);
	if (r < 0)
		return err_frame(e, "result");
	*ret = res;
	res = (struct cell_result){ 0 };
	return 0;
}
