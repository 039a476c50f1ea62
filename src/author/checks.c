/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "author/checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct time_text time_text(uint64_t ns)
{
	struct time_text t;

	if (ns >= 100000000)
		snprintf(t.at, sizeof(t.at), "%.2f s", (double)ns / 1e9);
	else if (ns >= 10000000)
		snprintf(t.at, sizeof(t.at), "%.0f ms", (double)ns / 1e6);
	else if (ns >= 1000000)
		snprintf(t.at, sizeof(t.at), "%.1f ms", (double)ns / 1e6);
	else
		snprintf(t.at, sizeof(t.at), "%" PRIu64 " us", ns / 1000);
	return t;
}

struct cpus_text cpus_text(const struct cpuset *cpus)
{
	struct cpus_text t = { "cpu" };

	if (!cpuset_count(cpus))
		snprintf(t.at, sizeof(t.at), "no CPU");
	else if (cpuset_format(cpus, t.at + 3, sizeof(t.at) - 3) < 0)
		snprintf(t.at, sizeof(t.at), "%u CPUs", cpuset_count(cpus));
	return t;
}

static struct finding about(const struct group_stats *g, enum outcome o, enum result_kind kind,
			    enum rank rank)
{
	struct finding f = { .outcome = o, .kind = kind, .rank = rank };

	snprintf(f.cgroup, sizeof(f.cgroup), "%s", g->name);
	return f;
}

/* " and 2 more", for one sentence about several workers */
struct more_text {
	char at[40];
};
static struct more_text more_text(size_t others)
{
	struct more_text t = { "" };

	if (others)
		snprintf(t.at, sizeof(t.at), " (and %zu more)", others);
	return t;
}

/* --- progress and gap --------------------------------------------------------------------- */

static bool lacks_progress(const struct judge *j, const struct worker_stats *w)
{
	const struct ktstr_limit *l = &j->limits->progress;

	return l->state == KTSTR_LIMIT_SET && (double)w->work < l->value;
}

/* Who waits for a partner is a victim; who was runnable is the case. */
static bool tells_more(const struct worker_stats *a, const struct worker_stats *b)
{
	if (a->waiting != b->waiting)
		return b->waiting;
	return a->work != b->work ? a->work < b->work : a->gap_ns > b->gap_ns;
}

static bool none_began(const struct group_stats *g)
{
	for (size_t i = 0; i < g->nr; i++)
		if (g->worker[i].began)
			return false;
	return true;
}

static void say_progress(const struct judge *j, const struct group_stats *g,
			 const struct worker_stats *w, size_t others)
{
	struct finding f = about(g, OUTCOME_FAIL, RESULT_PROGRESS, RANK_STALLED);
	struct time_text wall = time_text(w->wall_ns), gap = time_text(w->gap_ns);
	struct more_text more = more_text(others);

	if (others && none_began(g))
		findings_add(j->to, f,
			     "%s starved: its %zu workers did not run in %s although runnable",
			     g->name, g->nr, wall.at);
	else if (!w->began)
		findings_add(j->to, f, "worker %u of %s%s never ran in %s although runnable",
			     w->index, g->name, more.at, wall.at);
	else if (w->waiting)
		findings_add(j->to, f,
			     "worker %u of %s%s did %" PRIu64
			     " units of work in %s (limit %g): nobody woke it",
			     w->index, g->name, more.at, w->work, wall.at, j->limit);
	else
		findings_add(j->to, f,
			     "worker %u of %s%s did %" PRIu64
			     " units of work in %s (limit %g), last seen on cpu%u, then not for %s",
			     w->index, g->name, more.at, w->work, wall.at, j->limit, w->gap_cpu,
			     gap.at);
}

static void judge_progress(const struct judge *j)
{
	for (size_t i = 0; i < j->seen->nr; i++) {
		const struct group_stats *g = &j->seen->group[i];
		const struct worker_stats *worst = NULL;
		size_t nr = 0;

		for (size_t k = 0; k < g->nr; k++) {
			if (!lacks_progress(j, &g->worker[k]))
				continue;
			nr++;
			if (!worst || tells_more(&g->worker[k], worst))
				worst = &g->worker[k];
		}
		if (nr)
			say_progress(j, g, worst, nr - 1);
	}
}

