/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The controller's view of a crew: shared slots, and what the kernel says about each process. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "author/crew.h"
#include "base/io.h"

#define RUNNING_NS 1000000 /* whose checkpoint is younger is as good as running */

/* State letter from /proc/PID/stat; the name before it may contain anything. 0 = unknown. */
static char task_state(pid_t pid)
{
	char path[32], line[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_line_at(AT_FDCWD, path, line, sizeof(line)) < 0)
		return 0;
	const char *end = strrchr(line, ')');
	return end && end[1] == ' ' ? end[2] : 0;
}

static uint64_t cpu_time(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts) < 0)
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The kernel adds a wait to run_delay only when it is over. */
static bool run_delay(pid_t pid, uint64_t *ret)
{
	char path[32], line[128];
	uint64_t ran, times;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	if (read_line_at(AT_FDCWD, path, line, sizeof(line)) < 0)
		return false;
	return sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &ran, ret, &times) == 3;
}

void crew_take_stock(struct crew *c)
{
	for (unsigned i = 0; i < c->nr; i++) {
		struct member *m = &c->member[i];

		m->cpu_before_ns = cpu_time(m->pid);
		run_delay(m->pid, &m->delay_before_ns);
	}
}

/* Since when it should have been running; 0 = it waits on purpose and nobody has woken it. */
static uint64_t expected_since(const struct slot *s)
{
	uint64_t last = shared_get(&s->last_ns), woken = shared_get(&s->woken_ns);

	if (!__atomic_load_n(&s->blocked, __ATOMIC_SEQ_CST))
		return last;
	return woken && woken < last ? last : woken;
}

/* The state is asked for only where it matters: it costs more than all the rest. */
static uint64_t overdue(const struct slot *s, pid_t pid, uint64_t since, uint64_t now)
{
	if (!since || now < since + RUNNING_NS)
		return 0;
	char state = task_state(pid);
	bool wants_to = state == 'R' || !__atomic_load_n(&s->blocked, __ATOMIC_SEQ_CST);
	return wants_to && state && state != 'Z' && state != 'X' ? now - since : 0;
}

static void read_used(const struct crew *c, const struct slot *s, const struct cpuset *own,
		      struct worker_stats *ret)
{
	for (unsigned epoch = 0; epoch < CPU_EPOCHS; epoch++) {
		struct cpuset allowed = c->allowed[epoch], seen = s->used[epoch], out;

		if (own) {
			struct cpuset both = cpuset_and(&allowed, own);

			/* an affinity that the cpuset leaves nothing of is dropped by the kernel */
			allowed = cpuset_count(&both) ? both : allowed;
		}
		out = cpuset_minus(&seen, &allowed);
		for (size_t i = 0; i < ARRAY_SIZE(out.bits); i++) {
			ret->used.bits[i] |= seen.bits[i];
			ret->outside.bits[i] |= out.bits[i];
		}
	}
}

static void read_slot(const struct crew *c, const struct slot *s, struct worker_stats *ret)
{
	ret->work = shared_get(&s->work);
	ret->iterations = shared_get(&s->iterations);
	ret->migrations = shared_get(&s->migrations);
	ret->began = shared_get(&s->began);
	ret->gap_ns = shared_get(&s->max_gap_ns);
	ret->gap_cpu = shared_get(&s->max_gap_cpu);
	if (ret->gap_ns)
		ret->gap_at_ns = shared_get(&s->max_gap_from_ns) - c->started_ns;
	ret->wake = s->wake;
}

static void read_open_gap(const struct crew *c, const struct slot *s, pid_t pid, uint64_t now,
			  struct worker_stats *ret)
{
	uint64_t since = expected_since(s);

	ret->overdue_ns = overdue(s, pid, since, now);
	ret->waiting = shared_get(&s->blocked) && !ret->overdue_ns;
	ret->delay_ns += ret->overdue_ns;
	if (ret->overdue_ns <= ret->gap_ns)
		return;
	ret->gap_ns = ret->overdue_ns;
	ret->gap_at_ns = since - c->started_ns;
	ret->gap_cpu = shared_get(&s->cpu);
}

static void read_member(const struct crew *c, unsigned i, struct worker_stats *ret)
{
	const struct slot *s = &c->slot[i];
	const struct member *m = &c->member[i];
	uint64_t now = clock_ns();

	*ret = (struct worker_stats){ .index = m->index, .wakes = c->type->wakes };
	read_slot(c, s, ret);
	if (c->plan.has_affinity) {
		struct cpuset own = crew_affinity(c, i);

		read_used(c, s, &own, ret);
	} else {
		read_used(c, s, NULL, ret);
	}
	if (!c->started_ns || !m->pid)
		return;
	ret->wall_ns = now - c->started_ns;
	ret->cpu_ns = cpu_time(m->pid) - m->cpu_before_ns + shared_get(&s->child_cpu_ns);
	ret->delay_known = run_delay(m->pid, &ret->delay_ns);
	ret->delay_ns -= m->delay_before_ns;
	read_open_gap(c, s, m->pid, now, ret);
	/* the open wait and what the kernel counts are not read at the same instant */
	uint64_t not_running = ret->wall_ns - MIN(ret->cpu_ns, ret->wall_ns);
	ret->delay_ns = MIN(ret->delay_ns, not_running);
}

void crew_read(const struct crew *c, struct worker_stats *ret)
{
	for (unsigned i = 0; i < c->nr; i++) {
		if (c->final)
			ret[i] = c->final[i];
		else
			read_member(c, i, &ret[i]);
	}
}
