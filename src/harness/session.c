/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "abi/job.h"
#include "abi/parcel.h"
#include "base/err.h"
#include "base/io.h"
#include "harness/stall.h"

/* What a kernel says while it boots; ten times what is usual. */
#define BOOT_LOG_MAX (1u << 20)

static void session_fini(struct session *s)
{
	vm_destroy(s->vm);
	host_leave(&s->host);
	watch_fini(&s->watch);
	snapshot_fini(&s->snap);
	buf_fini(&s->boot_log);
	guest_build_fini(&s->image);
	free(s->stalls);
}
DEFINE_SCOPED_FINI(struct session, session_fini)

static bool in_virtual_time(const struct session *s)
{
	return s->spec->vm.time == VM_TIME_VIRTUAL;
}

void session_source_fini(struct session_source *s)
{
	close_fd(&s->fd);
	snapshot_base_fini(&s->base);
	free(s->file);
	free(s->job);
	*s = (struct session_source){ .fd = -1, .base.fd = -1 };
}

/* The descriptor is the guest's own archive: who keeps it keeps what the guest got. */
static int tell_source(const struct session *s, const char *job, struct err *e)
{
	struct session_source *to = s->spec->source;

	if (!to)
		return 0;
	*to = (struct session_source){
		.fd = fcntl(s->image.fd, F_DUPFD_CLOEXEC, 3),
		.size = s->image.plain_size,
		.file = s->image.plain_file ? strdup(s->image.plain_file) : NULL,
		.job = strdup(job),
		.base.fd = -1,
	};
	memcpy(to->sha256, s->image.plain_sha256, sizeof(to->sha256));
	if (to->fd < 0)
		return err_sys(e, -errno, "guest image");
	return to->job ? 0 : err_set(e, -ENOMEM, "guest image: out of memory");
}

static int take_image(struct session *s, struct cell_result *ret, struct err *e)
{
	const struct session_source *from = s->spec->again;
	uint64_t began = now_ns();
	int r = guest_image_take(from->fd, from->size, &s->image, e);

	if (!r)
		r = guest_image_finish(&s->image, from->job, strlen(from->job), e);
	ret->times.image = now_ns() - began;
	return r;
}

/* A stop that never comes has its keys, too: see JOB_STOP_WIDTH. */
static int ask_for_exactness(struct job *j, uint64_t seed)
{
	int r = job_set(&j->time, JOB_TIME_VIRTUAL);

	if (!r)
		r = job_set_number(&j->seed, 0, seed);
	if (!r)
		r = job_set_number(&j->events, 0, EVENTS_KEPT);
	if (!r)
		r = job_set_number(&j->stop_event, JOB_STOP_WIDTH, JOB_STOP_NEVER);
	return r ? r : job_set_number(&j->stop_ns, JOB_STOP_WIDTH, JOB_STOP_NEVER);
}

static int build_image(struct session *s, struct cell_result *ret, struct err *e)
{
	struct guest_spec spec = s->spec->image;
	SCOPED(buf_fini) struct buf text = { 0 };
	uint64_t from = now_ns();

	spec.modules = vm_guest_modules(s->spec->backend, s->spec->vm.arch);
	int r = guest_image_open(&spec, &s->image, e);
	if (r < 0)
		return err_frame(e, "guest image");
	if (in_virtual_time(s) && !s->spec->vm.fed && !s->spec->vm.tty &&
	    ask_for_exactness(s->spec->job, s->spec->vm.seed) < 0)
		return err_set(e, -ENOMEM, "guest image: out of memory");
	for (char **m = s->image.modules; m && *m; m++)
		if (job_list_add(&s->spec->job->modules, *m) < 0)
			return err_set(e, -ENOMEM, "guest image: out of memory");
	r = job_write(s->spec->job, &text, e);
	if (!r)
		r = guest_image_finish(&s->image, text.at, text.len, e);
	if (!r)
		r = tell_source(s, buf_str(&text), e);
	ret->times.image = now_ns() - from;
	return r;
}