static void say_gap(const struct judge *j, const struct group_stats *g,
		    const struct worker_stats *w, size_t others)
{
	char where[64] = "from its start on";

	if (w->gap_at_ns)
		snprintf(where, sizeof(where), "last seen on cpu%u %s after its start", w->gap_cpu,
			 time_text(w->gap_at_ns).at);
	findings_add(j->to, about(g, OUTCOME_FAIL, RESULT_GAP, RANK_STALLED),
		     "worker %u of %s%s did not run for %s (limit %s) although runnable, %s",
		     w->index, g->name, more_text(others).at, time_text(w->gap_ns).at,
		     time_text((uint64_t)(j->limit * 1e6)).at, where);
}

/* A worker without progress has been spoken of. */
static void judge_gap(const struct judge *j)
{
	for (size_t i = 0; i < j->seen->nr; i++) {
		const struct group_stats *g = &j->seen->group[i];
		const struct worker_stats *worst = NULL;
		size_t nr = 0;

		for (size_t k = 0; k < g->nr; k++) {
			const struct worker_stats *w = &g->worker[k];

			if ((double)w->gap_ns <= j->limit * 1e6 || lacks_progress(j, w))
				continue;
			nr++;
			if (!worst || w->gap_ns > worst->gap_ns)
				worst = w;
		}
		if (!nr)
			continue;
		say_gap(j, g, worst, nr - 1);
	}
}

/* --- isolation ---------------------------------------------------------------------------- */

static void judge_isolation(const struct judge *j)
{
	for (size_t i = 0; i < j->seen->nr; i++) {
		const struct group_stats *g = &j->seen->group[i];
		struct group_sum sum = group_sum(g);

		if (cpuset_count(&sum.outside) <= j->limit)
			continue;
		findings_add(j->to, about(g, OUTCOME_FAIL, RESULT_ISOLATION, RANK_PLACE),
			     "%s ran on %s, which %s not allow (cpuset %s, limit %g CPUs outside)",
			     g->name, cpus_text(&sum.outside).at,
			     g->has_cpuset ? "its cpuset does" : "the affinity of its workers does",
			     cpus_text(&g->cpus).at, j->limit);
	}
}

/* --- differences between the workers of a cgroup ------------------------------------------ */

static void cannot(const struct judge *j, const struct group_stats *g, enum result_kind kind,
		   const char *check, const char *why)
{
	findings_add(j->to, about(g, OUTCOME_INCONCLUSIVE, kind, RANK_OTHER),
		     "%s of %s could not be judged: %s", check, g->name, why);
}

/* Share of the runnable time that was spent waiting, in percent; negative = never runnable. */
static double delay_pct(const struct worker_stats *w)
{
	uint64_t runnable = w->cpu_ns + w->delay_ns;

	return runnable ? 100.0 * (double)w->delay_ns / (double)runnable : -1;
}

static void judge_spread_of(const struct judge *j, const struct group_stats *g)
{
	const struct worker_stats *lo = NULL, *hi = NULL;

	for (size_t k = 0; k < g->nr; k++) {
		const struct worker_stats *w = &g->worker[k];

		if (!w->delay_known)
			return cannot(j, g, RESULT_SPREAD, "spread", "run delay could not be read");
		if (delay_pct(w) < 0)
			continue;
		lo = !lo || delay_pct(w) < delay_pct(lo) ? w : lo;
		hi = !hi || delay_pct(w) > delay_pct(hi) ? w : hi;
	}
	if (!lo)
		return cannot(j, g, RESULT_SPREAD, "spread", "its workers were never runnable");
	double spread = delay_pct(hi) - delay_pct(lo);
	if (spread > j->limit)
		findings_add(
			j->to, about(g, OUTCOME_FAIL, RESULT_SPREAD, RANK_OTHER),
			"workers of %s were treated unequally: worker %u waited %.0f %% of its "
			"runnable time, worker %u %.0f %% (difference %.0f %%, limit %g %%)",
			g->name, hi->index, delay_pct(hi), lo->index, delay_pct(lo), spread,
			j->limit);
}

