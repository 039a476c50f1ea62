/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "base/parse.h"
#include "catalog/catalog.h"
#include "harness/cell.h"
#include "vm/vm.h"

#define EVENTS_FILE_MAX (64u << 20)

void replay_fini(struct replay *r)
{
	run_record_fini(&r->record);
	job_fini(&r->job);
	buf_fini(&r->events);
	close_fd(&r->kernel_fd);
	r->source.job = NULL; /* the record's */
	session_source_fini(&r->source);
	*r = (struct replay){ .kernel_fd = -1, .source = { .fd = -1, .base.fd = -1 } };
}

/* ---- reading ---- */

static int in_file(struct err *e, int code, const char *name)
{
	err_frame(e, "%s", name);
	return code;
}

static int read_record(struct catalog *c, struct replay *r, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	size_t len;
	int err = run_read(c, r->id, RECORD_FILE, RECORD_MAX, &text, &len, NULL);

	if (err < 0)
		return err_sys(e, err, RECORD_FILE);
	err = run_record_parse(text, len, &r->record, e);
	if (err < 0)
		return in_file(e, err, RECORD_FILE);
	char id[RUN_ID_LEN + 1];
	run_record_id(&r->record.machine, id);
	if (strcmp(id, r->id) != 0)
		return err_set(e, -EBADMSG, RECORD_FILE " is that of run %s", id);
	err = job_parse(r->record.machine.job, strlen(r->record.machine.job), &r->job, e);
	return err < 0 ? in_file(e, -EBADMSG, RECORD_FILE) : 0;
}

static int read_events(struct catalog *c, struct replay *r, struct err *e)
{
	SCOPED(mem_free) char *data = NULL;
	const struct schedule_digest *d = &r->record.outcome.schedule;
	size_t len;
	int err = run_read(c, r->id, RECORD_EVENTS, EVENTS_FILE_MAX, &data, &len, NULL);

	if (err < 0)
		return err_sys(e, err, RECORD_EVENTS);
	err = events_read(data, len, &r->events, e);
	if (err < 0)
		return in_file(e, err, RECORD_EVENTS);
	size_t nr = r->events.len / sizeof(struct sched_event);
	if (nr != (d->have ? d->kept : 0))
		return err_set(e, -EBADMSG, RECORD_EVENTS ": %zu events, the record says %" PRIu64,
			       nr, d->kept);
	return 0;
}

static void fill_cell(struct replay *r)
{
	const struct record_about *a = &r->record.about;
	const struct record_machine *m = &r->record.machine;

	r->cell = (struct cell){
		.test = a->test,
		.summary = a->summary,
		.file = a->file,
		.kernel = a->kernel,
		.kernel_key = a->kernel_key,
		.scheduler = a->scheduler,
		.scheduler_name = a->scheduler_name,
		.arch = m->arch,
		.topo = r->topo,
		.memory_mib = m->memory_mib,
		.seed = m->seed,
	};
	snprintf(r->cell.name, sizeof(r->cell.name), "%s", a->name);
	memcpy(r->cell.topo_text, m->topology, sizeof(m->topology));
}

int replay_open(struct catalog *c, const char *name, struct replay *ret, struct err *e)
{
	SCOPED(replay_fini) struct replay r = { .kernel_fd = -1,
						.source = { .fd = -1, .base.fd = -1 } };
	int err = run_find(c, name, r.id, e);

	if (err < 0)
		return err;
	err = read_record(c, &r, e);
	if (!err)
		err = read_events(c, &r, e);
	if (!err)
		err = topo_parse(r.record.machine.topology, &r.topo, e);
	if (err < 0) {
		err_frame(e, err == -EBADMSG ? "run %s: its record is damaged" : "run %s", r.id);
		return err;
	}
	fill_cell(&r);
	r.cache_dir = catalog_dir(c);
	*ret = r;
	r = (struct replay){ .kernel_fd = -1, .source = { .fd = -1, .base.fd = -1 } };
	return 0;
}

/* ---- is everything there ---- */

static int say(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int say(struct words *w, const char *fmt, ...)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	return text.bad ? text.bad : words_add(w, buf_str(&text));
}

static int check_kernel(struct replay *r, struct catalog *c, struct words *w)
{
	const char *name = r->record.machine.kernel;
	struct err e = { 0 };
	uint64_t size;
	int err = object_open(c, name, &r->kernel_fd, &size, &e);

	if (err == -ENOENT)
		return say(w,
			   "kernel %s is no longer in the cache (its boot file, SHA-256 %.12s...)",
			   r->record.about.kernel, name);
	return err < 0 ? say(w, "kernel %s: %s", r->record.about.kernel, e.text) : 0;
}

