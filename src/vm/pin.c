/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads on their CPUs, and masks of CPUs. What cannot be had is a warning, never a failure. */
#include "vm/pin.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scoped.h"

enum { FIFO_VCPU = 1, FIFO_SERVICE = 2 };

void pin_warn(struct pin_warnings *w, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (!w || w->nr == ARRAY_SIZE(w->w))
		return;
	for (uint32_t i = 0; i < w->nr; i++)
		if (strcmp(w->w[i].name, name) == 0)
			return;
	struct pin_warning *n = &w->w[w->nr++];
	snprintf(n->name, sizeof(n->name), "%s", name);
	va_start(ap, fmt);
	vsnprintf(n->text, sizeof(n->text), fmt, ap);
	va_end(ap);
}

void pin_mask_set(struct pin_mask *m, uint32_t cpu)
{
	if (cpu < PIN_MAX_CPUS)
		m->bits[cpu / 64] |= 1ull << cpu % 64;
}

bool pin_mask_has(const struct pin_mask *m, uint32_t cpu)
{
	return cpu < PIN_MAX_CPUS && m->bits[cpu / 64] >> cpu % 64 & 1;
}

uint32_t pin_mask_count(const struct pin_mask *m)
{
	uint32_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(m->bits); i++)
		n += (uint32_t)__builtin_popcountll(m->bits[i]);
	return n;
}

void pin_mask_format(const struct pin_mask *m, struct buf *out)
{
	const char *comma = "";

	for (uint32_t first = 0; first < PIN_MAX_CPUS; first++) {
		uint32_t last = first;

		if (!pin_mask_has(m, first))
			continue;
		while (pin_mask_has(m, last + 1))
			last++;
		buf_printf(out, "%s%u", comma, first);
		if (last > first)
			buf_printf(out, "-%u", last);
		comma = ",";
		first = last;
	}
}

static const char *const mode_names[NR_PIN_MODES] = {
	[PIN_SHARED] = "shared",
	[PIN_CAPPED] = "capped",
	[PIN_PERFORMANCE] = "performance",
};

const char *pin_mode_name(enum pin_mode m)
{
	return mode_names[m];
}

int pin_mode_parse(const char *s, enum pin_mode *ret)
{
	for (int i = 0; i < NR_PIN_MODES; i++)
		if (strcmp(s, mode_names[i]) == 0) {
			*ret = (enum pin_mode)i;
			return 0;
		}
	return -EINVAL;
}

/* The system call itself: glibc's cpu_set_t ends at 1024 CPUs, ours is the same bits. */
int pin_thread(pid_t tid, const struct pin_mask *m)
{
	return syscall(SYS_sched_setaffinity, tid, sizeof(m->bits), m->bits) < 0 ? -errno : 0;
}

int pin_thread_fifo(pid_t tid, int priority)
{
	struct sched_param sp = { .sched_priority = priority };

	/* Children start as ordinary processes: a helper must not outrank a vCPU by accident. */
	return sched_setscheduler(tid, SCHED_FIFO | SCHED_RESET_ON_FORK, &sp) < 0 ? -errno : 0;
}

static void try_affinity(pid_t tid, const struct pin_mask *m, const char *who,
			 struct pin_warnings *w)
{
	int r = pin_thread(tid, m);

	if (r < 0)
		pin_warn(w, "affinity", "%s: not confined to its host CPUs: %s", who, strerror(-r));
}

static void try_fifo(pid_t tid, int priority, const char *who, struct pin_warnings *w)
{
	int r = pin_thread_fifo(tid, priority);

	if (r == -EPERM)
		pin_warn(w, "rtprio",
			 "%s: no real-time priority: it takes a limit RTPRIO of %d or more", who,
			 FIFO_SERVICE);
	else if (r < 0)
		pin_warn(w, "rtprio", "%s: no real-time priority: %s", who, strerror(-r));
}

void pin_vcpu(const struct vm_placement *p, uint32_t vcpu, pid_t tid, struct pin_warnings *w)
{
	struct pin_mask one = { 0 };
	char who[24];

	snprintf(who, sizeof(who), "vCPU %u", vcpu);
	if (p->mode == PIN_PERFORMANCE && vcpu < p->nr_vcpus)
		pin_mask_set(&one, p->cpu[vcpu]);
	try_affinity(tid, p->mode == PIN_PERFORMANCE ? &one : &p->cpus, who, w);
	if (p->fifo)
		try_fifo(tid, FIFO_VCPU, who, w);
}

void pin_service(const struct vm_placement *p, pid_t tid, struct pin_warnings *w)
{
	struct pin_mask one = { 0 };

	if (p->service != PIN_NONE) {
		pin_mask_set(&one, p->service);
		try_affinity(tid, &one, "service thread", w);
	}
	if (p->fifo)
		try_fifo(tid, FIFO_SERVICE, "service thread", w);
}

void pin_process(const struct vm_placement *p, struct pin_warnings *w)
{
	struct pin_mask m = { 0 };

	if (p->mode == PIN_PERFORMANCE)
		pin_mask_set(&m, p->service);
	else if (p->mode == PIN_SHARED)
		m = p->cpus;
	else
		return; /* a cap is on the vCPUs: what serves them stays out of their way */
	try_affinity(0, &m, "virtual machine", w);
}

void pin_memory(const struct vm_placement *p, uint32_t node, void *at, size_t len,
		struct pin_warnings *w)
{
	const unsigned long nodes = p->host_nodes[node];

	/* the kernel reads one bit less than it is told */
	if (nodes && syscall(SYS_mbind, at, len, MPOL_BIND, &nodes, 65ul, 0) < 0)
		pin_warn(w, "memory-node", "memory of guest node %u is not bound: %s", node,
			 strerror(errno));
	if (p->prefault && madvise(at, len, MADV_POPULATE_WRITE) < 0)
		pin_warn(w, "prefault", "memory of guest node %u is not there from the start: %s",
			 node, strerror(errno));
}
