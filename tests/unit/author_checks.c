/* SPDX-License-Identifier: GPL-2.0-only */
/* Histograms, limits, fair shares and every check, on made-up observations. */
#include "unit.h"

#include <string.h>

#include "author/checks.h"
#include "base/err.h"

#define S 1000000000ull
#define MS 1000000ull

/* --- histogram ---------------------------------------------------------------------------- */

TEST(histogram_buckets_are_narrow_and_without_holes)
{
	for (uint32_t i = 0; i + 1 < HIST_BUCKETS; i++) {
		uint64_t lower = i ? hist_upper(i - 1) + 1 : 0, upper = hist_upper(i);

		assert_int_equal(hist_index(lower), i);
		assert_int_equal(hist_index(upper), i);
		assert_true((double)(upper - lower) <= (double)lower / 31);
	}
	assert_true(hist_upper(HIST_BUCKETS - 1) > 100 * S);
	assert_int_equal(hist_index(UINT64_MAX), HIST_BUCKETS - 1);
}

TEST(percentiles_are_nearest_rank_within_the_bucket_error)
{
	static struct hist h, other;

	memset(&h, 0, sizeof(h));
	memset(&other, 0, sizeof(other));
	assert_int_equal(hist_quantile(&h, 0.99), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		hist_add(i % 2 ? &h : &other, i * 1000);
	hist_merge(&h, &other);
	assert_int_equal(h.count, 1000);
	assert_int_equal(h.min_ns, 1000);
	assert_int_equal(h.max_ns, 1000000);
	assert_true(hist_quantile(&h, 0.5) >= 500000 && hist_quantile(&h, 0.5) < 520000);
	assert_true(hist_quantile(&h, 0.99) >= 990000 && hist_quantile(&h, 0.99) <= 1000000);
	assert_int_equal(hist_quantile(&h, 1), 1000000);
	assert_int_equal(hist_quantile(&h, 0), 1000 + 7); /* the end of the first one's bucket */
}

TEST(the_slowest_sample_is_kept_exactly)
{
	static struct hist h;

	memset(&h, 0, sizeof(h));
	hist_add(&h, 300 * S);
	hist_add(&h, 7);
	assert_int_equal(hist_quantile(&h, 0.999), 300 * S);
	assert_int_equal(hist_quantile(&h, 0.5), 7);
}

/* --- limits ------------------------------------------------------------------------------- */

TEST(limits_start_from_the_defaults_and_are_strict)
{
	static const char *const bad[] = { "progress",	    "nonsense=1",    "progress=",
					   "progress=x",    "max_gap_ms=1x", "isolation=-1",
					   "max_gap_ms=inf" };
	struct ktstr_limits l;
	struct err e;

	assert_int_equal(limits_parse(NULL, &l, &e), 0);
	assert_int_equal(l.progress.state, KTSTR_LIMIT_SET);
	assert_true(l.max_gap_ms.value == 2000);
	assert_int_equal(l.max_unfair_pct.state, KTSTR_LIMIT_OFF);
	assert_int_equal(limits_parse("isolation=off max_gap_ms=500 max_unfair_pct=0.5", &l, &e),
			 0);
	assert_int_equal(l.isolation.state, KTSTR_LIMIT_OFF);
	assert_true(l.max_gap_ms.value == 500);
	assert_int_equal(l.max_unfair_pct.state, KTSTR_LIMIT_SET);
	assert_true(l.max_unfair_pct.value == 0.5);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(limits_parse(bad[i], &l, &e) < 0);
	limits_parse("progess=1", &l, &e);
	assert_string_equal(e.text, "limit progess: there is no such check");
}

/* --- shares ------------------------------------------------------------------------------- */

TEST(capacity_is_divided_by_weight_and_never_beyond_demand)
{
	struct share s[] = {
		{ .parent = -1, .weight = 100, .wanted = 4 },
		{ .parent = -1, .weight = 300, .wanted = 4 },
		{ .parent = -1, .weight = 100, .wanted = 0.2 },
		{ .parent = -1, .weight = 100, .wanted = 0 },
	};

	shares_fill(s, 2, -1, 4);
	assert_true(s[0].entitled == 1 && s[1].entitled == 3);
	shares_fill(s, 4, -1, 4.2);
	assert_true(s[2].entitled == 0.2 && s[3].entitled == 0);
	assert_true(s[0].entitled > 0.999 && s[0].entitled < 1.001);
	assert_true(s[1].entitled > 2.999 && s[1].entitled < 3.001);
}

TEST(nested_shares_come_out_of_the_parents_share)
{
	struct share s[] = {
		{ .parent = -1, .weight = 100, .wanted = 8 }, /* a */
		{ .parent = 0, .weight = 100, .wanted = 4 },  /* a/x */
		{ .parent = 0, .weight = 300, .wanted = 4 },  /* a/y */
		{ .parent = -1, .weight = 100, .wanted = 4 }, /* b */
	};

	shares_fill(s, 4, -1, 4);
	assert_true(s[0].entitled == 2 && s[3].entitled == 2);
	assert_true(s[1].entitled == 0.5 && s[2].entitled == 1.5);
}

/* --- checks ------------------------------------------------------------------------------- */

/* Two cgroups of two workers that shared cpu0-1 for two seconds, well treated. */
struct world {
	struct worker_stats worker[2][2];
	struct group_stats group[2];
	struct observed seen;
	struct findings found;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	for (uint32_t g = 0; g < 2; g++) {
		for (uint32_t i = 0; i < 2; i++) {
			w->worker[g][i] = (struct worker_stats){
				.index = i,
				.work = 1000000,
				.iterations = 1000,
				.wall_ns = 2 * S,
				.cpu_ns = S,
				.delay_ns = S,
				.delay_known = true,
				.began = true,
				.wakes = true,
				.gap_ns = 10 * MS,
			};
			cpuset_add(&w->worker[g][i].used, i);
		}
		w->group[g] = (struct group_stats){
			.name = g ? "cg_1" : "cg_0",
			.parent = -1,
			.weight = 100,
			.worker = w->worker[g],
			.nr = 2,
		};
		cpuset_add(&w->group[g].cpus, 0);
		cpuset_add(&w->group[g].cpus, 1);
	}
	w->seen = (struct observed){ w->group, 2 };
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	findings_fini(&w->found);
	free(w);
	return 0;
}

static enum outcome judge(struct world *w, const char *limits)
{
	struct ktstr_limits l;
	struct err e;

	findings_fini(&w->found);
	assert_int_equal(limits_parse(limits, &l, &e), 0);
	checks_judge(&w->seen, &l, &w->found);
	findings_close(&w->found);
	return findings_verdict(&w->found);
}

static const char *first(const struct world *w)
{
	return w->found.nr ? w->found.at[0].text : "";
}

#define EVERY_LIMIT \
	"max_unfair_pct=10 max_spread_pct=10 max_throughput_cv=0.1 min_work_rate=1000 " \
	"max_p99_wake_us=100 max_p999_wake_us=1000 max_migration_rate=10"

static void starve(struct worker_stats *w)
{
	*w = (struct worker_stats){
		.index = w->index,
		.wall_ns = 2 * S,
		.delay_ns = 2 * S,
		.delay_known = true,
		.gap_ns = 2 * S,
	};
}

TEST_WITH(a_well_treated_load_passes_every_check, set_up, tear_down)
{
	struct world *w = *state;

	for (int g = 0; g < 2; g++)
		for (int i = 0; i < 2; i++)
			for (int n = 0; n < 2000; n++)
				hist_add(&w->worker[g][i].wake, 50000);
	assert_int_equal(judge(w, EVERY_LIMIT), OUTCOME_PASS);
	assert_int_equal(w->found.nr, 0);
}

TEST_WITH(a_starved_cgroup_is_named_with_what_it_waited_for, set_up, tear_down)
{
	struct world *w = *state;

	for (int i = 0; i < 2; i++) {
		starve(&w->worker[1][i]);
		w->worker[0][i].cpu_ns = 2 * S;
		w->worker[0][i].delay_ns = 0;
	}
	assert_int_equal(judge(w, "max_unfair_pct=20"), OUTCOME_FAIL);
	assert_string_equal(first(w),
			    "cg_1 starved: its 2 workers waited 2.00 of 2.00 s while cg_0 ran on "
			    "cpu0-1 (got 0 % of its fair share, limit 20 % short)");
	assert_int_equal(w->found.at[0].kind, RESULT_FAIRNESS);
	assert_string_equal(w->found.at[0].cgroup, "cg_1");
	/* with no fairness limit it is still found, once for both workers */
	assert_int_equal(judge(w, ""), OUTCOME_FAIL);
	assert_int_equal(w->found.nr, 1);
	assert_string_equal(first(w),
			    "cg_1 starved: its 2 workers did not run in 2.00 s although runnable");
}

TEST_WITH(one_stalled_worker_leads_over_the_unfairness_it_causes, set_up, tear_down)
{
	struct world *w = *state;

	starve(&w->worker[0][1]);
	w->worker[1][0].cpu_ns = w->worker[1][1].cpu_ns = 3 * S / 2;
	w->worker[1][0].delay_ns = w->worker[1][1].delay_ns = S / 2;
	assert_int_equal(judge(w, "max_unfair_pct=20 max_gap_ms=500"), OUTCOME_FAIL);
	assert_string_equal(first(w), "worker 1 of cg_0 never ran in 2.00 s although runnable");
	assert_int_equal(w->found.at[0].kind, RESULT_PROGRESS);
	assert_int_equal(w->found.nr, 2);
	assert_string_equal(w->found.at[1].text,
			    "cg_0 got 50 % less CPU time than its fair share beside cg_1: 1.00 s "
			    "instead of 2.00 s at weight 100 (limit 20 %)");
}

TEST_WITH(a_gap_says_who_how_long_where_and_when, set_up, tear_down)
{
	struct world *w = *state;
	struct worker_stats *late = &w->worker[0][1];

	late->gap_ns = 1500 * MS;
	late->gap_at_ns = 300 * MS;
	late->gap_cpu = 2;
	assert_int_equal(judge(w, ""), OUTCOME_PASS);
	assert_int_equal(judge(w, "max_gap_ms=500"), OUTCOME_FAIL);
	assert_string_equal(first(w),
			    "worker 1 of cg_0 did not run for 1.50 s (limit 0.50 s) although "
			    "runnable, last seen on cpu2 0.30 s after its start");
	late->gap_at_ns = 0;
	assert_int_equal(judge(w, "max_gap_ms=500"), OUTCOME_FAIL);
	assert_string_equal(first(w), "worker 1 of cg_0 did not run for 1.50 s (limit 0.50 s) "
				      "although runnable, from its start on");
	assert_int_equal(judge(w, "max_gap_ms=off"), OUTCOME_PASS);
	assert_int_equal(judge(w, "max_gap_ms=1500"), OUTCOME_PASS);
}

TEST_WITH(a_victim_of_its_partner_is_not_blamed_first, set_up, tear_down)
{
	struct world *w = *state;

	w->worker[0][0].work = 0;
	w->worker[0][0].waiting = true;
	w->worker[0][1].work = 0;
	w->worker[0][1].gap_ns = 1900 * MS;
	assert_int_equal(judge(w, ""), OUTCOME_FAIL);
	assert_string_equal(
		first(w), "worker 1 of cg_0 (and 1 more) did 0 units of work in 2.00 s (limit 1), "
			  "last seen on cpu0, then not for 1.90 s");
	w->worker[0][1].work = 1;
	assert_int_equal(judge(w, ""), OUTCOME_FAIL);
	assert_string_equal(first(w), "worker 0 of cg_0 did 0 units of work in 2.00 s (limit 1): "
				      "nobody woke it");
	assert_int_equal(judge(w, "progress=off"), OUTCOME_PASS);
}

TEST_WITH(an_excursion_from_the_cpuset_is_found, set_up, tear_down)
{
	struct world *w = *state;

	cpuset_add(&w->worker[1][0].outside, 3);
	w->group[1].has_cpuset = true;
	assert_int_equal(judge(w, ""), OUTCOME_FAIL);
	assert_string_equal(first(w), "cg_1 ran on cpu3, which its cpuset does not allow (cpuset "
				      "cpu0-1, limit 0 CPUs outside)");
	assert_int_equal(judge(w, "isolation=1"), OUTCOME_PASS);
	assert_int_equal(judge(w, "isolation=off"), OUTCOME_PASS);
}

TEST_WITH(weights_decide_what_is_fair, set_up, tear_down)
{
	struct world *w = *state;

	w->group[1].weight = 300;
	assert_int_equal(judge(w, "max_unfair_pct=20"), OUTCOME_FAIL);
	assert_string_equal(first(w),
			    "cg_1 got 33 % less CPU time than its fair share beside cg_0: 2.00 s "
			    "instead of 3.00 s at weight 300 (limit 20 %)");
	for (int i = 0; i < 2; i++) {
		w->worker[0][i].cpu_ns = S / 2;
		w->worker[0][i].delay_ns = 3 * S / 2;
		w->worker[1][i].cpu_ns = 3 * S / 2;
		w->worker[1][i].delay_ns = S / 2;
	}
	assert_int_equal(judge(w, "max_unfair_pct=1"), OUTCOME_PASS);
}

TEST_WITH(who_wants_little_is_owed_little, set_up, tear_down)
{
	struct world *w = *state;

	for (int i = 0; i < 2; i++) {
		w->worker[1][i].cpu_ns = S / 10;
		w->worker[1][i].delay_ns = 0;
	}
	assert_int_equal(judge(w, "max_unfair_pct=1"), OUTCOME_PASS);
}

TEST_WITH(shares_that_cannot_be_compared_are_inconclusive, set_up, tear_down)
{
	struct world *w = *state;
	static const char *const why[] = {
		"they share only a part of their CPUs",
		"its weight changed meanwhile",
		"they did not run for the same time",
		"run delay could not be read",
	};

	for (size_t i = 0; i < ARRAY_SIZE(why); i++) {
		struct world saved = *w;
		char text[160];

		if (i == 0)
			cpuset_add(&w->group[1].cpus, 2);
		if (i == 1)
			w->group[1].unsteady = why[1];
		if (i == 2)
			w->worker[1][0].wall_ns = S;
		if (i == 3)
			w->worker[1][0].delay_known = false;
		assert_int_equal(judge(w, "max_unfair_pct=20"), OUTCOME_INCONCLUSIVE);
		snprintf(text, sizeof(text),
			 "fairness between cg_0 and cg_1 could not be judged: %s", why[i]);
		assert_string_equal(first(w), text);
		findings_fini(&w->found);
		*w = saved;
	}
	w->seen.nr = 1;
	assert_int_equal(judge(w, "max_unfair_pct=20"), OUTCOME_INCONCLUSIVE);
	assert_string_equal(first(w),
			    "fairness could not be judged: no two cgroups with workers share CPUs");
}

TEST_WITH(cgroups_on_disjoint_cpus_do_not_compete, set_up, tear_down)
{
	struct world *w = *state;

	starve(&w->worker[1][0]);
	starve(&w->worker[1][1]);
	memset(&w->group[1].cpus, 0, sizeof(w->group[1].cpus));
	cpuset_add(&w->group[1].cpus, 2);
	assert_int_equal(judge(w, "progress=off max_gap_ms=off max_unfair_pct=20"),
			 OUTCOME_INCONCLUSIVE);
}

TEST_WITH(spread_compares_the_workers_of_one_cgroup, set_up, tear_down)
{
	struct world *w = *state;

	w->worker[0][1].cpu_ns = 1800 * MS;
	w->worker[0][1].delay_ns = 200 * MS;
	assert_int_equal(judge(w, "max_spread_pct=40"), OUTCOME_PASS);
	assert_int_equal(judge(w, "max_spread_pct=15"), OUTCOME_FAIL);
	assert_string_equal(first(w),
			    "workers of cg_0 were treated unequally: worker 0 waited 50 % of its "
			    "runnable time, worker 1 10 % (difference 40 %, limit 15 %)");
	w->worker[0][1].delay_known = false;
	assert_int_equal(judge(w, "max_spread_pct=15"), OUTCOME_INCONCLUSIVE);
	w->group[0].nr = w->group[1].nr = 1;
	assert_int_equal(judge(w, "max_spread_pct=15"), OUTCOME_INCONCLUSIVE);
	assert_string_equal(first(w), "could not judge spread: no cgroup has several workers");
}

TEST_WITH(throughput_and_rate_are_per_cpu_second, set_up, tear_down)
{
	struct world *w = *state;

	/* 1e6 and 3e6 units per CPU second: mean 2e6, deviation 1e6 */
	w->worker[0][1].work = 3000000;
	assert_int_equal(judge(w, "max_throughput_cv=0.501"), OUTCOME_PASS);
	assert_int_equal(judge(w, "max_throughput_cv=0.499"), OUTCOME_FAIL);
	assert_string_equal(first(w), "workers of cg_0 differ in work per CPU second: coefficient "
				      "of variation 0.500 (limit 0.499)");
	assert_int_equal(judge(w, "min_work_rate=1000000"), OUTCOME_PASS);
	assert_int_equal(judge(w, "min_work_rate=1000001"), OUTCOME_FAIL);
	w->worker[0][1].cpu_ns = 0;
	assert_int_equal(judge(w, "min_work_rate=1"), OUTCOME_FAIL);
	assert_int_equal(judge(w, "max_throughput_cv=1"), OUTCOME_INCONCLUSIVE);
	assert_string_equal(first(w), "throughput variation of cg_0 could not be judged: it takes "
				      "two workers that used CPU time and did work");
}

TEST_WITH(wake_latency_is_judged_for_the_pool_and_for_each_worker, set_up, tear_down)
{
	struct world *w = *state;

	w->seen.nr = 1;
	assert_int_equal(judge(w, "max_p99_wake_us=100"), OUTCOME_INCONCLUSIVE);
	assert_string_equal(first(w),
			    "p99 wake-up latency of cg_0 could not be judged: no wake-up was seen");
	w->seen.nr = 2;
	w->worker[1][0].wakes = w->worker[1][1].wakes = false; /* spinners beside it */
	for (int n = 0; n < 100000; n++)
		hist_add(&w->worker[0][0].wake, 50000);
	for (int n = 0; n < 500; n++)
		hist_add(&w->worker[0][1].wake, 60 * MS);
	assert_int_equal(judge(w, "max_p99_wake_us=70000"), OUTCOME_PASS);
	assert_int_equal(judge(w, "max_p99_wake_us=100"), OUTCOME_FAIL);
	assert_string_equal(first(w),
			    "worker 1 of cg_0 was woken too slowly: p99 wake-up latency 60 ms over "
			    "500 wake-ups (limit 100 us, whole cgroup 50 us)");
	assert_int_equal(judge(w, "max_p999_wake_us=100"), OUTCOME_FAIL);
	assert_string_equal(first(w), "cg_0 was woken too slowly: p99.9 wake-up latency 60 ms over "
				      "100500 wake-ups (limit 100 us, longest 60 ms)");
}

TEST_WITH(wake_latency_of_work_that_never_sleeps_is_inconclusive, set_up, tear_down)
{
	struct world *w = *state;

	for (int g = 0; g < 2; g++)
		for (int i = 0; i < 2; i++)
			w->worker[g][i].wakes = false;
	assert_int_equal(judge(w, "max_p99_wake_us=100"), OUTCOME_INCONCLUSIVE);
	assert_string_equal(first(w),
			    "could not judge wake-up latency: no worker does work that is woken");
}

TEST_WITH(migrations_are_counted_per_worker_and_second, set_up, tear_down)
{
	struct world *w = *state;

	w->worker[0][0].migrations = 40;
	assert_int_equal(judge(w, "max_migration_rate=10"), OUTCOME_PASS);
	w->worker[0][0].migrations = 42;
	assert_int_equal(judge(w, "max_migration_rate=10"), OUTCOME_FAIL);
	assert_string_equal(first(w),
			    "workers of cg_0 migrated 10.5 times per second each (limit 10)");
	w->worker[0][0].wall_ns = w->worker[0][1].wall_ns = 0;
	assert_int_equal(judge(w, "max_migration_rate=10"), OUTCOME_INCONCLUSIVE);
}

TEST_WITH(without_workers_nothing_is_found, set_up, tear_down)
{
	struct world *w = *state;

	w->group[0].nr = w->group[1].nr = 0;
	assert_int_equal(judge(w, ""), OUTCOME_PASS);
	assert_int_equal(judge(w, "max_unfair_pct=20"), OUTCOME_INCONCLUSIVE);
}

/* --- findings ----------------------------------------------------------------------------- */

TEST(findings_are_ordered_by_severity_then_by_what_they_tell)
{
	SCOPED(findings_fini) struct findings f = { 0 };
	static const struct finding in[] = {
		{ .outcome = OUTCOME_NOTE },
		{ .outcome = OUTCOME_INCONCLUSIVE, .rank = RANK_CRASH },
		{ .outcome = OUTCOME_FAIL, .rank = RANK_OTHER },
		{ .outcome = OUTCOME_FAIL, .rank = RANK_STARVED },
		{ .outcome = OUTCOME_FAIL, .rank = RANK_OTHER },
	};
	char order[8] = "";

	for (size_t i = 0; i < ARRAY_SIZE(in); i++)
		findings_add(&f, in[i], "%zu", i);
	findings_close(&f);
	for (size_t i = 0; i < f.nr; i++)
		strcat(order, f.at[i].text);
	assert_string_equal(order, "32410");
	assert_int_equal(findings_verdict(&f), OUTCOME_FAIL);
}

TEST(a_flood_of_findings_is_cut_and_still_counts)
{
	SCOPED(findings_fini) struct findings f = { 0 };

	for (int i = 0; i < FINDINGS_MAX + 5; i++)
		findings_add(&f, (struct finding){ .outcome = OUTCOME_NOTE }, "%d", i);
	findings_add(&f, (struct finding){ .outcome = OUTCOME_FAIL }, "the one that matters");
	findings_close(&f);
	assert_int_equal(f.nr, FINDINGS_MAX);
	assert_string_equal(f.at[f.nr - 1].text, "this and 6 more findings were too many to keep");
	assert_int_equal(findings_verdict(&f), OUTCOME_FAIL);
}

TEST(a_lost_finding_is_never_a_pass)
{
	struct findings f = { .lost = true };

	assert_int_equal(findings_verdict(&f), OUTCOME_INCONCLUSIVE);
	f.lost = false;
	assert_int_equal(findings_verdict(&f), OUTCOME_PASS);
}

UNIT_MAIN(NULL, NULL)