static void begin_watch(struct session *s)
{
	const struct session_spec *spec = s->spec;

	watch_init(&s->watch, &spec->limits, in_virtual_time(s) ? 1 : now_ns());
	s->watch.on_output = spec->on_output;
	s->watch.on_console = spec->on_console;
	s->watch.ctx = spec->ctx;
}

/* The archive is in RAM twice while the kernel unpacks it. */
static int check_memory(const struct session *s, struct err *e)
{
	uint64_t need = s->image.size + s->image.unpacked + (64ull << 20);

	if (s->spec->vm.memory_bytes >= need)
		return 0;
	return err_set(e, -ENOSPC,
		       "guest memory: %llu MiB is too little for this archive, it needs %llu MiB "
		       "(--memory)",
		       (unsigned long long)(s->spec->vm.memory_bytes >> 20),
		       (unsigned long long)((need >> 20) + 1));
}

/* ---- the machine: it boots, or goes on from a snapshot, which may have to be made first ---- */

static int tell_base(const struct session *s, struct err *e)
{
	const struct snapshot_base *b = &s->snap.base;
	struct session_source *to = s->spec->source;

	if (!to || !b->size)
		return 0;
	to->base = *b;
	to->base.fd = fcntl(b->fd, F_DUPFD_CLOEXEC, 3);
	return to->base.fd < 0 ? err_sys(e, -errno, "guest image") : 0;
}

/* One that is made again is made in the way it was. */
static int find_snapshot(struct session *s, struct err *e)
{
	const struct session_source *again = s->spec->again;
	const struct snapshot_wish w = {
		.backend = s->spec->backend,
		.vm = &s->spec->vm,
		.image = &s->spec->image,
		.archive_bytes = s->image.size,
		.again = again ? &again->base : NULL,
		.patience = s->spec->patience,
	};

	return again && !again->base.size ? 0 : snapshot_find(&s->snap, &w, e);
}

static int create_machine(struct session *s, struct err *e)
{
	struct vm_config cfg = s->spec->vm;

	cfg.initrd_fd = s->image.fd;
	cfg.place = s->host.reserved ? &s->host.plan.place : NULL;
	snapshot_apply(&s->snap, &cfg);
	int r = vm_create(s->spec->backend, &cfg, &s->vm, e);
	if (r == -EBADMSG && s->snap.state == SNAPSHOT_READY) {
		snapshot_redo(&s->snap);
		buf_clear(&s->boot_log);
		return create_machine(s, e);
	}
	for (const int *fd = s->spec->inputs; !r && fd && *fd >= 0; fd++)
		r = vm_watch(s->vm, *fd, true, e);
	return r < 0 ? r : vm_start(s->vm, e);
}

static void drop_machine(struct session *s)
{
	vm_destroy(s->vm);
	s->vm = NULL;
}

/* The machine that was booted is at where it was to be frozen: the run goes on with a copy. */
static int change_machines(struct session *s, struct err *e)
{
	int r = s->boot_log.bad;

	if (r < 0)
		return err_sys(e, r, "console of the machine");
	r = snapshot_save(&s->snap, s->vm, &s->boot_log, e);

	if (r == -ESRCH) /* it ended meanwhile: vm_next() says how */
		return 0;
	drop_machine(s);
	s->said_before = s->boot_log.len;
	s->made_snapshot = true;
	return r < 0 ? r : create_machine(s, e);
}

/* Guests whose kernel has no /dev/mem: from here on they boot. */
static bool refused_snapshot(const struct session *s)
{
	const char *why = strstr(s->watch.text, PARCEL_REFUSED);

	return s->snap.state == SNAPSHOT_MAKING && s->watch.cause == CAUSE_GUEST_SETUP && why;
}