static double work_rate(const struct worker_stats *w)
{
	return w->cpu_ns ? (double)w->work * 1e9 / (double)w->cpu_ns : 0;
}

/* Newton's; the maths library would be one more thing for authors to link. */
static double root(double x)
{
	double r = x > 1 ? x : 1;

	for (int i = 0; i < 64; i++)
		r = (r + x / r) / 2;
	return x > 0 ? r : 0;
}

static void judge_throughput_of(const struct judge *j, const struct group_stats *g)
{
	double sum = 0, squares = 0;
	size_t nr = 0;

	for (size_t k = 0; k < g->nr; k++) {
		nr += g->worker[k].cpu_ns > 0;
		sum += work_rate(&g->worker[k]);
	}
	if (nr < 2 || sum <= 0)
		return cannot(j, g, RESULT_THROUGHPUT, "throughput variation",
			      "it takes two workers that used CPU time and did work");
	double mean = sum / (double)nr;
	for (size_t k = 0; k < g->nr; k++) {
		double off = work_rate(&g->worker[k]) - mean;

		squares += g->worker[k].cpu_ns ? off * off : 0;
	}
	double cv = root(squares / (double)nr) / mean;
	if (cv > j->limit)
		findings_add(j->to, about(g, OUTCOME_FAIL, RESULT_THROUGHPUT, RANK_OTHER),
			     "workers of %s differ in work per CPU second: coefficient of "
			     "variation %.3f (limit %g)",
			     g->name, cv, j->limit);
}

static void judge_work_rate_of(const struct judge *j, const struct group_stats *g)
{
	const struct worker_stats *worst = NULL;

	for (size_t k = 0; k < g->nr; k++)
		if (!worst || work_rate(&g->worker[k]) < work_rate(worst))
			worst = &g->worker[k];
	if (work_rate(worst) < j->limit)
		findings_add(j->to, about(g, OUTCOME_FAIL, RESULT_WORK_RATE, RANK_OTHER),
			     "worker %u of %s did %.0f units of work per CPU second (limit %g)",
			     worst->index, g->name, work_rate(worst), j->limit);
}

static void judge_migration_of(const struct judge *j, const struct group_stats *g)
{
	struct group_sum sum = group_sum(g);

	if (!sum.wall_ns)
		return cannot(j, g, RESULT_MIGRATION, "migration rate", "its workers had no time");
	double rate = (double)sum.migrations * 1e9 / (double)sum.wall_ns;
	if (rate > j->limit)
		findings_add(j->to, about(g, OUTCOME_FAIL, RESULT_MIGRATION, RANK_OTHER),
			     "workers of %s migrated %.1f times per second each (limit %g)",
			     g->name, rate, j->limit);
}

/* --- wake-up latency ---------------------------------------------------------------------- */

/* Of the pool and of every worker with enough samples: a pool can hide one bad worker. */
static void judge_wake_of(const struct judge *j, const struct group_stats *g, double part,
			  const char *name, uint64_t enough)
{
	struct group_sum sum = group_sum(g);
	const struct worker_stats *worst = NULL;
	uint64_t worst_ns = 0, pool_ns = hist_quantile(&sum.wake, part);

	if (!sum.wake.count)
		return cannot(j, g, RESULT_WAKE_LATENCY, name, "no wake-up was seen");
	for (size_t k = 0; k < g->nr; k++) {
		const struct hist *h = &g->worker[k].wake;

		if (h->count < enough || hist_quantile(h, part) <= worst_ns)
			continue;
		worst = &g->worker[k];
		worst_ns = hist_quantile(h, part);
	}
	if ((double)MAX(pool_ns, worst_ns) <= j->limit * 1e3)
		return;
	struct finding f = about(g, OUTCOME_FAIL, RESULT_WAKE_LATENCY, RANK_OTHER);
	struct time_text limit = time_text((uint64_t)(j->limit * 1e3));
	if ((double)pool_ns > j->limit * 1e3)
		findings_add(j->to, f,
			     "%s was woken too slowly: %s %s over %" PRIu64
			     " wake-ups (limit %s, longest %s)",
			     g->name, name, time_text(pool_ns).at, sum.wake.count, limit.at,
			     time_text(sum.wake.max_ns).at);
	else
		findings_add(j->to, f,
			     "worker %u of %s was woken too slowly: %s %s over %" PRIu64
			     " wake-ups (limit %s, whole cgroup %s)",
			     worst->index, g->name, name, time_text(worst_ns).at, worst->wake.count,
			     limit.at, time_text(pool_ns).at);
}

