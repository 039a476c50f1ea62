/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The calls with which a body looks at what happened and says what it thinks of it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "author/context.h"
#include "base/err.h"

static struct ktstr_latency latency(const struct hist *h)
{
	return (struct ktstr_latency){
		.count = h->count,
		.min_ns = h->min_ns,
		.p50_ns = hist_quantile(h, 0.5),
		.p99_ns = hist_quantile(h, 0.99),
		.p999_ns = hist_quantile(h, 0.999),
		.max_ns = h->max_ns,
	};
}

/* @cgroup NULL = all. */
static int measure(struct ktstr *t, const char *cgroup, struct group_sum *ret, uint32_t *workers)
{
	SCOPED(observed_fini) struct observed o = { 0 };
	struct cgroup *c = NULL;
	struct err e = { 0 };
	int r = 0;

	if (!ktstr_going_(t))
		return -ECANCELED;
	if (cgroup)
		r = cgroups_find_past(&t->cgroups, cgroup, &c, &e);
	if (!r && (r = ktstr_observe_(t, &o)) < 0)
		err_sys(&e, r, "statistics");
	if (r < 0)
		return ktstr_give_up_(t, &e);
	*ret = (struct group_sum){ .delay_known = true };
	for (size_t i = 0; i < o.nr; i++) {
		if (cgroup && strcmp(o.group[i].name, cgroup))
			continue;
		group_sum_add(ret, &o.group[i]);
		*workers += (uint32_t)o.group[i].nr;
	}
	return 0;
}

struct ktstr_stats ktstr_measure(struct ktstr *t, const char *cgroup)
{
	struct ktstr_stats s = { 0 };
	struct group_sum sum;

	if (measure(t, cgroup, &sum, &s.workers) < 0)
		return (struct ktstr_stats){ 0 };
	s.work = sum.work;
	s.iterations = sum.iterations;
	s.cpu_ns = sum.cpu_ns;
	s.run_delay_ns = sum.delay_ns;
	s.wall_ns = sum.wall_ns;
	s.migrations = sum.migrations;
	s.max_gap_ns = sum.gap_ns;
	s.wake = latency(&sum.wake);
	memcpy(&s.cpus_used, &sum.used, sizeof(s.cpus_used));
	return s;
}

static const char *base_name(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

static const struct finding not_as_expected = {
	.outcome = OUTCOME_FAIL,
	.kind = RESULT_EXPECT,
	.rank = RANK_EXPECT,
};

bool ktstr_expect_true_(struct ktstr *t, bool holds, const char *what, const char *file, int line)
{
	if (!ktstr_going_(t))
		return false;
	t->nr_expects++;
	if (!holds)
		findings_add(&t->findings, not_as_expected, "%s is false (%s:%d)", what,
			     base_name(file), line);
	return holds;
}

static bool compare(double a, const char *op, double b)
{
	if (op[0] == '=')
		return a == b;
	if (op[0] == '>')
		return op[1] ? a >= b : a > b;
	return op[1] ? a <= b : a < b;
}

/* "n is 3, expected n == limit, which is 4"; a literal needs no explanation. */
bool ktstr_expect_(struct ktstr *t, double a, const char *op, double b, const char *a_is,
		   const char *b_is, const char *file, int line)
{
	char value[64] = "", *end;

	if (!ktstr_going_(t))
		return false;
	t->nr_expects++;
	if (compare(a, op, b))
		return true;
	strtod(b_is, &end);
	if (*end)
		snprintf(value, sizeof(value), ", which is %.10g", b);
	findings_add(&t->findings, not_as_expected, "%s is %.10g, expected %s %s%s (%s:%d)", a_is,
		     a, op, b_is, value, base_name(file), line);
	return false;
}

bool ktstr_expect_ran_on_(struct ktstr *t, const char *cpus, const char *file, int line)
{
	struct cpuset want, unused;
	struct group_sum sum;
	uint32_t workers = 0;
	struct err e;

	if (!ktstr_going_(t))
		return false;
	t->nr_expects++;
	if (shape_cpus(&t->shape, cpus, &want, &e) < 0) {
		ktstr_give_up_(t, &e);
		return false;
	}
	if (measure(t, NULL, &sum, &workers) < 0)
		return false;
	unused = cpuset_minus(&want, &sum.used);
	if (!cpuset_count(&unused))
		return true;
	findings_add(&t->findings,
		     (struct finding){
			     .outcome = OUTCOME_FAIL, .kind = RESULT_EXPECT, .rank = RANK_PLACE },
		     "no worker ran on %s in %s: all %u kept to %s (%s:%d)", cpus_text(&unused).at,
		     time_text(clock_ns() - t->load_from_ns).at, workers, cpus_text(&sum.used).at,
		     base_name(file), line);
	return false;
}

/* --- what else goes into the result ------------------------------------------------------- */

__attribute__((format(printf, 3, 0))) static void add_text(struct ktstr *t, struct finding f,
							   const char *format, va_list ap)
{
	char text[sizeof(f.text)];

	vsnprintf(text, sizeof(text), format, ap);
	findings_add(&t->findings, f, "%s", text);
}

void ktstr_skip(struct ktstr *t, const char *why, ...)
{
	va_list ap;

	if (!ktstr_going_(t))
		return;
	va_start(ap, why);
	add_text(t, (struct finding){ .outcome = OUTCOME_SKIP, .kind = RESULT_SKIP }, why, ap);
	va_end(ap);
	t->skipped = true;
}

void ktstr_note(struct ktstr *t, const char *text, ...)
{
	va_list ap;

	va_start(ap, text);
	add_text(t, (struct finding){ .outcome = OUTCOME_NOTE, .kind = RESULT_EXPECT }, text, ap);
	va_end(ap);
}

void ktstr_value(struct ktstr *t, const char *name, double value, const char *unit)
{
	/* JSON has no infinities, and 0 would be a lie */
	if (!__builtin_isfinite(value)) {
		ktstr_note(t, "value %s is not a number and was left out", name);
		return;
	}
	struct value *more = reallocarray(t->values, t->nr_values + 1, sizeof(*more));
	if (!more) {
		t->findings.lost = true;
		return;
	}
	t->values = more;
	struct value *v = &t->values[t->nr_values++];
	v->value = value;
	snprintf(v->name, sizeof(v->name), "%s", name);
	snprintf(v->unit, sizeof(v->unit), "%s", unit ? unit : "");
}
