/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The calls a test's body makes to set up, change and hold its load. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>

#include "abi/frame.h"
#include "author/context.h"
#include "base/err.h"
#include "base/io.h"

#define READY_PATIENCE_NS 1000000000ull
#define MAX_HOLD_MS 86400000.0

static struct cpuset set_of(const struct ktstr_cpus *cpus)
{
	struct cpuset s;

	static_assert(sizeof(s) == sizeof(*cpus), "both are 1024 bits");
	memcpy(&s, cpus, sizeof(s));
	return s;
}

/* --- the machine -------------------------------------------------------------------------- */

int ktstr_cpus(struct ktstr *t, const char *text, struct ktstr_cpus *ret)
{
	struct cpuset s;
	struct err e;

	if (!ktstr_going_(t))
		return -ECANCELED;
	if (shape_cpus(&t->shape, text, &s, &e) < 0)
		return ktstr_give_up_(t, &e);
	memcpy(ret, &s, sizeof(*ret));
	return 0;
}

bool ktstr_cpus_has(const struct ktstr_cpus *cpus, unsigned cpu)
{
	struct cpuset s = set_of(cpus);

	return cpuset_has(&s, cpu);
}

unsigned ktstr_cpus_count(const struct ktstr_cpus *cpus)
{
	struct cpuset s = set_of(cpus);

	return cpuset_count(&s);
}

unsigned ktstr_nr_cpus(struct ktstr *t)
{
	return cpuset_count(&t->shape.online);
}

unsigned ktstr_nr_llcs(struct ktstr *t)
{
	return t->shape.nr_llcs;
}

unsigned ktstr_nr_nodes(struct ktstr *t)
{
	return t->shape.nr_nodes;
}

const char *ktstr_scheduler(struct ktstr *t)
{
	return t->setup.scheduler;
}

uint64_t ktstr_seed(struct ktstr *t)
{
	return t->setup.seed;
}

/* --- cgroups ------------------------------------------------------------------------------ */

/* All workers of a cgroup are gone when this returns, but for those that cannot even die. */
static int stop_workers(struct ktstr *t, const struct cgroup *in)
{
	SCOPED(mem_free) struct crew **c = calloc(t->nr_crews + 1, sizeof(*c));
	struct err e;
	size_t nr = 0;

	if (!c) {
		err_sys(&e, -ENOMEM, "workers of %s", in->name);
		return ktstr_give_up_(t, &e);
	}
	for (size_t i = 0; i < t->nr_crews; i++)
		if (t->crews[i]->plan.cgroup == in && !t->crews[i]->final)
			c[nr++] = t->crews[i];
	if (crews_halt(c, nr, &e) < 0)
		return ktstr_give_up_(t, &e);
	crews_bury(c, nr);
	return 0;
}

static int find(struct ktstr *t, const char *name, struct cgroup **ret)
{
	struct err e;

	if (!ktstr_going_(t))
		return -ECANCELED;
	return cgroups_find(&t->cgroups, name, ret, &e) < 0 ? ktstr_give_up_(t, &e) : 0;
}

int ktstr_cgroup_create(struct ktstr *t, struct ktstr_cgroup what)
{
	bool has_cpus = what.cpu_set || (what.cpus && *what.cpus);
	struct cpuset cpus;
	struct err e = { 0 };
	int r = 0;

	if (!ktstr_going_(t))
		return -ECANCELED;
	if (what.cpu_set)
		cpus = set_of(what.cpu_set);
	else
		r = shape_cpus(&t->shape, what.cpus, &cpus, &e);
	if (!r)
		r = cgroups_add(&t->cgroups, what.name, has_cpus ? &cpus : NULL, what.weight, &e);
	return r < 0 ? ktstr_give_up_(t, &e) : 0;
}

/* A worker that will not die keeps its cgroup; the result says so, and the test goes on. */
int ktstr_cgroup_remove(struct ktstr *t, const char *cgroup)
{
	struct cgroup *c;
	struct err e;
	int r = find(t, cgroup, &c);

	if (!r)
		r = stop_workers(t, c);
	if (r < 0)
		return r;
	r = cgroup_remove(&t->cgroups, c, &e);
	if (r == -EBUSY)
		ktstr_note(t, "%s", e.text);
	return r < 0 && r != -EBUSY ? ktstr_give_up_(t, &e) : r;
}