static void judge_p99_of(const struct judge *j, const struct group_stats *g)
{
	judge_wake_of(j, g, 0.99, "p99 wake-up latency", 100);
}

static void judge_p999_of(const struct judge *j, const struct group_stats *g)
{
	judge_wake_of(j, g, 0.999, "p99.9 wake-up latency", 1000);
}

/* --- all of them -------------------------------------------------------------------------- */

static bool has_workers(const struct group_stats *g)
{
	return g->nr > 0;
}

static bool has_several(const struct group_stats *g)
{
	return g->nr > 1;
}

static bool has_woken(const struct group_stats *g)
{
	for (size_t i = 0; i < g->nr; i++)
		if (g->worker[i].wakes)
			return true;
	return false;
}

/*
 * One row per check of registry.h: it judges all cgroups at once, or each for itself. The latter
 * applies to some cgroups only; if it applies to none, it could not be judged, for @nobody.
 * To add a check: a row in KTSTR_CHECKS, a kind in abi/result.h if none fits, a row here.
 */
static const struct check_row {
	void (*all)(const struct judge *j);
	void (*each)(const struct judge *j, const struct group_stats *g);
	bool (*applies)(const struct group_stats *g);
	enum result_kind kind;
	const char *nobody;
} checks[] = {
	[CHECK_progress] = { .all = judge_progress },
	[CHECK_max_gap_ms] = { .all = judge_gap },
	[CHECK_isolation] = { .all = judge_isolation },
	[CHECK_max_unfair_pct] = { .all = judge_fairness },
	[CHECK_max_spread_pct] = { NULL, judge_spread_of, has_several, RESULT_SPREAD,
				   "spread: no cgroup has several workers" },
	[CHECK_max_throughput_cv] = { NULL, judge_throughput_of, has_several, RESULT_THROUGHPUT,
				      "throughput variation: no cgroup has several workers" },
	[CHECK_min_work_rate] = { NULL, judge_work_rate_of, has_workers, RESULT_WORK_RATE,
				  "work rate: there are no workers" },
	[CHECK_max_p99_wake_us] = { NULL, judge_p99_of, has_woken, RESULT_WAKE_LATENCY,
				    "wake-up latency: no worker does work that is woken" },
	[CHECK_max_p999_wake_us] = { NULL, judge_p999_of, has_woken, RESULT_WAKE_LATENCY,
				     "wake-up latency: no worker does work that is woken" },
	[CHECK_max_migration_rate] = { NULL, judge_migration_of, has_workers, RESULT_MIGRATION,
				       "migration rate: there are no workers" },
};
static_assert(ARRAY_SIZE(checks) == NR_CHECKS, "a check has no row");

static void judge_each(const struct judge *j, const struct check_row *row)
{
	size_t nr = 0;

	for (size_t i = 0; i < j->seen->nr; i++) {
		if (!row->applies(&j->seen->group[i]))
			continue;
		row->each(j, &j->seen->group[i]);
		nr++;
	}
	if (!nr)
		findings_add(j->to,
			     (struct finding){ .outcome = OUTCOME_INCONCLUSIVE,
					       .kind = row->kind,
					       .rank = RANK_OTHER },
			     "could not judge %s", row->nobody);
}

static const struct ktstr_limit *limit_of(const struct ktstr_limits *l, enum check c)
{
	/* the fields are the rows of KTSTR_CHECKS in order, all of one type */
	return (const struct ktstr_limit *)(const void *)l + c;
}

void checks_judge(const struct observed *o, const struct ktstr_limits *limits, struct findings *f)
{
	for (enum check c = 0; c < NR_CHECKS; c++) {
		struct judge j = { o, limits, limit_of(limits, c)->value, f };

		if (limit_of(limits, c)->state != KTSTR_LIMIT_SET)
			continue;
		if (checks[c].all)
			checks[c].all(&j);
		else
			judge_each(&j, &checks[c]);
	}
}
