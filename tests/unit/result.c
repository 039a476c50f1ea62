/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "harness/result.h"

TEST(names_and_causes_go_both_ways)
{
	enum verdict v;
	enum cause c;

	for (unsigned int i = 0; i < NR_VERDICTS; i++) {
		assert_int_equal(verdict_parse(verdict_name((enum verdict)i), &v), 0);
		assert_int_equal(v, i);
	}
	for (unsigned int i = 0; i < NR_CAUSES; i++) {
		assert_int_equal(cause_parse(cause_name((enum cause)i), &c), 0);
		assert_int_equal(c, i);
	}
	assert_int_equal(verdict_parse("Pass", &v), -EINVAL);
	assert_int_equal(cause_parse("", &c), -EINVAL);
	assert_string_equal(cause_name((enum cause)99), "?");
	assert_int_equal(cause_verdict(CAUSE_LINK_LOST), VERDICT_INCONCLUSIVE);
}

static void fill(struct cell_result *r)
{
	*r = (struct cell_result){
		.verdict = VERDICT_FAIL,
		.cause = CAUSE_CHECK,
		.headline = strdup("cg_1 starved \xff\xc3\xa4 \"quoted\"\nline"),
		.rerun = strdup("ktstr test ./x --seed 1f3a"),
		.times = { .total = 1, .boot = UINT32_MAX + 5ull, .stop = UINT64_MAX },
		.backend = "qemu",
		.host_stall_ns = 77,
		.host = { "performance", strdup("1-3,8"), 4, "0" },
		.schedule = { true, UINT64_MAX - 1, 9, 4, 5, 6, 0x81, "none" },
		.output = strdup("\x1b[31m\x01"),
	};
	r->details = calloc(1, sizeof(*r->details));
	r->nr_details = 1;
	r->details[0] = (struct detail){ VERDICT_FAIL, false, "starved", "cg_1", strdup("1 of 2") };
	r->cgroups = calloc(2, sizeof(*r->cgroups));
	r->nr_cgroups = 2;
	strcpy(r->cgroups[1].name, "cg_1");
	r->cgroups[1].wake.p999_ns = 42;
	r->cgroups[0].workers = UINT32_MAX;
	r->values = calloc(2, sizeof(*r->values));
	r->nr_values = 2;
	r->values[0].value = 0.1;
	r->values[1].value = (double)INFINITY;
	strcpy(r->values[1].unit, "%");
	r->counters = calloc(1, sizeof(*r->counters));
	r->nr_counters = 1;
	r->counters[0] = (struct host_counter){ "exits", 1ull << 40, 1ull << 38 };
}

TEST(results_survive_the_way_through_json)
{
	SCOPED(cell_result_fini) struct cell_result a = { 0 };
	SCOPED(cell_result_fini) struct cell_result b = { 0 };
	SCOPED(buf_fini) struct buf once = { 0 }, twice = { 0 };
	struct err e = { 0 };

	fill(&a);
	assert_int_equal(cell_result_to_json(&a, &once), 0);
	assert_null(strchr(buf_str(&once), '\n'));
	assert_int_equal(cell_result_from_json(buf_str(&once), once.len, &b, &e), 0);
	assert_int_equal(b.cause, CAUSE_CHECK);
	assert_string_equal(b.headline, "cg_1 starved \xef\xbf\xbd\xc3\xa4 \"quoted\"\nline");
	assert_string_equal(b.output, a.output);
	assert_string_equal(b.host.cpus, "1-3,8");
	assert_string_equal(b.host.service, "0");
	assert_null(b.sched_log);
	assert_string_equal(b.details[0].text, "1 of 2");
	assert_string_equal(b.details[0].kind, "starved");
	assert_int_equal(b.cgroups[0].workers, UINT32_MAX);
	assert_int_equal(b.cgroups[1].wake.p999_ns, 42);
	assert_true(b.values[0].value == 0.1 && isnan(b.values[1].value));
	assert_string_equal(b.counters[0].name, "exits");
	assert_true(b.counters[0].sum == 1ull << 40 && b.counters[0].average == 1ull << 38);
	assert_true(b.schedule.have && b.schedule.digest == UINT64_MAX - 1);
	assert_int_equal(b.schedule.kept, 4);
	assert_string_equal(b.schedule.why_not, "none");
	assert_true(b.times.boot == a.times.boot && b.times.stop == INT64_MAX);
	assert_int_equal(cell_result_to_json(&b, &twice), 0);
	assert_string_equal(buf_str(&twice), buf_str(&once));
}

/* The JSON of a good result with @from replaced by @to must be refused for reason @why. */
static void refuse(const char *good, const char *from, const char *to, const char *why)
{
	struct cell_result r = { 0 };
	struct buf b = { 0 };
	struct err e = { 0 };
	const char *at = strstr(good, from);

	assert_non_null(at);
	buf_put(&b, good, (size_t)(at - good));
	buf_puts(&b, to);
	buf_puts(&b, at + strlen(from));
	assert_true(cell_result_from_json(buf_str(&b), b.len, &r, &e) < 0);
	assert_string_equal(e.text, why);
	assert_null(r.headline);
	buf_fini(&b);
}

TEST(damaged_results_are_refused_by_name)
{
	SCOPED(cell_result_fini) struct cell_result a = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };
	const char *good;

	fill(&a);
	assert_int_equal(cell_result_to_json(&a, &b), 0);
	good = buf_str(&b);
	refuse(good, "\"cause\":", "\"clause\":", "result: cause is missing");
	refuse(good, "\"cause\":\"check\"", "\"cause\":7", "result: cause has no sensible value");
	refuse(good, "\"boot\":", "\"boot\":-", "result: times: boot has no sensible value");
	refuse(good, "\"workers\":", "\"workers\":1",
	       "result: cgroups: workers has no sensible value");
	refuse(good, "\"starved\"", "\"a kind of more than 23 bytes\"",
	       "result: details: kind has no sensible value");
	refuse(good, "\"digest\":\"f", "\"digest\":\"F",
	       "result: schedule: digest has no sensible value");
	refuse(good, "\"digest\":\"f", "\"digest\":\"",
	       "result: schedule: digest has no sensible value");
	refuse(good, "\"details\":[", "\"details\":[1,", "result: details: verdict is missing");
	refuse(good, "\"note\":false", "\"note\":0", "result: details: note has no sensible value");
}

/* Else the fuzz target starts from nothing but refusals. */
TEST(the_corpus_of_the_fuzz_target_is_read)
{
	static const char *const names[] = { "full", "pass" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		SCOPED(cell_result_fini) struct cell_result r = { 0 };
		SCOPED(mem_free) char *text = NULL;
		struct err e = { 0 };
		char path[4096];
		size_t len;

		snprintf(path, sizeof(path), "%s/result/%s", getenv("CORPUS"), names[i]);
		assert_int_equal(read_file(path, 1 << 20, &text, &len, &e), 0);
		if (cell_result_from_json(text, len, &r, &e) < 0)
			print_message("%s: %s\n", path, e.text);
		assert_int_equal(e.code, 0);
	}
}

UNIT_MAIN(NULL, NULL)