static int boot_instead(struct session *s, struct err *e)
{
	snapshot_refuse(&s->snap,
			strstr(s->watch.text, PARCEL_REFUSED) + sizeof(PARCEL_REFUSED) - 1);
	drop_machine(s);
	watch_fini(&s->watch);
	begin_watch(s);
	return create_machine(s, e);
}

static void tell_why_it_boots(const struct session *s, struct cell_result *ret)
{
	SCOPED(buf_fini) struct buf text = { 0 };

	buf_printf(&text, "guests of this kernel and shape boot each time: %s", s->snap.why_not);
	cell_result_note(ret, "snapshot", buf_str(&text));
}

/* One that was booted to be frozen and never came there made none. */
static void tell_snapshot(const struct session *s, struct cell_result *ret)
{
	if (s->snap.state == SNAPSHOT_READY)
		snprintf(ret->snapshot, sizeof(ret->snapshot), "%s",
			 s->made_snapshot ? SNAPSHOT_MADE : SNAPSHOT_USED);
}

static int start_machine(struct session *s, struct cell_result *ret, struct err *e)
{
	const struct vm_config *cfg = &s->spec->vm;
	int r = check_memory(s, e);

	/* As late as that, so that CPUs are not held for what needs none. */
	if (!r)
		r = find_snapshot(s, e);
	if (!r)
		r = host_enter(&s->spec->host, &cfg->topo, in_virtual_time(s), &s->host, e);
	if (r < 0)
		return r;
	uint64_t from = now_ns();
	ret->times.wait = s->host.res.waited_ns;
	r = create_machine(s, e);
	if (r < 0)
		return r;
	ret->times.setup = now_ns() - from;
	host_serve(&s->host);
	memcpy(ret->backend, s->vm->about.backend, sizeof(ret->backend));
	memcpy(ret->accel, s->vm->about.accel, sizeof(ret->accel));
	memcpy(ret->emulator, s->vm->about.version, sizeof(ret->emulator));
	ret->virtual_time = in_virtual_time(s);
	if (ret->virtual_time) {
		ret->rate_mips = pace_rate(&cfg->pace);
		ret->turn_us = cfg->pace.turn_us;
	}
	return 0;
}

int session_send(struct session *s, uint16_t type, const void *data, size_t n, struct err *e)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	uint32_t seq = s->tx_seq;

	frame_put(&out, &seq, type, data, n);
	if (out.bad)
		return err_set(e, out.bad, "link: frame of type %u", type);
	int r = vm_link_send(s->vm, out.at, out.len, e);
	if (!r)
		s->tx_seq = seq;
	return r;
}

/* Before its body runs a guest has nowhere to put what comes. */
static int open_input(struct session *s, struct err *e)
{
	if (s->input_open || s->watch.phase != WATCH_BODY)
		return 0;
	s->input_open = true;
	return s->spec->on_ready ? s->spec->on_ready(s->spec->ctx, s, e) : 0;
}

static int pass_freeze(struct session *s, const struct vm_event *ev, struct err *e)
{
	int r = 0;

	if (s->snap.state == SNAPSHOT_MAKING) {
		r = change_machines(s, e);
	} else {
		if (s->spec->on_frozen)
			r = s->spec->on_frozen(s->spec->ctx, ev->cpu, ev->fd, e);
		if (!r)
			r = vm_resume(s->vm, e);
	}
	pulse_rest(&s->pulse, now_ns());
	return r == -ESRCH ? 0 : r; /* it ended meanwhile: vm_next() says how */
}

/* A copy of the machine says all of it once more. */
static void take_console(struct session *s, const struct vm_event *ev, uint64_t now)
{
	if (s->said_before) {
		s->said_before = false;
		return;
	}
	if (s->snap.state == SNAPSHOT_MAKING && s->boot_log.len < BOOT_LOG_MAX)
		buf_put(&s->boot_log, ev->data, ev->len);
	watch_console(&s->watch, ev->data, ev->len, now);
}

