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
__u64 stop_event; /* where a debugger is waiting: at the event of this index, UINT64_MAX = nowhere, */
__u64 stop_ns;	  /* and at the first one not before this time, INT64_MAX = never */
__u64 stop_at;	  /* address of the kernel function that is called there */

/* Keeps the compiler from knowing the value, and so from making branches of arithmetic. */
#define OPAQUE(x) asm volatile("" : "+r"(x))

/* 0 if both are the same, else 1; without a branch. */
static __always_inline __u64 differ(__u64 a, __u64 b)
{
	__u64 x = a ^ b, minus;

	OPAQUE(x);
	minus = -x;
	OPAQUE(minus);
	return (x | minus) >> 63;
}

/*
 * Calls bpf_ktime_get_tai_ns() at the place to stop and bpf_ktime_get_boot_ns() elsewhere. Nothing
 * else ever calls the former, so a breakpoint there is one on the event. Both cost the same
 * instructions, and so do both ways past the two conditions: a run that is to stop somewhere is in
 * virtual time the same run as one that is not, and stays it when it goes on afterwards.
 */
static __always_inline void stop_here(__u64 index, __u64 ns)
{
	__u64 early = (ns - stop_ns) >> 63, go_on;

	OPAQUE(early);
	go_on = differ(index, stop_event) & early;
	OPAQUE(go_on);
	if (!go_on)
		bpf_ktime_get_tai_ns();
	OPAQUE(go_on);
	if (go_on)
		bpf_ktime_get_boot_ns();
}

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
	stop_here(index, ev.e.ns);
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