static bool is_within(const struct ktstr *t, const struct cgroup *c, const struct cgroup *outer)
{
	for (; c; c = cgroup_parent(&t->cgroups, c))
		if (c == outer)
			return true;
	return false;
}

static void each_crew_within(struct ktstr *t, const struct cgroup *c, const struct cpuset *to,
			     void (*call)(struct crew *crew, const struct cpuset *to))
{
	for (size_t i = 0; i < t->nr_crews; i++)
		if (!t->crews[i]->final && is_within(t, t->crews[i]->plan.cgroup, c))
			call(t->crews[i], to);
}

int ktstr_cgroup_set_cpus(struct ktstr *t, const char *cgroup, const char *cpus)
{
	struct cgroup *c;
	struct cpuset to;
	struct err e;
	int r = find(t, cgroup, &c);

	if (r < 0)
		return r;
	if (shape_cpus(&t->shape, cpus, &to, &e) < 0)
		return ktstr_give_up_(t, &e);
	each_crew_within(t, c, &to, crew_cpus_changing);
	if (cgroup_set_cpus(&t->cgroups, c, &to, &e) < 0)
		return ktstr_give_up_(t, &e);
	each_crew_within(t, c, &to, crew_cpus_changed);
	return 0;
}

int ktstr_cgroup_set_weight(struct ktstr *t, const char *cgroup, unsigned weight)
{
	struct cgroup *c;
	struct err e;
	int r = find(t, cgroup, &c);

	if (r < 0)
		return r;
	if (cgroup_set_weight(&t->cgroups, c, weight, &e) < 0)
		return ktstr_give_up_(t, &e);
	each_crew_within(t, c, NULL, crew_weight_changed);
	return 0;
}

/* --- workers ------------------------------------------------------------------------------ */

static int plan_affinity(struct ktstr *t, struct crew_plan *p, struct err *e)
{
	const char *text = p->args.affinity;
	struct cpuset in = cgroup_cpus(&t->cgroups, p->cgroup, &t->shape.online);

	if (!text || !*text)
		return 0;
	p->has_affinity = true;
	p->each = !strcmp(text, "each");
	if (p->each) {
		p->affinity = in;
		return 0;
	}
	int r = shape_cpus(&t->shape, text, &p->affinity, e);
	if (r < 0)
		return err_frame(e, "affinity of workers of %s", p->cgroup->name);
	struct cpuset outside = cpuset_minus(&p->affinity, &in);
	if (cpuset_count(&outside))
		return err_set(e, -EINVAL, "affinity of workers of %s: %s is not in its cpuset",
			       p->cgroup->name, cpus_text(&outside).at);
	return 0;
}

static int spawn(struct ktstr *t, const struct crew_plan *p, struct err *e)
{
	SCOPED(crew_destroy) struct crew *c = NULL;
	int r = crew_create(p, &c, e);

	if (r < 0)
		return r;
	struct crew **more = reallocarray(t->crews, t->nr_crews + 1, sizeof(*more));
	if (!more)
		return err_sys(e, -ENOMEM, "workers of %s", p->cgroup->name);
	t->crews = more;
	t->nr_forked += c->nr;
	t->crews[t->nr_crews++] = hand_over(c);
	return 0;
}

int ktstr_workers_spawn(struct ktstr *t, struct ktstr_workers what)
{
	struct crew_plan p = {
		.args = what,
		.cgroups = &t->cgroups,
		.gate = t->gate,
		.generation = t->gate->opened + 1,
		.seed = t->setup.seed,
		.all = t->shape.online,
	};
	struct err e;
	int r = find(t, what.cgroup, &p.cgroup);

	if (r < 0)
		return r;
	if (work_complete(&p.args, &e) < 0) {
		err_frame(&e, "workers of %s", what.cgroup);
		return ktstr_give_up_(t, &e);
	}
	r = plan_affinity(t, &p, &e);
	if (!r)
		r = spawn(t, &p, &e);
	return r < 0 ? ktstr_give_up_(t, &e) : 0;
}