static int handle(struct session *s, const struct vm_event *ev, uint64_t now, struct err *e)
{
	const struct session_spec *spec = s->spec;

	switch (ev->kind) {
	case VM_EVENT_NONE:
		s->unread = false;
		return 0;
	case VM_EVENT_CONSOLE:
		take_console(s, ev, now);
		return 0;
	case VM_EVENT_LINK:
		watch_link(&s->watch, ev->data, ev->len, now);
		return open_input(s, e);
	case VM_EVENT_LINK_CLOSED:
		watch_link_closed(&s->watch, now);
		return 0;
	case VM_EVENT_TTY:
		if (spec->on_tty)
			spec->on_tty(spec->ctx, ev->data, ev->len);
		return 0;
	case VM_EVENT_LINK_READY:
		return spec->on_ready && s->input_open ? spec->on_ready(spec->ctx, s, e) : 0;
	case VM_EVENT_WATCHED:
		return spec->on_input ? spec->on_input(spec->ctx, s, ev->fd, e) : 0;
	case VM_EVENT_FROZEN:
		return pass_freeze(s, ev, e);
	case VM_EVENT_STOPPED:
		watch_stopped(&s->watch, &ev->stop, now);
		return 0;
	}
	return 0;
}

static int act(struct session *s, uint64_t now)
{
	switch (watch_tick(&s->watch, now)) {
	case WATCH_GO_ON:
		return 0;
	case WATCH_ASK_STOP:
		/*
		 * A guest too slow to take it is killed when its time to stop is over; one that
		 * takes nothing, in virtual time, does not wait for it.
		 */
		return session_send(s, FRAME_STOP, NULL, 0, NULL) == -ENOMEM ? -ENOMEM : 0;
	case WATCH_KILL:
		vm_kill(s->vm);
		return 0;
	}
	return 0;
}

/* Only the measured window counts: boot and teardown load the host as they like. */
static void sample(struct session *s, uint64_t now)
{
	const struct watch *w = &s->watch;

	if (in_virtual_time(s) || !w->load_began || w->load_over || w->phase != WATCH_BODY)
		return;
	if (s->stalls->started && now - s->stalls->last_at < STALL_INTERVAL_NS)
		return;
	struct vm_stats st;
	if (vm_stats(s->vm, &st, NULL) == 0)
		stall_sample(s->stalls, &st, now);
}

static uint64_t next_deadline(const struct session *s)
{
	uint64_t end = watch_deadline(&s->watch);

	if (in_virtual_time(s))
		return s->unread ? 0 : s->pulse.look_at;
	if (s->watch.load_began && !s->watch.load_over && s->watch.phase == WATCH_BODY)
		end = MIN(end, s->stalls->last_at + STALL_INTERVAL_NS);
	return end;
}

/* Is the guest's clock to be read? In virtual time one thread executes all vCPUs. */
static bool look_at_threads(struct session *s, uint64_t now)
{
	struct vm_stats st = { .nr_vcpus = 0 };

	if (vm_stats(s->vm, &st, NULL) < 0 || !st.nr_vcpus) {
		s->pulse.look_at = now + PULSE_LOOK_NS;
		return true;
	}
	const struct pulse_use used = { st.vcpu[0].run_ns, st.vcpu[0].wait_ns, st.loop.run_ns };
	return pulse_look(&s->pulse, &used, now) || s->unread;
}

static void read_clock(struct session *s)
{
	struct err why = { 0 };
	uint64_t guest_ns;
	int r = vm_clock(s->vm, &guest_ns, &why);

	if (r == -ESRCH) /* it is gone: vm_next() will say how */
		return;
	if (r < 0) {
		watch_give_up(&s->watch, CAUSE_EMULATOR_HUNG, why.text);
		vm_kill(s->vm);
		return;
	}
	/* Who talks faster than is read has been listened to since the last time. */
	s->unread = !s->unread;
	if (pulse_read(&s->pulse, guest_ns, now_ns()) == PULSE_BEATS)
		return;
	watch_give_up(&s->watch, CAUSE_EMULATOR_HUNG,
		      "the emulator hangs: virtual time does not pass any more");
	vm_kill(s->vm);
}

