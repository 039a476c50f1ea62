/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/cell.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "harness/limits.h"
#include "harness/recorder.h"
#include "harness/session.h"

/* ---- the job ---- */

static int add_scheduler(const struct plan_cell *pc, struct job *j)
{
	int r = job_set(&j->sched_name, pc->sched->display);

	if (!r)
		r = job_set_number(&j->attach_timeout_ms, 0, pc->sched->attach_timeout_ms);
	for (size_t i = 0; !r && i < pc->sched->args.nr; i++)
		r = job_list_add(&j->sched_args, pc->sched->args.at[i]);
	for (size_t i = 0; !r && i < pc->sched->sysctls.nr; i++)
		r = job_list_add(&j->sysctls, pc->sched->sysctls.at[i]);
	return r;
}

static int make_job(const struct plan_cell *pc, struct job *j)
{
	SCOPED(buf_fini) struct buf limits = { 0 };
	int r = job_set(&j->mode, "test");

	limits_format(&pc->limits, &limits);
	if (!r)
		r = limits.bad;
	if (!r)
		r = job_set(&j->test, pc->cell.test);
	if (!r)
		r = job_set_number(&j->seed, 0, pc->cell.seed);
	if (!r)
		r = job_set_number(&j->duration_ms, 0, pc->duration_ms);
	if (!r)
		r = job_set_number(&j->timeout_ms, 0, pc->timeout_ms);
	if (!r)
		r = job_set(&j->topology, pc->cell.topo_text);
	if (!r)
		r = job_set(&j->limits, buf_str(&limits));
	if (!r && pc->sched->path)
		r = add_scheduler(pc, j);
	return r;
}

/* ---- verdicts ---- */

