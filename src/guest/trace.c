/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/event.h"
#include "base/err.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "guest/uplink.h"
#include "link/job.h"

#include "trace_bpf.h" /* made from trace.bpf.c */

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"
#define EVENTS_PER_FRAME (FRAME_MAX_PAYLOAD / sizeof(struct sched_event))

struct trace {
	struct trace_bpf *bpf;
	uint32_t max;			/* events that are kept */
	const struct sched_event *kept; /* the map, max of them */
	uint64_t begin_ns, end_ns;
	bool said; /* FRAME_DIGEST is out */
	uint64_t to_send, sent;
};

void trace_destroy(struct trace *t)
{
	if (!t)
		return;
	if (t->kept)
		munmap((void *)(uintptr_t)t->kept, t->max * sizeof(*t->kept));
	trace_bpf__destroy(t->bpf);
	free(t);
}
DEFINE_SCOPED(struct trace *, trace_destroy)

struct wish {
	uint32_t events;
	uint64_t stop_event, stop_ns;
};

static int read_wish(const struct job *j, struct wish *ret, struct err *e)
{
	*ret = (struct wish){ .stop_event = UINT64_MAX, .stop_ns = UINT64_MAX };
	if (parse_u32(j->events, &ret->events) < 0 || ret->events > SCHED_EVENTS_MAX)
		return err_set(e, -EINVAL, "job: events: \"%s\" is no number up to %u", j->events,
			       SCHED_EVENTS_MAX);
	if (j->stop_event && parse_u64(j->stop_event, &ret->stop_event) < 0)
		return err_set(e, -EINVAL, "job: stop_event: \"%s\"", j->stop_event);
	if (j->stop_ns && parse_u64(j->stop_ns, &ret->stop_ns) < 0)
		return err_set(e, -EINVAL, "job: stop_ns: \"%s\"", j->stop_ns);
	return 0;
}

/* Asked of the kernel one by one, because bpf(2) has the same few numbers for all of them. */
static int check_kernel(struct err *e)
{
	union bpf_attr none = { 0 };

	if (skel_sys_bpf(BPF_MAP_CREATE, &none, sizeof(none)) < 0 && errno == ENOSYS)
		return err_set(e, -ENOSYS, "the kernel has no BPF (CONFIG_BPF_SYSCALL)");
	if (access(KERNEL_BTF, R_OK) < 0)
		return err_set(e, -errno,
			       "the kernel does not describe its types (CONFIG_DEBUG_INFO_BTF)");
	return 0;
}

/* A kernel that does not tell cannot be stopped at an event; all else works. */
static void find_stop(struct trace_bpf *bpf)
{
	union bpf_attr attr = { .test.prog_fd = (uint32_t)bpf->progs.find_stop.prog_fd };

	skel_sys_bpf(BPF_PROG_RUN, &attr, sizeof(attr));
}

static int load(struct trace *t, const struct wish *w, struct err *e)
{
	t->max = MAX(w->events, 1u);
	t->bpf = trace_bpf__open();
	if (!t->bpf)
		return err_set(e, -ENOMEM, "out of memory");
	t->bpf->maps.kept.max_entries = t->max;
	t->bpf->bss->stop_event = w->stop_event;
	t->bpf->bss->stop_ns = w->stop_ns;
	int r = trace_bpf__load(t->bpf);
	if (r < 0)
		return err_sys(e, r, "the kernel did not take the tracing program");
	void *at = mmap(NULL, t->max * sizeof(*t->kept), PROT_READ, MAP_SHARED,
			t->bpf->maps.kept.map_fd, 0);
	if (at == MAP_FAILED)
		return err_sys(e, -errno, "the memory for %u events", t->max);
	t->kept = at;
	find_stop(t->bpf);
	r = trace_bpf__attach(t->bpf);
	return r < 0 ? err_sys(e, r, "the kernel does not trace its scheduler") : 0;
}

int trace_create(const struct job *j, struct trace **ret, struct err *e)
{
	struct wish w;

	if (!j->events)
		return 0;
	int r = read_wish(j, &w, e);
	if (!r)
		r = check_kernel(e);
	if (r < 0)
		return r;
	SCOPED(trace_destroy) struct trace *t = calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, -ENOMEM, "out of memory");
	r = load(t, &w, e);
	if (r < 0)
		return r;
	*ret = hand_over(t);
	return 0;
}

int trace_aim(struct trace *t, const struct job *j, struct err *e)
{
	struct wish w;
	int r = j->events ? read_wish(j, &w, e) : err_set(e, 0, "nobody asked for it");

	if (!j->events || r < 0)
		return -EINVAL;
	if (MAX(w.events, 1u) != t->max)
		return err_set(e, -EINVAL, "job: events: %u, the frozen machine keeps %u", w.events,
			       t->max);
	t->bpf->bss->stop_event = w.stop_event;
	t->bpf->bss->stop_ns = w.stop_ns;
	return 0;
}

void trace_begin(struct trace *t)
{
	if (!t || t->begin_ns)
		return;
	t->begin_ns = now_ns();
	__atomic_store_n(&t->bpf->bss->on, 1, __ATOMIC_SEQ_CST);
}

void trace_end(struct trace *t)
{
	if (!t || !t->begin_ns || t->end_ns)
		return;
	__atomic_store_n(&t->bpf->bss->on, 0, __ATOMIC_SEQ_CST);
	t->end_ns = now_ns();
}

static void send_digest(struct trace *t, struct uplink *up)
{
	struct digest_msg m = {
		.digest = t->bpf->bss->digest,
		.events = t->bpf->bss->events,
		.begin_ns = t->begin_ns,
		.end_ns = t->end_ns,
		.stop_at = t->bpf->bss->stop_at,
	};

	m.kept = MIN(m.events, t->max);
	t->to_send = m.kept;
	uplink_send(up, FRAME_DIGEST, &m, sizeof(m));
	t->said = true;
}

bool trace_send(struct trace *t, struct uplink *up)
{
	if (!t || !t->begin_ns)
		return true;
	if (!t->said)
		send_digest(t, up);
	while (t->sent < t->to_send && !uplink_is_full(up)) {
		size_t n = MIN(t->to_send - t->sent, EVENTS_PER_FRAME);

		uplink_send(up, FRAME_EVENTS, t->kept + t->sent, n * sizeof(*t->kept));
		t->sent += n;
	}
	return t->sent == t->to_send;
}