static int check_archive(struct replay *r, struct catalog *c, struct words *w)
{
	const char *name = r->record.machine.archive;
	const char *of = *r->record.about.file ? r->record.about.file : r->record.about.test;
	struct err e = { 0 };
	int err = object_open(c, name, &r->source.fd, &r->source.size, &e);

	if (err == -ENOENT)
		return say(w,
			   "the guest archive of %s is no longer in the cache (SHA-256 %.12s...)",
			   of, name);
	return err < 0 ? say(w, "the guest archive of %s: %s", of, e.text) : 0;
}

static int check_base(struct replay *r, struct catalog *c, struct words *w)
{
	struct snapshot_base *b = &r->source.base;
	const struct record_machine *m = &r->record.machine;
	struct err e = { 0 };

	if (!*m->base)
		return 0;
	memcpy(b->sha256, m->base, sizeof(b->sha256));
	b->freeze_at = m->freeze_at;
	int err = object_open(c, m->base, &b->fd, &b->size, &e);
	if (err == -ENOENT)
		return say(
			w,
			"the archive of its snapshot is no longer in the cache (SHA-256 %.12s...)",
			m->base);
	return err < 0 ? say(w, "the archive of its snapshot: %s", e.text) : 0;
}

/* As recorded; without its kernel. */
static struct vm_config machine_of(const struct replay *r)
{
	const struct record_machine *m = &r->record.machine;

	return (struct vm_config){
		.arch = m->arch,
		.topo = r->topo,
		.memory_bytes = (uint64_t)m->memory_mib << 20,
		.initrd_fd = -1,
		.cmdline = m->cmdline,
		.verbose = m->verbose,
		.seed = m->seed,
		.accel = VM_ACCEL_TCG,
		.time = VM_TIME_VIRTUAL,
		.pace = { m->rate_shift, m->turn_us },
	};
}

/* A ktstr that is under development changes without its version. */
static int check_fingerprint(const struct replay *r, struct words *w, size_t *ret_versions)
{
	const struct record_machine *m = &r->record.machine;
	const struct vm_config vm = machine_of(r);
	char now[OBJECT_NAME_LEN + 1];
	struct err e = { 0 };

	if (r->source.fd < 0)
		return 0; /* its archive is not there, which is said already */
	if (machine_fingerprint(r->backend, &vm, *m->base ? r->source.size : 0, now, &e) < 0)
		return say(w, "its machine: %s", e.text);
	if (!strcmp(now, m->fingerprint))
		return 0;
	++*ret_versions;
	return say(w, "this ktstr, %s too, makes another machine of it than the one that ran it",
		   m->ktstr);
}

/* A version may be gone against; that there is no emulator at all may not. */
static int check_versions(struct replay *r, struct words *w, size_t *ret_versions)
{
	const struct record_machine *m = &r->record.machine;
	struct err e = { 0 };
	int err = 0;

	if (vm_choose("qemu", m->arch, VM_ACCEL_TCG, VM_TIME_VIRTUAL, &r->backend, &r->about, &e) <
	    0)
		return say(w, "%s", e.text);
	if (strcmp(r->about.version, m->emulator) != 0) {
		++*ret_versions;
		err = say(w, "the run was made with %s, here is %s", m->emulator, r->about.version);
	}
	if (!err && strcmp(KTSTR_VERSION, m->ktstr) != 0) {
		++*ret_versions;
		err = say(w, "the run was made by ktstr %s, this is ktstr %s", m->ktstr,
			  KTSTR_VERSION);
	}
	return err || *ret_versions ? err : check_fingerprint(r, w, ret_versions);
}

int replay_check(struct replay *r, struct catalog *c, struct words *ret, struct err *e)
{
	size_t versions = 0;
	int err = check_kernel(r, c, ret);

	if (!err)
		err = check_archive(r, c, ret);
	if (!err)
		err = check_base(r, c, ret);
	if (!err)
		err = check_versions(r, ret, &versions);
	if (err < 0)
		return err_sys(e, err, "run %s", r->id);
	r->source.job = r->record.machine.job;
	return ret->nr && ret->nr == versions;
}

/* ---- stopping ---- */

static struct events recorded_events(const struct replay *r)
{
	const struct schedule_digest *d = &r->record.outcome.schedule;

	return (struct events){ d->digest, d->events, (const struct sched_event *)r->events.at,
				r->events.len / sizeof(struct sched_event) };
}