/*
 * The time that limits are measured in. A clock that was read may be far ahead of what the guest said
 * last, if we were the ones that did not run; so it counts once all that was said before it is read.
 */
static uint64_t watch_time(struct session *s, uint64_t now)
{
	if (!in_virtual_time(s))
		return now;
	pulse_news(&s->pulse, s->watch.clock, now);
	if (now >= s->pulse.look_at && s->watch.phase != WATCH_OVER && look_at_threads(s, now))
		read_clock(s);
	return s->unread ? s->watch.clock : s->pulse.guest_ns;
}

static int watch_guest(struct session *s, struct err *e)
{
	bool boots = s->snap.state != SNAPSHOT_READY;

	pulse_init(&s->pulse, boots ? topo_cpus(&s->spec->vm.topo) : 0, now_ns());
	while (s->watch.phase != WATCH_OVER) {
		struct vm_event ev;
		int r = vm_next(s->vm, next_deadline(s), &ev, e);

		if (r < 0)
			return r;
		uint64_t now = now_ns();
		r = handle(s, &ev, now, e);
		if (!r)
			r = act(s, watch_time(s, now));
		if (r < 0)
			return r;
		sample(s, now);
	}
	return 0;
}

/* That there are none is no trouble: it is so with every emulator. */
static void take_counters(struct session *s, struct cell_result *ret)
{
	struct vm_counter all[VM_MAX_COUNTERS];
	int n = vm_counters(s->vm, all);

	if (n <= 0)
		return;
	ret->counters = calloc((size_t)n, sizeof(*ret->counters));
	for (int i = 0; ret->counters && i < n; i++) {
		struct host_counter *c = &ret->counters[ret->nr_counters++];

		snprintf(c->name, sizeof(c->name), "%s", all[i].name);
		c->sum = all[i].sum;
		c->average = all[i].sum / topo_cpus(&s->spec->vm.topo);
	}
}

int session_run(const struct session_spec *spec, struct cell_result *ret, struct session_end *end,
		struct err *e)
{
	SCOPED(session_fini) struct session s = { .spec = spec,
						  .image = { .fd = -1 },
						  .snap = SNAPSHOT_INIT };
	int r;

	s.stalls = calloc(1, sizeof(*s.stalls));
	if (!s.stalls)
		return err_set(e, -ENOMEM, "session: out of memory");
	r = spec->again ? take_image(&s, ret, e) : build_image(&s, ret, e);
	if (!r)
		r = start_machine(&s, ret, e);
	if (r < 0)
		return r;
	begin_watch(&s);
	r = watch_guest(&s, e);
	if (!r && refused_snapshot(&s)) {
		r = boot_instead(&s, e);
		if (!r)
			r = watch_guest(&s, e);
	}
	if (!r)
		r = tell_base(&s, e);
	if (r < 0)
		return r;
	tell_snapshot(&s, ret);
	if (in_virtual_time(&s))
		ret->end_ns = s.watch.over_at;
	if (s.snap.why_not[0])
		tell_why_it_boots(&s, ret);
	ret->host_stall_ns = s.stalls->longest_ns;
	ret->load_wait_ppm = stall_wait_ppm(s.stalls);
	if (end)
		*end = (struct session_end){ s.watch.have_exit, s.watch.exit };
	take_counters(&s, ret);
	struct pin_warnings warnings = s.vm->warnings;
	vm_destroy(hand_over(s.vm));
	reserve_release(&s.host.res); /* others may be waiting */
	watch_collect(&s.watch, ret);
	r = spec->checks ? stall_excuse(ret, spec->checks) : 0;
	if (!r)
		r = watch_judge(&s.watch, ret);
	host_tell(&s.host, &warnings, ret);
	return r < 0 ? err_set(e, r, "session: out of memory") : 0;
}
