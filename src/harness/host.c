/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/host.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "harness/result.h"

#define NOISE_PPM 10000 /* of the load's time */

static int own_affinity(struct pin_mask *ret)
{
	*ret = (struct pin_mask){ 0 };
	return syscall(SYS_sched_getaffinity, 0, sizeof(ret->bits), ret->bits) < 0 ? -errno : 0;
}

static bool is_ours(const void *mask, uint32_t cpu)
{
	return pin_mask_has(mask, cpu);
}

int host_look(struct hosttopo *ret, struct err *e)
{
	SCOPED(hosttopo_fini) struct hosttopo h = { 0 };
	struct pin_mask mask;
	int r = hosttopo_init(&h, e);

	if (!r)
		r = own_affinity(&mask);
	if (!r)
		r = hosttopo_keep(&h, is_ours, &mask, e);
	if (r < 0)
		return r;
	*ret = h;
	h = (struct hosttopo){ 0 };
	return 0;
}

/* Sharing CPUs is what happens anyway; without a lock only those who want to be alone do not know. */
static bool can_do_without(const struct pin_request *pin, int r)
{
	return pin->mode == PIN_SHARED && r != -EBUSY && r != -EINTR;
}

static int reserve(const struct host_wish *w, const struct pin_request *pin, struct host_use *u,
		   struct err *e)
{
	const struct reserve_request req = {
		.pin = *pin,
		.run = w->run ? w->run : "",
		.wait_ns = w->wait_ns,
		.patience = w->patience,
	};
	struct err why = { 0 };
	int r = reserve_take(&req, &u->plan, &u->res, &why);

	u->reserved = !r;
	if (r < 0 && can_do_without(pin, r)) {
		pin_warn(&u->plan.warnings, "reservation", "%.190s", why.text);
		return 0;
	}
	if (r < 0 && e)
		*e = why;
	return r;
}

int host_enter(const struct host_wish *w, const struct topology *guest, bool virtual_time,
	       struct host_use *u, struct err *e)
{
	bool pointless = virtual_time && w->mode == PIN_PERFORMANCE;
	struct pin_request pin = {
		.host = w->topo,
		.guest = *guest,
		.mode = pointless ? PIN_SHARED : w->mode,
		.threads = virtual_time ? 1 : topo_cpus(guest),
		.cpu_cap = w->cpu_cap,
	};

	if (!w->topo)
		return w->mode == PIN_SHARED
			       ? 0
			       : err_set(e, -ENODATA, "host CPUs: their topology is not known");
	int r = own_affinity(&u->before);
	if (r < 0)
		return err_sys(e, r, "host CPUs: affinity");
	u->policy_before = sched_getscheduler(0);
	r = reserve(w, &pin, u, e);
	if (r < 0)
		return r;
	if (pointless)
		pin_warn(&u->plan.warnings, "virtual-time",
			 "in virtual time performance mode has nothing to do");
	if (u->reserved)
		pin_process(&u->plan.place, &u->plan.warnings);
	return 0;
}

void host_serve(struct host_use *u)
{
	if (u->reserved)
		pin_service(&u->plan.place, 0, &u->plan.warnings);
}

static void note(const struct pin_warnings *w, struct cell_result *ret)
{
	char kind[32];

	for (uint32_t i = 0; i < w->nr; i++) {
		snprintf(kind, sizeof(kind), "host:%s", w->w[i].name);
		cell_result_note(ret, kind, w->w[i].text);
	}
}

/* CPUs of one's own that one had to wait for were not quite that. */
static void note_noise(struct cell_result *ret)
{
	char text[120];

	snprintf(text, sizeof(text),
		 "vCPUs waited for their host CPUs in %.1f %% of the load: others run there",
		 (double)ret->load_wait_ppm / 10000);
	cell_result_note(ret, "host:noise", text);
}

void host_tell(const struct host_use *u, const struct pin_warnings *machine,
	       struct cell_result *ret)
{
	SCOPED(buf_fini) struct buf cpus = { 0 };
	const struct vm_placement *p = &u->plan.place;

	note(&u->plan.warnings, ret);
	note(machine, ret);
	if (p->mode == PIN_PERFORMANCE && ret->load_wait_ppm >= NOISE_PPM)
		note_noise(ret);
	if (!u->reserved)
		return;
	pin_mask_format(&p->cpus, &cpus);
	snprintf(ret->host.mode, sizeof(ret->host.mode), "%s", pin_mode_name(p->mode));
	ret->host.cpus = strdup(buf_str(&cpus));
	ret->host.nr_cpus = pin_mask_count(&p->cpus);
	if (p->service != PIN_NONE)
		snprintf(ret->host.service, sizeof(ret->host.service), "%u", p->service);
}

void host_leave(struct host_use *u)
{
	const struct sched_param none = { 0 };

	if (u->reserved) {
		pin_thread(0, &u->before);
		if (u->policy_before >= 0 && sched_getscheduler(0) != u->policy_before)
			sched_setscheduler(0, u->policy_before, &none);
	}
	reserve_release(&u->res);
	pin_plan_fini(&u->plan);
	*u = (struct host_use){ 0 };
}
