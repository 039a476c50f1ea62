/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traces the schedule: counts and digests every event of the window, and keeps the first ones.
 * Nobody is woken and nothing is allocated; who runs next is not changed by being traced. Goes into
 * ktstr-init as a light skeleton, which needs nothing but bpf(2).
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "link/event.h"

const char license_text[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct thread_info {
	__u32 cpu;
};

struct task_struct {
	struct thread_info thread_info;
	int pid;
	char comm[16];
};

#pragma clang attribute pop

union event {
	struct sched_event e;
	uint64_t word[EVENT_WORDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* init sets it to what the job asks for */
	__type(key, __u32);
	__type(value, union event);
} kept SEC(".maps");

/* Shared with init by mmap(). */
__u64 on;	  /* the window is open */
__u64 events;	  /* so far */
__u64 digest;	  /* of these */
__u64 stop_event; /* a debugger waits for the event of this index, UINT64_MAX = none of them, */
__u64 stop_ns;	  /* and for the first one not before this time, UINT64_MAX = never */
__u64 stop_at;	  /* address of the kernel function that is called there */

static __always_inline int trace(__u8 kind, const struct task_struct *named, __u32 a, __u32 b,
				 __u16 state)
{
	union event ev = {
		.e = {
			.pid_a = a,
			.pid_b = b,
			.state = state,
			.kind = kind,
		},
	};
	union event *slot;
	__u64 index;
	__u32 key;

	*(__u64 *)ev.e.comm = *(const __u64 *)named->comm;
	ev.e.cpu = (__u16)bpf_get_smp_processor_id();
	ev.e.ns = bpf_ktime_get_ns();
	index = __sync_fetch_and_add(&events, 1);
	__sync_fetch_and_add(&digest, event_mix(index, ev.word));
	key = index < SCHED_EVENTS_MAX ? (__u32)index : SCHED_EVENTS_MAX;
	slot = bpf_map_lookup_elem(&kept, &key);
	if (slot)
		*slot = ev;
	/* Never called otherwise, so a breakpoint there is one on this event and those after it. */
	if (index >= stop_event || ev.e.ns >= stop_ns)
		bpf_ktime_get_tai_ns();
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(trace_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	return on ? trace(SCHED_EVENT_SWITCH, next, prev->pid, next->pid, prev_state) : 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(trace_wakeup, struct task_struct *p)
{
	return on ? trace(SCHED_EVENT_WAKEUP, p, p->pid, p->thread_info.cpu, 0) : 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(trace_wakeup_new, struct task_struct *p)
{
	return on ? trace(SCHED_EVENT_WAKEUP_NEW, p, p->pid, p->thread_info.cpu, 0) : 0;
}

SEC("tp_btf/sched_migrate_task")
int BPF_PROG(trace_migrate, struct task_struct *p, int to)
{
	__u32 cpus = SCHED_EVENT_CPUS(p->thread_info.cpu, to);

	return on ? trace(SCHED_EVENT_MIGRATE, p, p->pid, cpus, 0) : 0;
}

/* Run once by init. */
SEC("syscall")
int find_stop(void *ctx)
{
	static const char name[] = "bpf_ktime_get_tai_ns";

	return bpf_kallsyms_lookup_name(name, sizeof(name), 0, &stop_at);
}