/* Writes over the digits that are there: a job of another length would be another run. */
static int overwrite(char *job, const char *key, uint64_t v, struct err *e)
{
	char digits[JOB_STOP_WIDTH + 1];
	char *at = strstr(job, key);

	snprintf(digits, sizeof(digits), "%0*" PRIu64, JOB_STOP_WIDTH, v);
	if (!at || strspn(at + strlen(key), "0123456789") != JOB_STOP_WIDTH)
		return err_set(e, -ENOTSUP, "its guest was not prepared for a stop");
	memcpy(at + strlen(key), digits, JOB_STOP_WIDTH);
	return 0;
}

static int stop_at_event(struct replay *r, uint64_t n, struct err *e)
{
	const struct events all = recorded_events(r);

	if (n >= all.total)
		return err_set(e, -EINVAL, "it has %" PRIu64 " events, the last one is %" PRIu64,
			       all.total, all.total ? all.total - 1 : 0);
	r->stop = (struct replay_stop){ true, n, n < all.nr };
	return overwrite(r->record.machine.job, "\nstop_event=", n, e);
}

static int stop_at_time(struct replay *r, uint64_t ns, struct err *e)
{
	const struct schedule_digest *d = &r->record.outcome.schedule;
	const struct events all = recorded_events(r);
	size_t n = 0;

	while (n < all.nr && all.at[n].ns < ns)
		n++;
	if (ns > d->end_ns || n == all.total)
		return err_set(e, -EINVAL,
			       "its last event is before that, its schedule ends at %.9f s",
			       (double)d->end_ns / 1e9);
	r->stop = (struct replay_stop){ true, n, n < all.nr };
	return overwrite(r->record.machine.job, "\nstop_ns=", ns, e);
}

int replay_stop_at(struct replay *r, const char *where, struct err *e)
{
	static const char event[] = "event:";
	const struct schedule_digest *d = &r->record.outcome.schedule;
	uint64_t v;
	int err;

	if (!d->have)
		err = err_set(e, -ENOTSUP, "it has no schedule%s%s", *d->why_not ? ": " : "",
			      d->why_not);
	else if (!d->stop_at)
		err = err_set(e, -ENOTSUP, "its kernel does not tell where it can be stopped");
	else if (!strncmp(where, event, sizeof(event) - 1) &&
		 parse_u64(where + sizeof(event) - 1, &v) == 0)
		err = stop_at_event(r, v, e);
	else if (parse_duration(where, &v) == 0)
		err = stop_at_time(r, v, e);
	else
		err = err_set(e, -EINVAL, "neither a time (3.2s) nor event:N");
	if (err < 0)
		err_frame(e, "run %s: stop at %.60s", r->id, where);
	return err;
}

uint32_t replay_stop_cpu(const struct replay *r, uint32_t stopped)
{
	const struct events all = recorded_events(r);

	return r->stop.known ? all.at[r->stop.event].cpu : stopped;
}

void replay_stop_text(const struct replay *r, uint32_t cpu, struct buf *out)
{
	const struct events all = recorded_events(r);

	if (r->stop.known)
		event_place_text(&all, (size_t)r->stop.event, out);
	else
		buf_printf(out, "an event after the first %zu, which were kept, on cpu%u", all.nr,
			   cpu);
}

/* ---- running ---- */

static uint64_t job_ms(const char *text)
{
	uint64_t ms;

	return text && parse_u64(text, &ms) == 0 ? ms * 1000000u : 0;
}

static struct watch_limits limits_of(const struct replay *r)
{
	struct watch_limits l = watch_default_limits(topo_cpus(&r->topo), true, true, 1);

	l.attach += job_ms(r->job.attach_timeout_ms);
	l.body = r->job.timeout_ms ? l.body + job_ms(r->job.timeout_ms) : 0;
	l.test_mode = r->job.mode && !strcmp(r->job.mode, "test");
	return l;
}

int replay_run(const struct replay *r, const struct session_spec *hooks, struct cell_result *ret,
	       struct err *e)
{
	const struct record_machine *m = &r->record.machine;
	const struct record_about *a = &r->record.about;
	const struct cell_wishes wishes = {
		.expect_fail = a->expect_fail,
		.allow_inconclusive = a->allow_inconclusive,
		.no_skip = a->no_skip,
		.expect = a->expect,
	};
	struct session_spec spec = *hooks;
	char kernel[32];

