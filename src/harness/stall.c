/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/stall.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abi/registry.h"
#include "abi/result.h"
#include "harness/result.h"

/* A vCPU that waited for more than this share of an interval was in effect stopped by the host. */
#define STALLED_PERCENT 90
/* Below this share of waiting the host is not to blame for slow wake-ups. */
#define WAIT_TOO_MUCH_PPM 250000

static void sample_vcpu(struct stall_meter *m, uint32_t i, const struct vm_vcpu_time *now,
			uint64_t interval)
{
	uint64_t wait = now->wait_ns - MIN(now->wait_ns, m->last.vcpu[i].wait_ns);
	uint64_t run = now->run_ns - MIN(now->run_ns, m->last.vcpu[i].run_ns);

	m->wait_ns += wait;
	m->run_ns += run;
	if (wait * 100 < interval * STALLED_PERCENT)
		m->open_ns[i] = 0;
	else
		m->open_ns[i] += wait;
	m->longest_ns = MAX(m->longest_ns, m->open_ns[i]);
}

void stall_sample(struct stall_meter *m, const struct vm_stats *now, uint64_t at)
{
	uint64_t interval = at - m->last_at;

	for (uint32_t i = 0; m->started && interval && i < now->nr_vcpus; i++)
		sample_vcpu(m, i, &now->vcpu[i], interval);
	m->last = *now;
	m->last_at = at;
	m->started = true;
}

uint64_t stall_wait_ppm(const struct stall_meter *m)
{
	uint64_t all = m->wait_ns + m->run_ns;

	return all ? (uint64_t)((double)m->wait_ns / (double)all * 1e6) : 0;
}

static int excuse(struct detail *d, const char *why)
{
	char *text;

	if (asprintf(&text, "%s; cannot be judged: %s", d->text, why) < 0)
		return -ENOMEM;
	free(d->text);
	d->text = text;
	d->verdict = VERDICT_INCONCLUSIVE;
	return 0;
}

static bool is_kind(const struct detail *d, enum result_kind k)
{
	static const char *const names[RESULT_NR_KINDS] = {
#define KIND_NAME(id, name) [RESULT_##id] = name,
		RESULT_KINDS(KIND_NAME)
#undef KIND_NAME
	};

	return !strcmp(d->kind, names[k]);
}

/*
 * A stall is known to an interval at each end: the host cannot have held a wake-up up for longer than
 * the longest one and both its ends.
 */
static bool longer_than_host_stalls(const struct cell_result *r, uint64_t ns,
				    const struct ktstr_limit *limit_us)
{
	uint64_t host = r->host_stall_ns + 2 * STALL_INTERVAL_NS;

	return limit_us->state == KTSTR_LIMIT_SET &&
	       (double)ns > limit_us->value * 1e3 + (double)host;
}

static bool host_may_have_slowed(const struct cell_result *r, const char *cgroup,
				 const struct ktstr_limits *l)
{
	if (r->load_wait_ppm < WAIT_TOO_MUCH_PPM)
		return false;
	for (size_t i = 0; i < r->nr_cgroups; i++) {
		const struct latency *wake = &r->cgroups[i].wake;
		if (!strcmp(r->cgroups[i].name, cgroup) &&
		    (longer_than_host_stalls(r, wake->p99_ns, &l->max_p99_wake_us) ||
		     longer_than_host_stalls(r, wake->p999_ns, &l->max_p999_wake_us)))
			return false;
	}
	return true;
}

/*
 * Shares of CPU time and counts of work are those of the whole load: a vCPU that the host stopped for
 * this part of it takes them along.
 */
#define STALL_OF_LOAD 4

static bool host_may_have_skewed(const struct cell_result *r)
{
	return r->host_stall_ns > r->times.load / STALL_OF_LOAD;
}

static bool is_share(const struct detail *d)
{
	return is_kind(d, RESULT_FAIRNESS) || is_kind(d, RESULT_SPREAD) ||
	       is_kind(d, RESULT_THROUGHPUT) || is_kind(d, RESULT_WORK_RATE);
}

int stall_excuse(struct cell_result *r, const struct ktstr_limits *limits)
{
	double half_gap_ns = limits->max_gap_ms.value * 1e6 / 2;
	bool gap_excused = limits->max_gap_ms.state == KTSTR_LIMIT_SET &&
			   (double)r->host_stall_ns >= half_gap_ns && r->host_stall_ns;
	char why[160];
	int err = 0;

	for (size_t i = 0; !err && i < r->nr_details; i++) {
		struct detail *d = &r->details[i];
		if (d->note || d->verdict != VERDICT_FAIL)
			continue;
		if ((is_kind(d, RESULT_GAP) && gap_excused) ||
		    (is_share(d) && host_may_have_skewed(r))) {
			snprintf(why, sizeof(why), "the host did not run a vCPU for %.1f s",
				 (double)r->host_stall_ns / 1e9);
			err = excuse(d, why);
		} else if (is_kind(d, RESULT_WAKE_LATENCY) &&
			   host_may_have_slowed(r, d->cgroup, limits)) {
			snprintf(why, sizeof(why),
				 "the vCPUs waited %.0f %% of the time for a host CPU",
				 (double)r->load_wait_ppm / 1e4);
			err = excuse(d, why);
		}
	}
	return err;
}
