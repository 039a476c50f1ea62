/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Fairness between cgroups: cgroups that may use the same CPUs divide what was served there by
 * weight, level by level, nobody getting more than it wanted (what it used plus what it waited
 * for). A cgroup's shortfall is the part of that which it did not get.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "author/checks.h"

#define STARVED_PCT 90	      /* from here on "unfair" would be the wrong word */
#define SAME_TIME_PCT 5	      /* life times that differ more are not one race */
#define SAME_TIME_NS 50000000 /* ... plus this */

void shares_fill(struct share *s, size_t nr, int parent, double capacity)
{
	double left = capacity, weights = 0;
	bool changed = true;

	for (size_t i = 0; i < nr; i++) {
		s[i].entitled = s[i].parent == parent ? -1 : s[i].entitled;
		weights += s[i].parent == parent ? s[i].weight : 0;
	}
	while (changed) {
		double level = weights > 0 ? left / weights : 0;

		changed = false;
		for (size_t i = 0; i < nr; i++) {
			if (s[i].parent != parent || s[i].entitled >= 0 ||
			    s[i].wanted > level * s[i].weight)
				continue;
			s[i].entitled = s[i].wanted;
			left -= s[i].wanted;
			weights -= s[i].weight;
			changed = true;
			break; /* the level has risen for the others */
		}
	}
	for (size_t i = 0; i < nr; i++) {
		if (s[i].parent != parent)
			continue;
		if (s[i].entitled < 0)
			s[i].entitled = left / weights * s[i].weight;
		shares_fill(s, nr, (int)i, s[i].entitled);
	}
}

static void say(const struct judge *j, enum outcome o, enum rank rank, const char *cgroup,
		const char *text)
{
	struct finding f = { .outcome = o, .kind = RESULT_FAIRNESS, .rank = rank };

	snprintf(f.cgroup, sizeof(f.cgroup), "%s", cgroup);
	findings_add(j->to, f, "%s", text);
}

static void cannot(const struct judge *j, const char *why, const char *a, const char *b)
{
	char text[300];

	snprintf(text, sizeof(text), "fairness between %s and %s could not be judged: %s", a, b,
		 why);
	say(j, OUTCOME_INCONCLUSIVE, RANK_OTHER, a, text);
}

/* CPUs that its workers may use: the cpuset's, since affinities are for special cases. */
static bool overlap(const struct group_stats *a, const struct group_stats *b)
{
	struct cpuset both = cpuset_and(&a->cpus, &b->cpus);

	return cpuset_count(&both) > 0;
}

static bool same_time(const struct group_stats *a, const struct group_stats *b)
{
	uint64_t lo = UINT64_MAX, hi = 0;

	for (int side = 0; side < 2; side++) {
		const struct group_stats *g = side ? b : a;

		for (size_t i = 0; i < g->nr; i++) {
			lo = MIN(lo, g->worker[i].wall_ns);
			hi = MAX(hi, g->worker[i].wall_ns);
		}
	}
	return hi - lo <= hi / 100 * SAME_TIME_PCT + SAME_TIME_NS;
}

/* Why the two, which meet on some CPU, cannot be compared; NULL = they can. */
static const char *incomparable(const struct group_stats *a, const struct group_stats *b)
{
	if (!cpuset_equal(&a->cpus, &b->cpus))
		return "they share only a part of their CPUs";
	if (a->unsteady || b->unsteady)
		return a->unsteady ? a->unsteady : b->unsteady;
	if (!same_time(a, b))
		return "they did not run for the same time";
	if (!group_sum(a).delay_known || !group_sum(b).delay_known)
		return "run delay could not be read";
	return NULL;
}

/* Marks, beside @first, all cgroups that compete with it. False if that cannot be judged. */
static bool find_rivals(const struct judge *j, size_t first, bool *in, size_t *nr)
{
	const struct group_stats *g = j->seen->group;

	*nr = 0;
	for (size_t i = 0; i < j->seen->nr; i++) {
		in[i] = i == first;
		if (i == first || !g[i].nr || !overlap(&g[first], &g[i]))
			continue;
		const char *why = incomparable(&g[first], &g[i]);
		if (why) {
			cannot(j, why, g[first].name, g[i].name);
			return false;
		}
		in[i] = true;
		++*nr;
	}
	return true;
}

