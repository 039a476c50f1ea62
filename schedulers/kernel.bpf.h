/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel as scx_ktstr sees it: the few types it reads (CO-RE moves the fields to where the
 * running kernel has them) and the kfuncs under every name they have had since 6.12.
 */
#ifndef SCHEDULERS_KERNEL_BPF_H
#define SCHEDULERS_KERNEL_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define PF_KTHREAD 0x00200000
#define CLOCK_MONOTONIC 1
#define ENOMEM 12
#define ECANCELED 125

enum sched_policy {
	SCHED_NORMAL = 0,
	SCHED_BATCH = 3,
	SCHED_EXT = 7,
};

/* Values of the kernel's interface that never changed; names as in kernel/sched/ext_internal.h. */
#define SCX_DSQ_LOCAL 0x8000000000000002ULL
#define SCX_KICK_IDLE 1ULL
#define ROOT_CGROUP_ID 1ULL
#define SCX_TASK_QUEUED 1U
#define SCX_OPS_ENQ_LAST 2ULL

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Never looked into here; only a complete type matches the kernel's in a kfunc's signature. */
struct cpumask {
	unsigned long bits[1];
};

struct kernfs_node {
	__u64 id;
	const char *name;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct sched_ext_entity {
	__u32 flags;
	__u32 weight;
	__u64 slice;
	__u64 dsq_vtime;
};

struct task_struct {
	unsigned int flags;
	unsigned int policy;
	int nr_cpus_allowed;
	const struct cpumask *cpus_ptr;
	struct sched_ext_entity scx;
	int pid;
	int tgid;
	char comm[16];
	struct css_set *cgroups;
};

enum scx_exit_kind {
	SCX_EXIT_NONE = 0,
};

struct scx_exit_info {
	enum scx_exit_kind kind;
	__s64 exit_code;
	const char *reason;
	char *msg;
	char *dump;
};

struct scx_init_task_args {
	struct cgroup *cgroup;
};

struct scx_cgroup_init_args {
	__u32 weight;
};

#pragma clang attribute pop

struct bpf_iter_scx_dsq {
	__u64 opaque[6];
} __attribute__((aligned(8)));

/* The iterator of the bpf_for_each() loop one is in. */
#define LOOP_ITER (&___it)

/* Of sched_ext_ops only what is used: libbpf matches the members by name. Knobs come first. */
struct sched_ext_ops {
	__u32 timeout_ms;
	__u32 exit_dump_len;
	/* Only in kernels with CONFIG_EXT_GROUP_SCHED. */
	__s32 (*cgroup_init)(struct cgroup *cgrp, struct scx_cgroup_init_args *args);
	void (*cgroup_exit)(struct cgroup *cgrp);
	void (*cgroup_move)(struct task_struct *p, struct cgroup *from, struct cgroup *to);
	void (*cgroup_set_weight)(struct cgroup *cgrp, __u32 weight);
	__u64 flags;
	__s32 (*select_cpu)(struct task_struct *p, __s32 prev_cpu, __u64 wake_flags);
	void (*enqueue)(struct task_struct *p, __u64 enq_flags);
	void (*dispatch)(__s32 cpu, struct task_struct *prev);
	void (*runnable)(struct task_struct *p, __u64 enq_flags);
	void (*running)(struct task_struct *p);
	void (*stopping)(struct task_struct *p, bool runnable);
	void (*quiescent)(struct task_struct *p, __u64 deq_flags);
	void (*enable)(struct task_struct *p);
	__s32 (*init_task)(struct task_struct *p, struct scx_init_task_args *args);
	__s32 (*init)(void);
	void (*exit)(struct scx_exit_info *info);
	char name[128];
};

/* The same in every kernel so far. */
__s32 scx_bpf_create_dsq(__u64 dsq, __s32 node) __ksym;
__s32 scx_bpf_select_cpu_dfl(struct task_struct *p, __s32 prev_cpu, __u64 wake_flags,
			     bool *is_idle) __ksym;
__s32 scx_bpf_pick_idle_cpu(const struct cpumask *allowed, __u64 flags) __ksym;
__s32 scx_bpf_task_cpu(const struct task_struct *p) __ksym;
void scx_bpf_kick_cpu(__s32 cpu, __u64 flags) __ksym;
void scx_bpf_error_bstr(char *fmt, unsigned long long *data, __u32 data__sz) __ksym;
bool bpf_cpumask_test_cpu(__u32 cpu, const struct cpumask *mask) __ksym;
__u32 bpf_cpumask_any_distribute(const struct cpumask *mask) __ksym;
void bpf_rcu_read_lock(void) __ksym;
void bpf_rcu_read_unlock(void) __ksym;
int bpf_iter_scx_dsq_new(struct bpf_iter_scx_dsq *it, __u64 dsq, __u64 flags) __ksym;
struct task_struct *bpf_iter_scx_dsq_next(struct bpf_iter_scx_dsq *it) __ksym;
void bpf_iter_scx_dsq_destroy(struct bpf_iter_scx_dsq *it) __ksym;

/* Renamed in 6.13 (kernel commit cc26abb1a19a): dispatch became dsq_insert, consume dsq_move_to_local. */
void scx_bpf_dispatch(struct task_struct *p, __u64 dsq, __u64 slice, __u64 flags) __ksym __weak;
void scx_bpf_dsq_insert(struct task_struct *p, __u64 dsq, __u64 slice, __u64 flags) __ksym __weak;
bool scx_bpf_consume(__u64 dsq) __ksym __weak;
bool scx_bpf_dsq_move_to_local(__u64 dsq) __ksym __weak;
bool scx_bpf_dispatch_vtime_from_dsq(struct bpf_iter_scx_dsq *it, struct task_struct *p, __u64 dsq,
				     __u64 flags) __ksym __weak;
bool scx_bpf_dsq_move_vtime(struct bpf_iter_scx_dsq *it, struct task_struct *p, __u64 dsq,
			    __u64 flags) __ksym __weak;
void scx_bpf_dispatch_from_dsq_set_vtime(struct bpf_iter_scx_dsq *it, __u64 vtime) __ksym __weak;
void scx_bpf_dsq_move_set_vtime(struct bpf_iter_scx_dsq *it, __u64 vtime) __ksym __weak;

/* Since 6.19 the arguments of dsq_insert_vtime travel in a struct, and slices are set by kfunc. */
struct scx_bpf_dsq_insert_vtime_args {
	__u64 dsq_id;
	__u64 slice;
	__u64 vtime;
	__u64 enq_flags;
} __attribute__((preserve_access_index));
void scx_bpf_dispatch_vtime(struct task_struct *p, __u64 dsq, __u64 slice, __u64 vtime,
			    __u64 flags) __ksym __weak;
void scx_bpf_dsq_insert_vtime(struct task_struct *p, __u64 dsq, __u64 slice, __u64 vtime,
			      __u64 flags) __ksym __weak;
bool __scx_bpf_dsq_insert_vtime(struct task_struct *p,
				struct scx_bpf_dsq_insert_vtime_args *args) __ksym __weak;
bool scx_bpf_task_set_slice(struct task_struct *p, __u64 slice) __ksym __weak;

static __always_inline void dsq_insert(struct task_struct *p, __u64 dsq, __u64 slice, __u64 flags)
{
	if (bpf_ksym_exists(scx_bpf_dsq_insert))
		scx_bpf_dsq_insert(p, dsq, slice, flags);
	else
		scx_bpf_dispatch(p, dsq, slice, flags);
}

static __always_inline void dsq_insert_vtime(struct task_struct *p, __u64 dsq, __u64 slice,
					     __u64 vtime, __u64 flags)
{
	if (bpf_ksym_exists(__scx_bpf_dsq_insert_vtime)) {
		struct scx_bpf_dsq_insert_vtime_args args = {
			.dsq_id = dsq,
			.slice = slice,
			.vtime = vtime,
			.enq_flags = flags,
		};

		__scx_bpf_dsq_insert_vtime(p, &args);
	} else if (bpf_ksym_exists(scx_bpf_dsq_insert_vtime)) {
		scx_bpf_dsq_insert_vtime(p, dsq, slice, vtime, flags);
	} else {
		scx_bpf_dispatch_vtime(p, dsq, slice, vtime, flags);
	}
}

static __always_inline bool dsq_move_to_local(__u64 dsq)
{
	if (bpf_ksym_exists(scx_bpf_dsq_move_to_local))
		return scx_bpf_dsq_move_to_local(dsq);
	return scx_bpf_consume(dsq);
}

/* Moves the task the iterator stands at into vtime queue @dsq. */
static __always_inline bool dsq_move_vtime(struct bpf_iter_scx_dsq *it, struct task_struct *p,
					   __u64 dsq, __u64 vtime)
{
	if (bpf_ksym_exists(scx_bpf_dsq_move_vtime)) {
		scx_bpf_dsq_move_set_vtime(it, vtime);
		return scx_bpf_dsq_move_vtime(it, p, dsq, 0);
	}
	scx_bpf_dispatch_from_dsq_set_vtime(it, vtime);
	return scx_bpf_dispatch_vtime_from_dsq(it, p, dsq, 0);
}

static __always_inline void task_set_slice(struct task_struct *p, __u64 slice)
{
	if (bpf_ksym_exists(scx_bpf_task_set_slice))
		scx_bpf_task_set_slice(p, slice);
	else
		p->scx.slice = slice;
}

#endif
