/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the loader tells the BPF part and what the BPF part tells the loader. Included by both, so
 * it uses kernel integer names only: the loader has them from linux/types.h, the BPF part too.
 */
#ifndef SCHEDULERS_SCX_KTSTR_H
#define SCHEDULERS_SCX_KTSTR_H

#include <linux/types.h>

#define SCX_KTSTR_COMM_LEN 16
#define SCX_KTSTR_CGROUP_LEN 64
#define SCX_KTSTR_NO_CPU -1

/* The BPF part's only read-only data; map CONFIG_MAP holds exactly this struct. */
#define SCX_KTSTR_CONFIG_MAP ".rodata.config"
struct scx_ktstr_config {
	__u64 slice_ns;
	__u64 delay_ns;	      /* every dispatch of a user task waits this long, 0 = not at all */
	__u64 error_after_ns; /* scx_bpf_error() this long after init, 0 = never */
	__s32 ignored_cpu;    /* no user task runs here, or SCX_KTSTR_NO_CPU */
	__s32 loader_tgid;    /* never a victim of the misbehaviours */
	__u32 nr_cpus;	      /* online */
	__u32 refuse;	      /* ops.init fails */
	__u32 stall, starve;  /* the names below are set */
	char stalled_comm[SCX_KTSTR_COMM_LEN];	   /* padded with NUL */
	char starved_cgroup[SCX_KTSTR_CGROUP_LEN]; /* padded with NUL */
};

/* Leading members of the ops table, in this order, so that the loader can set them by offset. */
#define SCX_KTSTR_OPS_MAP "ktstr_ops"
#define SCX_KTSTR_NR_CGROUP_OPS 4
struct scx_ktstr_knobs {
	__u32 timeout_ms; /* how long a runnable task may wait before the kernel ends the scheduler */
	__u32 exit_dump_len;
	/* The callbacks about cgroups: zeroed where the kernel has no such members. */
	__u64 cgroup_ops[SCX_KTSTR_NR_CGROUP_OPS];
};

/* One record of ring buffer EXIT_MAP: the kernel's last words, copied by ops.exit. */
#define SCX_KTSTR_EXIT_MAP "exits"
#define SCX_KTSTR_DUMP_LEN 65536
struct scx_ktstr_exit {
	__s64 code;
	__u64 kind; /* enum scx_exit_kind */
	char reason[128];
	char message[1024];
	char dump[SCX_KTSTR_DUMP_LEN];
};

#endif