int ktstr_workers_stop(struct ktstr *t, const char *cgroup)
{
	struct cgroup *c;
	int r = find(t, cgroup, &c);

	return r < 0 ? r : stop_workers(t, c);
}

int ktstr_workers_move(struct ktstr *t, const char *from, const char *to)
{
	struct cgroup *a, *b;
	struct err e;
	int r = find(t, from, &a);

	if (!r)
		r = find(t, to, &b);
	for (size_t i = 0; !r && a != b && i < t->nr_crews; i++)
		if (t->crews[i]->plan.cgroup == a && !t->crews[i]->final &&
		    crew_move(t->crews[i], b, &e) < 0)
			r = ktstr_give_up_(t, &e);
	return r;
}

/* --- time --------------------------------------------------------------------------------- */

/*
 * All workers should stand at the gate when it opens, so that starting them is no part of what is
 * measured. One that a broken scheduler does not even bring there is not waited for: its absence
 * is measured.
 */
static void wait_until_ready(struct ktstr *t)
{
	uint64_t until = clock_ns() + READY_PATIENCE_NS, now;
	uint32_t ready;

	while ((ready = __atomic_load_n(&t->gate->ready, __ATOMIC_ACQUIRE)) + t->nr_absent <
		       t->nr_forked &&
	       (now = clock_ns()) < until) {
		struct timespec left = { 0, (long)(until - now - 1) };

		futex_wait(&t->gate->ready, ready, &left);
	}
	t->nr_absent = t->nr_forked > ready ? t->nr_forked - ready : 0;
}

static void open_gate(struct ktstr *t)
{
	uint32_t opened = t->gate->opened + 1;

	for (size_t i = 0; i < t->nr_crews; i++)
		if (t->crews[i]->plan.generation == opened)
			crew_take_stock(t->crews[i]);
	uint64_t now = clock_ns();
	for (size_t i = 0; i < t->nr_crews; i++)
		if (t->crews[i]->plan.generation == opened)
			crew_start(t->crews[i], now);
	__atomic_store_n(&t->gate->opened, opened, __ATOMIC_RELEASE);
	futex_wake(&t->gate->opened, INT32_MAX);
}

static void begin_load(struct ktstr *t)
{
	wait_until_ready(t);
	if (!t->load_from_ns) {
		struct stage_msg msg = { .stage = STAGE_LOAD_START, .mono_ns = clock_ns() };

		t->load_from_ns = msg.mono_ns;
		if (t->setup.send)
			t->setup.send(t->setup.send_ctx, FRAME_STAGE, &msg, sizeof(msg));
	}
	open_gate(t);
}

/* An absolute deadline: being late once does not add up. */
static int sleep_until(uint64_t ns, struct err *e)
{
	struct itimerspec at = {
		.it_value = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) },
	};
	SCOPED(close_fd) int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t times;

	if (fd < 0 || timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
		return err_sys(e, -errno, "hold: timer");
	int r = read_full(fd, &times, sizeof(times));
	return r < 0 ? err_sys(e, r, "hold: timer") : 0;
}

static int hold(struct ktstr *t, double ms)
{
	struct err e;

	if (!ktstr_going_(t))
		return -ECANCELED;
	if (!(ms > 0 && ms <= MAX_HOLD_MS)) {
		err_set(&e, -EINVAL, "hold: %g ms is no time to hold", ms);
		return ktstr_give_up_(t, &e);
	}
	begin_load(t);
	int r = sleep_until(clock_ns() + (uint64_t)(ms * 1e6), &e);
	t->load_to_ns = clock_ns();
	return r < 0 ? ktstr_give_up_(t, &e) : 0;
}

int ktstr_hold(struct ktstr *t, double part)
{
	return hold(t, part * (double)t->setup.duration_ms);
}

int ktstr_hold_ms(struct ktstr *t, unsigned ms)
{
	return hold(t, ms);
}