static void set_outcome(struct cell_result *ret, enum verdict v, enum cause c, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void set_outcome(struct cell_result *ret, enum verdict v, enum cause c, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	free(ret->headline);
	ret->headline = text;
	ret->verdict = v;
	ret->cause = c;
}

static bool contains(const char *text, const char *what)
{
	return text && strstr(text, what);
}

/* Where an expected failure may say what it was expected to say. */
static bool says(const struct cell_result *r, const char *what)
{
	bool found = contains(r->headline, what) || contains(r->sched_log, what) ||
		     contains(r->sched_dump, what);

	for (size_t i = 0; i < r->nr_details && !found; i++)
		found = contains(r->details[i].text, what);
	return found;
}

/* Only what the scheduler or the test did can be expected, not trouble of ours. */
static void judge_expected(const char *expect, struct cell_result *ret)
{
	SCOPED(mem_free) char *old = strdup(ret->headline ? ret->headline : "");

	if (ret->verdict == VERDICT_PASS)
		set_outcome(ret, VERDICT_FAIL, CAUSE_UNEXPECTED_PASS,
			    "the test was expected to fail and passed");
	else if (ret->verdict == VERDICT_FAIL && expect[0] && !says(ret, expect))
		set_outcome(ret, VERDICT_FAIL, CAUSE_UNEXPECTED_PASS,
			    "failed, but nowhere says \"%s\" as expected: %s", expect,
			    old ? old : "");
	else if (ret->verdict == VERDICT_FAIL)
		set_outcome(ret, VERDICT_PASS, CAUSE_NONE, "failed as expected: %s",
			    old ? old : "");
}

void cell_grant(const struct cell_wishes *w, struct cell_result *ret)
{
	if (w->expect_fail)
		judge_expected(w->expect, ret);
	if (ret->verdict == VERDICT_INCONCLUSIVE && w->allow_inconclusive &&
	    ret->cause == CAUSE_UNJUDGED)
		ret->verdict = VERDICT_PASS;
	if (ret->verdict == VERDICT_SKIP && w->no_skip)
		ret->verdict = VERDICT_FAIL;
}

static struct cell_wishes wishes_of(const struct plan_cell *pc, const struct run_options *o)
{
	return (struct cell_wishes){
		.expect_fail = pc->test->flags & KTSTR_TEST_EXPECT_FAIL,
		.allow_inconclusive = pc->test->flags & KTSTR_TEST_ALLOW_INCONCLUSIVE,
		.no_skip = o->no_skip,
		.expect = pc->test->expect,
	};
}

void cell_finish(const struct plan *p, const struct plan_cell *pc, const struct run_options *o,
		 struct cell_result *ret)
{
	SCOPED(buf_fini) struct buf again = { 0 };
	struct cell_wishes w = wishes_of(pc, o);

	cell_grant(&w, ret);
	plan_rerun(p, pc, &again);
	free(ret->rerun);
	ret->rerun = strdup(buf_str(&again));
}

void cell_conclude(const struct plan *p, const struct plan_cell *pc, const struct run_options *o,
		   enum cause c, const char *why, struct cell_result *ret)
{
	const struct vm_about *about = &o->about[pc->cell.arch];

	ret->cell = &pc->cell;
	set_outcome(ret, cause_verdict(c), c, "%s", why);
	memcpy(ret->backend, about->backend, sizeof(ret->backend));
	memcpy(ret->accel, about->accel, sizeof(ret->accel));
	cell_finish(p, pc, o, ret);
}

/* ---- running ---- */

static void fill_vm(const struct plan_cell *pc, const struct run_options *o, const char *kargs,
		    struct vm_config *vm)
{
	bool virtual_time = o->about[pc->cell.arch].virtual_time;

	*vm = (struct vm_config){
		.arch = pc->cell.arch,
		.topo = pc->cell.topo,
		.memory_bytes = (uint64_t)pc->cell.memory_mib << 20,
		.kernel_path = pc->kernel->kernel.boot_path,
		.initrd_fd = -1,
		.cmdline = kargs,
		.verbose = o->verbose,
		.seed = pc->cell.seed,
		.accel = virtual_time ? VM_ACCEL_TCG : o->accel,
		.time = virtual_time ? VM_TIME_VIRTUAL : VM_TIME_REAL,
		.pace = pace_choose(topo_cpus(&pc->cell.topo), &o->pace),
	};
}

static struct watch_limits cell_limits(const struct plan_cell *pc, const struct run_options *o)
{
	const struct vm_about *about = &o->about[pc->cell.arch];
	bool emulated = strcmp(about->accel, "kvm") != 0;
	struct watch_limits l = watch_default_limits(topo_cpus(&pc->cell.topo), emulated,
						     about->virtual_time, o->slow);

	/* Init enforces both; what comes from here is the margin for when it cannot. */
	l.attach += pc->sched->attach_timeout_ms * 1000000ull;
	l.body += pc->timeout_ms * 1000000ull;
	l.test_mode = true;
	return l;
}

static struct host_wish host_for(const struct plan_cell *pc, const struct run_options *o)
{
	struct host_wish w = o->host;

	w.mode = plan_pin_mode(pc, o->host.mode);
	w.run = pc->cell.name;
	return w;
}

static int make_kargs(const struct plan_cell *pc, const struct run_options *o, struct buf *out)
{
	if (pc->sched->kargs && pc->sched->kargs[0])
		buf_puts(out, pc->sched->kargs);
	if (o->kargs && o->kargs[0])
		buf_printf(out, "%s%s", out->len ? " " : "", o->kargs);
	return out->bad;
}

static int run_cell(const struct plan *p, const struct plan_cell *pc, const struct run_options *o,
		    struct cell_result *ret, struct err *e)
{
	SCOPED(session_source_fini) struct session_source source = { .fd = -1, .base.fd = -1 };
	SCOPED(job_fini) struct job job = { 0 };
	SCOPED(buf_fini) struct buf kargs = { 0 };
	struct guest_include inc[2] = {
		{ pc->file->path, GUEST_TEST_PATH, true },
		{ pc->sched->path, GUEST_SCHED_PATH, true },
	};
	struct session_spec spec = {
		.backend = o->backend[pc->cell.arch],
		.job = &job,
		.source = &source,
		.host = host_for(pc, o),
		.limits = cell_limits(pc, o),
		.checks = &pc->limits,
		.image = {
			.arch = pc->cell.arch,
			.modules_dir = pc->kernel->kernel.modules_dir,
			.sysroot = o->sysroot,
			.includes = inc,
			.nr_includes = pc->sched->path ? 2 : 1,
			.cache_dir = o->cache_dir,
		},
		.patience = o->host.patience,
	};

	/* The cells of one run make each other's snapshots all the time. */
	spec.patience.strangers_only = true;
	int r = make_job(pc, &job);
	if (!r)
		r = make_kargs(pc, o, &kargs);
	if (r < 0)
		return err_sys(e, r, "job");
	fill_vm(pc, o, buf_str(&kargs), &spec.vm);
	r = session_run(&spec, ret, NULL, e);
	if (r < 0)
		return r;
	ret->cell = &pc->cell;
	cell_finish(p, pc, o, ret);
	struct recorder rec = {
		.cache_dir = o->cache_dir,
		.backend = spec.backend,
		.vm = &spec.vm,
		.source = &source,
		.file = pc->file->path,
		.scheduler = pc->sched->path,
		.wishes = wishes_of(pc, o),
	};
	recorder_try(&rec, ret);
	return 0;
}

static enum cause cause_of(enum err_class cls)
{
	return cls == ERR_CONTENTION ? CAUSE_CONTENTION
	       : cls == ERR_TOPOLOGY ? CAUSE_HOST_TOO_SMALL
				     : CAUSE_HARNESS;
}

void cell_run(const struct plan *p, const struct plan_cell *pc, const struct run_options *o,
	      struct cell_result *ret)
{
	struct err e = { 0 };
	uint64_t from = now_ns();
	int r = run_cell(p, pc, o, ret, &e);

	if (r < 0) {
		cell_result_fini(ret);
		cell_conclude(p, pc, o, cause_of(e.cls), e.text, ret);
	}
	ret->times.total = now_ns() - from;
}