	snprintf(kernel, sizeof(kernel), "/proc/self/fd/%d", r->kernel_fd);
	spec.backend = r->backend;
	spec.vm = machine_of(r);
	spec.vm.kernel_path = kernel;
	spec.vm.freeze_at = r->stop.wanted ? r->record.outcome.schedule.stop_at : 0;
	spec.vm.gdb_path = hooks->vm.gdb_path;
	spec.again = &r->source;
	spec.image.arch = m->arch;
	spec.image.cache_dir = r->cache_dir;
	spec.limits = limits_of(r);
	int err = session_run(&spec, ret, NULL, e);
	if (err < 0)
		return err;
	cell_grant(&wishes, ret);
	ret->cell = &r->cell;
	snprintf(ret->run, sizeof(ret->run), "%s", r->id);
	ret->rerun = strdup(a->again);
	return ret->rerun ? 0 : err_sys(e, -ENOMEM, "run %s", r->id);
}

/* ---- comparing ---- */

static struct events events_of(const struct cell_result *now)
{
	const struct schedule_digest *d = &now->schedule;

	return (struct events){ d->digest, d->events, now->sched_events,
				now->sched_events ? d->kept : 0 };
}

struct replay_outcome replay_compare(const struct replay *r, const struct cell_result *now)
{
	const struct record_outcome *was = &r->record.outcome;
	struct replay_outcome o = {
		.by_schedule = was->schedule.have && now->schedule.have,
		.same_verdict = was->verdict == now->verdict && was->cause == now->cause,
	};

	if (o.by_schedule) {
		struct events a = recorded_events(r), b = events_of(now);

		o.diff = events_compare(&a, &b);
		if (o.diff.verdict != EVENTS_SAME && r->stop.wanted) {
			o.until_stop = true;
			o.diff = events_compare_until(&a, &b,
						      r->stop.known ? r->stop.event + 1 : a.nr);
		}
		/* the verdict belongs to the rest, too */
		o.same = (o.same_verdict || o.until_stop) && o.diff.verdict == EVENTS_SAME;
	} else if (r->stop.wanted) {
		/* only a run with a schedule can be stopped, and a stop does not take it away */
		o.cut_short = true;
	} else {
		/* the guest's last sign of life: a panic, say, has to come at the same nanosecond */
		o.same = o.same_verdict && was->schedule.have == now->schedule.have &&
			 was->over_ns == now->end_ns;
	}
	return o;
}

static void tell_verdicts(const struct record_outcome *was, const struct cell_result *now,
			  struct buf *out)
{
	buf_printf(out, "the verdict was %s (%s), now it is %s (%s)", verdict_name(was->verdict),
		   cause_name(was->cause), verdict_name(now->verdict), cause_name(now->cause));
}

static void tell_ends(const struct record_outcome *was, const struct cell_result *now, bool same,
		      struct buf *out)
{
	if (same)
		buf_printf(out,
			   "same verdict and same end at %.9f s; there is no schedule to compare",
			   (double)now->end_ns / 1e9);
	else
		buf_printf(out, "another run: the machine ended at %.9f s, now at %.9f s",
			   (double)was->over_ns / 1e9, (double)now->end_ns / 1e9);
	const char *why = *was->schedule.why_not ? was->schedule.why_not : now->schedule.why_not;
	if (*why)
		buf_printf(out, " (%s)", why);
}

static void tell_stop(const struct replay *r, size_t kept, struct buf *out)
{
	if (r->stop.known)
		buf_printf(out,
			   "same schedule up to event %" PRIu64
			   ", where it was stopped; then another one",
			   r->stop.event);
	else
		buf_printf(out,
			   "same schedule in the first %zu events, which were kept; it was stopped "
			   "later, then it is another one",
			   kept);
}

void replay_tell(const struct replay *r, const struct cell_result *now,
		 const struct replay_outcome *o, struct buf *out)
{
	const struct record_outcome *was = &r->record.outcome;
	struct events a = recorded_events(r), b = events_of(now);

	if (o->cut_short) {
		buf_printf(out, "it was stopped, and came to no end after that (%s): not compared",
			   now->schedule.why_not);
	} else if (!o->by_schedule) {
		tell_ends(was, now, o->same, out);
	} else if (o->diff.verdict == EVENTS_SAME && o->until_stop) {
		tell_stop(r, a.nr, out);
	} else if (o->diff.verdict == EVENTS_SAME) {
		buf_printf(out, "same schedule: %016" PRIx64 " (%" PRIu64 " events)", b.digest,
			   b.total);
	} else {
		buf_puts(out, "another schedule: ");
		events_diff_text(&o->diff, &a, &b, out);
	}
	if (o->same_verdict)
		return;
	buf_puts(out, "; ");
	tell_verdicts(was, now, out);
}
