/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "author/context.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/frame.h"
#include "base/err.h"

#define DOUBTFUL_NS 100000000

void ktstr_destroy_(struct ktstr *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->nr_crews; i++)
		crew_destroy(t->crews[i]);
	free(t->crews);
	if (t->gate)
		munmap(t->gate, sizeof(*t->gate));
	cgroups_fini(&t->cgroups);
	shape_fini(&t->shape);
	findings_fini(&t->findings);
	free(t->values);
	free(t);
}

int ktstr_create_(const struct ktstr_setup *setup, struct ktstr **ret, struct err *e)
{
	SCOPED(ktstr_destroy_) struct ktstr *t = calloc(1, sizeof(*t));

	if (!t)
		return err_sys(e, -ENOMEM, "test");
	t->setup = *setup;
	t->cgroups.fs = setup->fs;
	int r = limits_parse(setup->limits, &t->limits, e);
	if (!r)
		r = shape_read(setup->sysfs, &t->shape, e);
	if (!r && setup->topology)
		r = shape_check(&t->shape, setup->topology, e);
	if (r < 0)
		return r;
	void *gate = mmap(NULL, sizeof(*t->gate), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (gate == MAP_FAILED)
		return err_sys(e, -errno, "shared memory");
	t->gate = gate;
	*ret = hand_over(t);
	return 0;
}

int ktstr_give_up_(struct ktstr *t, const struct err *e)
{
	findings_add(&t->findings,
		     (struct finding){ .outcome = OUTCOME_INCONCLUSIVE, .kind = RESULT_SETUP },
		     "%s", e->text);
	t->broken = true;
	return e->code;
}

/* --- what was observed -------------------------------------------------------------------- */

static int index_of(const struct ktstr *t, const struct cgroup *c)
{
	for (size_t i = 0; i < t->cgroups.nr; i++)
		if (t->cgroups.at[i] == c)
			return (int)i;
	return -1;
}

static void observe_cgroup(const struct ktstr *t, const struct cgroup *c, struct group_stats *ret)
{
	*ret = (struct group_stats){
		.name = c->name,
		.parent = index_of(t, cgroup_parent(&t->cgroups, c)),
		.weight = c->weight,
		.has_cpuset = c->has_cpus,
		.cpus = cgroup_cpus(&t->cgroups, c, &t->shape.online),
		.unsteady = c->unsteady,
	};
}

/* Crews that were never let go have nothing to tell. */
static int observe_crew(const struct ktstr *t, const struct crew *c, struct observed *o)
{
	struct group_stats *g = &o->group[index_of(t, c->plan.cgroup)];

	if (!c->started_ns)
		return 0;
	struct worker_stats *more = reallocarray(g->worker, g->nr + c->nr, sizeof(*more));
	if (!more)
		return -ENOMEM;
	g->worker = more;
	crew_read(c, &g->worker[g->nr]);
	g->nr += c->nr;
	if (c->unsteady)
		g->unsteady = c->unsteady;
	return 0;
}

int ktstr_observe_(const struct ktstr *t, struct observed *ret)
{
	SCOPED(observed_fini) struct observed o = { 0 };
	int r = 0;

	o.group = calloc(t->cgroups.nr + 1, sizeof(*o.group));
	if (!o.group)
		return -ENOMEM;
	for (o.nr = 0; o.nr < t->cgroups.nr; o.nr++)
		observe_cgroup(t, t->cgroups.at[o.nr], &o.group[o.nr]);
	for (size_t i = 0; !r && i < t->nr_crews; i++)
		r = observe_crew(t, t->crews[i], &o);
	if (r < 0)
		return r;
	*ret = o;
	o = (struct observed){ 0 };
	return 0;
}

/* --- the end ------------------------------------------------------------------------------ */

static void say_ended(struct ktstr *t, const struct crew *c, const struct member *m)
{
	struct finding f = { .kind = RESULT_WORKER, .rank = RANK_CRASH };
	const char *name = c->plan.cgroup->name;

	snprintf(f.cgroup, sizeof(f.cgroup), "%s", name);
	f.outcome = m->ended == CLD_EXITED || m->status == SIGKILL ? OUTCOME_INCONCLUSIVE
								   : OUTCOME_FAIL;
	if (m->ended == CLD_EXITED)
		findings_add(&t->findings, f, "worker %u of %s could not do its work: %s", m->index,
			     name, strerror(m->status));
	else
		findings_add(&t->findings, f, "worker %u of %s was killed by signal %d (%s)%s",
			     m->index, name, m->status, strsignal(m->status),
			     m->status == SIGKILL ? ", probably for lack of memory" : "");
}

static void say_stuck(struct ktstr *t, const struct crew *c, const struct member *m)
{
	struct finding f = {
		.outcome = OUTCOME_FAIL,
		.kind = RESULT_WORKER,
		.rank = RANK_OTHER,
	};

	snprintf(f.cgroup, sizeof(f.cgroup), "%s", c->plan.cgroup->name);
	findings_add(&t->findings, f,
		     "worker %u of %s was not even run to die: it is still there 1 s after SIGKILL",
		     m->index, c->plan.cgroup->name);
}

static void judge_members(struct ktstr *t)
{
	for (size_t i = 0; i < t->nr_crews; i++) {
		const struct crew *c = t->crews[i];

		for (unsigned k = 0; k < c->nr; k++) {
			if (c->member[k].ended)
				say_ended(t, c, &c->member[k]);
			if (c->member[k].stuck && c->started_ns)
				say_stuck(t, c, &c->member[k]);
		}
	}
}

/* Nothing may pass when nothing ran. */
static void judge_emptiness(struct ktstr *t)
{
	struct finding f = { .outcome = OUTCOME_INCONCLUSIVE, .kind = RESULT_SETUP };

	for (size_t i = 0; i < t->nr_crews; i++) {
		if (t->crews[i]->started_ns)
			continue;
		findings_add(&t->findings, f,
			     "the workers of %s never started: no ktstr_hold() came after their "
			     "ktstr_spawn()",
			     t->crews[i]->plan.cgroup->name);
		return;
	}
	if (!t->nr_crews && !t->nr_expects)
		findings_add(&t->findings, f, "the test put no load on and expected nothing");
}

/*
 * The dying is not waited for: under emulation it takes as long as all the rest. Except when one
 * was not being run: whether it is run to die is worth knowing.
 */
static void end_load(struct ktstr *t)
{
	struct err e;
	bool doubt = false;

	if (crews_halt(t->crews, t->nr_crews, &e) < 0)
		ktstr_give_up_(t, &e);
	for (size_t i = 0; i < t->nr_crews; i++)
		for (unsigned k = 0; t->crews[i]->final && k < t->crews[i]->nr; k++)
			doubt |= t->crews[i]->final[k].overdue_ns > DOUBTFUL_NS;
	if (doubt)
		crews_bury(t->crews, t->nr_crews);
}

static void send_load_end(const struct ktstr *t)
{
	struct stage_msg msg = { .stage = STAGE_LOAD_END, .mono_ns = t->load_to_ns };

	if (t->setup.send && t->load_from_ns)
		t->setup.send(t->setup.send_ctx, FRAME_STAGE, &msg, sizeof(msg));
}

int ktstr_finish_(struct ktstr *t, struct buf *json, struct err *e)
{
	SCOPED(observed_fini) struct observed o = { 0 };

	send_load_end(t);
	end_load(t);
	int r = ktstr_observe_(t, &o);
	if (r < 0)
		return err_sys(e, r, "statistics");
	judge_members(t);
	if (ktstr_going_(t))
		judge_emptiness(t);
	/* who gave up or was skipped before anything ran has said why there is nothing to judge */
	if (ktstr_going_(t) || t->load_from_ns)
		checks_judge(&o, &t->limits, &t->findings);
	findings_close(&t->findings);
	result_write(json, &t->findings, &o, t->values, t->nr_values,
		     t->load_to_ns - t->load_from_ns);
	return json->bad < 0 ? err_sys(e, json->bad, "result") : 0;
}