/* Leaves of the competition, and the cgroups around them with the sums. */
static double fill_shares(const struct judge *j, const bool *in, struct share *s)
{
	double capacity = 0;

	for (size_t i = 0; i < j->seen->nr; i++)
		s[i] = (struct share){ .parent = -2 }; /* takes no part */
	for (size_t i = 0; i < j->seen->nr; i++) {
		if (!in[i])
			continue;
		struct group_sum sum = group_sum(&j->seen->group[i]);
		capacity += (double)sum.cpu_ns;
		for (int up = (int)i; up >= 0; up = j->seen->group[up].parent) {
			s[up].parent = j->seen->group[up].parent;
			s[up].weight = j->seen->group[up].weight;
			s[up].got += (double)sum.cpu_ns;
			s[up].wanted += (double)(sum.cpu_ns + sum.delay_ns);
		}
	}
	shares_fill(s, j->seen->nr, -1, capacity);
	return capacity;
}

struct names {
	char at[128];
};

static struct names rivals(const struct judge *j, const bool *in, size_t but)
{
	struct names n = { "" };
	size_t len = 0;

	for (size_t i = 0; i < j->seen->nr; i++) {
		if (!in[i] || i == but || len >= sizeof(n.at))
			continue;
		len += (size_t)snprintf(n.at + len, sizeof(n.at) - len, "%s%s", len ? ", " : "",
					j->seen->group[i].name);
	}
	return n;
}

static struct cpuset rivals_cpus(const struct judge *j, const bool *in, size_t but)
{
	struct group_sum sum = { 0 };

	for (size_t i = 0; i < j->seen->nr; i++)
		if (in[i] && i != but)
			group_sum_add(&sum, &j->seen->group[i]);
	return sum.used;
}

static void say_unfair(const struct judge *j, const bool *in, size_t i, const struct share *s)
{
	const struct group_stats *g = &j->seen->group[i];
	struct group_sum sum = group_sum(g);
	struct cpuset cpus = rivals_cpus(j, in, i);
	double part = 100 * s->got / s->entitled;
	struct names others = rivals(j, in, i);
	char text[400];

	if (100 - part >= STARVED_PCT)
		snprintf(text, sizeof(text),
			 "%s starved: its %zu worker%s waited %.2f of %.2f s while %s ran on %s "
			 "(got %.0f %% of its fair share, limit %g %% short)",
			 g->name, g->nr, g->nr > 1 ? "s" : "",
			 (double)sum.delay_ns / 1e9 / (double)g->nr,
			 (double)sum.wall_ns / 1e9 / (double)g->nr, others.at, cpus_text(&cpus).at,
			 part, j->limit);
	else
		snprintf(text, sizeof(text),
			 "%s got %.0f %% less CPU time than its fair share beside %s: %s instead "
			 "of %s at weight %u (limit %g %%)",
			 g->name, 100 - part, others.at, time_text((uint64_t)s->got).at,
			 time_text((uint64_t)s->entitled).at, g->weight, j->limit);
	say(j, OUTCOME_FAIL, 100 - part >= STARVED_PCT ? RANK_STARVED : RANK_OTHER, g->name, text);
}

static void judge_competition(const struct judge *j, const bool *in, struct share *s)
{
	fill_shares(j, in, s);
	for (size_t i = 0; i < j->seen->nr; i++)
		if (in[i] && s[i].entitled > 0 && 100 * (1 - s[i].got / s[i].entitled) > j->limit)
			say_unfair(j, in, i, &s[i]);
}

void judge_fairness(const struct judge *j)
{
	size_t nr = j->seen->nr, rivals_nr;
	SCOPED(mem_free) bool *in = calloc(nr + 1, sizeof(*in));
	SCOPED(mem_free) bool *done = calloc(nr + 1, sizeof(*done));
	SCOPED(mem_free) struct share *s = calloc(nr + 1, sizeof(*s));
	bool any = false;

	if (!in || !done || !s) {
		j->to->lost = true;
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		if (!j->seen->group[i].nr || done[i])
			continue;
		bool can = find_rivals(j, i, in, &rivals_nr);
		any |= !can || rivals_nr > 0;
		if (!can)
			return;
		for (size_t k = 0; k < nr; k++)
			done[k] |= in[k];
		if (rivals_nr)
			judge_competition(j, in, s);
	}
	if (!any)
		say(j, OUTCOME_INCONCLUSIVE, RANK_OTHER, "",
		    "fairness could not be judged: no two cgroups with workers share CPUs");
}
