/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fair scheduler for test runs: one queue for all CPUs, ordered by weighted virtual time. On
 * command it misbehaves in one chosen way, towards ordinary user tasks only.
 */
#include "kernel.bpf.h"

#include "scx_ktstr.h"

const char license_text[] SEC("license") = "GPL";

const volatile struct scx_ktstr_config config SEC(SCX_KTSTR_CONFIG_MAP);

enum queue {
	QUEUE_FAIR,    /* by virtual time */
	QUEUE_STARVED, /* --starve: looked at when QUEUE_FAIR has nothing */
	QUEUE_DELAYED, /* --slow-dispatch: by the time they may move on to QUEUE_FAIR */
};

/* Starved tasks give way soon after something better turns up. */
#define STARVED_SLICE_NS 1000000ULL
#define WEIGHT_NORMAL 100ULL
#define MAX_CPUS 1024

struct task_ctx {
	__u64 vtime;
	__u64 since;		   /* when the running task was last charged */
	__u64 group;		   /* id of its cgroup */
	__u64 counted_in, counted; /* the group that has it as runnable, and with which weight */
};

/* A cgroup gets CPU time by its cpu.weight, whatever the number of its tasks. */
struct group {
	__u64 weight;
	__u64 load; /* weights of its runnable tasks */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_ctx);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct group);
} groups SEC(".maps");

enum timer {
	TIMER_DELAY,
	TIMER_ERROR,
	NR_TIMERS,
};

struct timer_slot {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NR_TIMERS);
	__type(key, int);
	__type(value, struct timer_slot);
} timers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * SCX_KTSTR_DUMP_LEN);
} exits SEC(".maps");

/*
 * How far the most advanced task has come, and the one each CPU started last. Tasks that may not run
 * everywhere are measured by the latter: where CPUs are shared unequally, time passes unequally.
 * Written without a lock, being late is harmless.
 */
static __u64 vtime_now;
static __u64 cpu_vtime[MAX_CPUS];
static int stalled_pid;

static bool before(__u64 a, __u64 b)
{
	return (__s64)(a - b) < 0;
}

static struct task_ctx *task_ctx(struct task_struct *p)
{
	return bpf_task_storage_get(&tasks, p, NULL, 0);
}

/* Misbehaviour is for ordinary user tasks: not for kernel threads, init, and our own loader. */
static bool is_victim(struct task_struct *p)
{
	if ((p->flags & PF_KTHREAD) || p->tgid == 1 || p->tgid == config.loader_tgid)
		return false;
	return p->policy == SCHED_NORMAL || p->policy == SCHED_BATCH || p->policy == SCHED_EXT;
}

static bool same_name(const char *a, const volatile char *b, int len)
{
	for (int i = 0; i < len; i++) {
		if (a[i] != b[i])
			return false;
		if (!a[i])
			break;
	}
	return true;
}

/* The first task seen under the name is the one, whatever it calls itself later. */
static bool is_stalled(struct task_struct *p)
{
	char comm[SCX_KTSTR_COMM_LEN] = {};

	if (!config.stall || !is_victim(p))
		return false;
	if (stalled_pid)
		return stalled_pid == p->pid;
	bpf_probe_read_kernel_str(comm, sizeof(comm), p->comm);
	if (!same_name(comm, config.stalled_comm, sizeof(comm)))
		return false;
	return __sync_val_compare_and_swap(&stalled_pid, 0, p->pid) == 0;
}

static bool is_starved(struct task_struct *p)
{
	char name[SCX_KTSTR_CGROUP_LEN] = {};

	if (!config.starve || !is_victim(p))
		return false;
	bpf_probe_read_kernel_str(name, sizeof(name),
				  BPF_CORE_READ(p, cgroups, dfl_cgrp, kn, name));
	return same_name(name, config.starved_cgroup, sizeof(name));
}

static bool is_shut_out(struct task_struct *p, __s32 cpu)
{
	return config.ignored_cpu >= 0 && cpu == config.ignored_cpu && is_victim(p);
}

/* @ns of running, in virtual time of @p. Root's tasks compete one by one, as under EEVDF. */
static __u64 in_vtime(struct task_struct *p, struct task_ctx *t, __u64 ns)
{
	__u64 weight = p->scx.weight ? p->scx.weight : 1;
	struct group *g = NULL;

	if (t->group != ROOT_CGROUP_ID)
		g = bpf_map_lookup_elem(&groups, &t->group);
	if (!g || !g->weight)
		return ns * WEIGHT_NORMAL / weight;
	return ns * WEIGHT_NORMAL * (g->load > weight ? g->load : weight) / (weight * g->weight);
}

/* Adds what @p has run since it was last charged. */
static void charge(struct task_struct *p, struct task_ctx *t)
{
	__u64 now = bpf_ktime_get_ns();

	t->vtime += in_vtime(p, t, now - t->since);
	t->since = now;
}

static __u64 *clock_of(struct task_struct *p)
{
	return &cpu_vtime[scx_bpf_task_cpu(p) & (MAX_CPUS - 1)];
}

static void advance_clocks(struct task_struct *p, struct task_ctx *t)
{
	if (before(vtime_now, t->vtime))
		vtime_now = t->vtime;
	*clock_of(p) = t->vtime;
}

/* Wakes an idle CPU that may run @p, which waits in a shared queue. */
static void kick_idle(struct task_struct *p)
{
	__s32 cpu = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);

	if (cpu >= 0 && is_shut_out(p, cpu))
		cpu = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0); /* the first pick is marked busy now */
	if (cpu >= 0)
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

/*
 * The CPU @p was put on will not take it, so another one has to look at the queue, idle or not:
 * nobody else promises to.
 */
static void kick_elsewhere(struct task_struct *p)
{
	__u32 cpu = bpf_cpumask_any_distribute(p->cpus_ptr);

	if ((__s32)cpu == config.ignored_cpu)
		cpu = bpf_cpumask_any_distribute(p->cpus_ptr); /* the next one of the mask */
	if ((__s32)cpu != config.ignored_cpu)
		scx_bpf_kick_cpu(cpu, 0);
}

/*
 * Nobody saves up virtual time by sleeping, and nobody brings a debt from CPUs where time passes
 * faster: two slices is what a task that just ran may owe.
 */
static __u64 place(struct task_struct *p, struct task_ctx *t)
{
	bool everywhere = p->nr_cpus_allowed >= (int)config.nr_cpus;
	__u64 now = everywhere ? vtime_now : *clock_of(p);

	if (before(t->vtime, now - config.slice_ns)) {
		t->vtime = now - config.slice_ns;
	} else if (!everywhere) {
		__u64 latest = now + in_vtime(p, t, 2 * config.slice_ns);

		if (before(latest, t->vtime))
			t->vtime = latest;
	}
	return t->vtime;
}

SEC("struct_ops/ktstr_select_cpu")
__s32 BPF_PROG(ktstr_select_cpu, struct task_struct *p, __s32 prev_cpu, __u64 wake_flags)
{
	bool idle = false;
	__s32 cpu = scx_bpf_select_cpu_dfl(p, prev_cpu, wake_flags, &idle);

	if (idle && is_shut_out(p, cpu)) {
		__s32 other = scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);

		idle = other >= 0;
		cpu = idle ? other : cpu;
	}
	if (!idle || is_stalled(p) || is_starved(p) || (config.delay_ns && is_victim(p)))
		return cpu;
	dsq_insert(p, SCX_DSQ_LOCAL, config.slice_ns, 0);
	return cpu;
}

SEC("struct_ops/ktstr_enqueue")
void BPF_PROG(ktstr_enqueue, struct task_struct *p, __u64 enq_flags)
{
	struct task_ctx *t = task_ctx(p);
	bool victim = is_victim(p);

	/* Per-CPU kernel threads do the kernel's own work: no queueing behind anybody. */
	if (!t || ((p->flags & PF_KTHREAD) && p->nr_cpus_allowed == 1) ||
	    (!victim && config.ignored_cpu >= 0)) {
		dsq_insert(p, SCX_DSQ_LOCAL, config.slice_ns, enq_flags);
		return;
	}
	if (is_stalled(p))
		return;
	if (victim && config.delay_ns) {
		dsq_insert_vtime(p, QUEUE_DELAYED, config.slice_ns,
				 bpf_ktime_get_ns() + config.delay_ns, enq_flags);
		return;
	}
	if (is_starved(p))
		dsq_insert_vtime(p, QUEUE_STARVED, STARVED_SLICE_NS, place(p, t), enq_flags);
	else
		dsq_insert_vtime(p, QUEUE_FAIR, config.slice_ns, place(p, t), enq_flags);
	kick_idle(p);
	if (is_shut_out(p, scx_bpf_task_cpu(p)))
		kick_elsewhere(p);
}

/* Is somebody in QUEUE_FAIR who may run on @cpu and is behind @vtime? */
static bool has_better(__s32 cpu, __u64 vtime)
{
	struct task_struct *p;
	bool better = false;

	bpf_for_each(scx_dsq, p, QUEUE_FAIR, 0) {
		if (!bpf_cpumask_test_cpu(cpu, p->cpus_ptr))
			continue;
		better = before(p->scx.dsq_vtime, vtime);
		break;
	}
	return better;
}

/* @prev may go on: give it another slice, with its account up to date. */
static void keep_running(struct task_struct *prev, struct task_ctx *t, __u64 slice)
{
	advance_clocks(prev, t);
	task_set_slice(prev, slice);
}

SEC("struct_ops/ktstr_dispatch")
void BPF_PROG(ktstr_dispatch, __s32 cpu, struct task_struct *prev)
{
	struct task_ctx *t = NULL;
	bool starved = false;

	if (prev && (prev->scx.flags & SCX_TASK_QUEUED) && !is_stalled(prev) &&
	    !is_shut_out(prev, cpu))
		t = task_ctx(prev);
	if (t) {
		charge(prev, t);
		starved = is_starved(prev);
		if (!starved && !has_better(cpu, t->vtime)) {
			keep_running(prev, t, config.slice_ns);
			return;
		}
	}
	if (cpu == config.ignored_cpu)
		return;
	if (dsq_move_to_local(QUEUE_FAIR))
		return;
	if (t && !starved)
		keep_running(prev, t, config.slice_ns);
	else if (config.starve && !dsq_move_to_local(QUEUE_STARVED) && t)
		keep_running(prev, t, STARVED_SLICE_NS);
}

SEC("struct_ops/ktstr_running")
void BPF_PROG(ktstr_running, struct task_struct *p)
{
	struct task_ctx *t = task_ctx(p);

	if (!t)
		return;
	t->since = bpf_ktime_get_ns();
	advance_clocks(p, t);
}

SEC("struct_ops/ktstr_stopping")
void BPF_PROG(ktstr_stopping, struct task_struct *p, bool runnable)
{
	struct task_ctx *t = task_ctx(p);

	if (t)
		charge(p, t);
}

SEC("struct_ops/ktstr_runnable")
void BPF_PROG(ktstr_runnable, struct task_struct *p, __u64 enq_flags)
{
	struct task_ctx *t = task_ctx(p);
	struct group *g = t ? bpf_map_lookup_elem(&groups, &t->group) : NULL;

	if (!g)
		return;
	t->counted_in = t->group;
	t->counted = p->scx.weight;
	__sync_fetch_and_add(&g->load, t->counted);
}

SEC("struct_ops/ktstr_quiescent")
void BPF_PROG(ktstr_quiescent, struct task_struct *p, __u64 deq_flags)
{
	struct task_ctx *t = task_ctx(p);
	struct group *g = t ? bpf_map_lookup_elem(&groups, &t->counted_in) : NULL;

	if (!g)
		return;
	__sync_fetch_and_sub(&g->load, t->counted);
	t->counted = 0;
}

SEC("struct_ops/ktstr_enable")
void BPF_PROG(ktstr_enable, struct task_struct *p)
{
	struct task_ctx *t = task_ctx(p);

	if (t)
		t->vtime = vtime_now;
}

SEC("struct_ops.s/ktstr_init_task")
__s32 BPF_PROG(ktstr_init_task, struct task_struct *p, struct scx_init_task_args *args)
{
	struct task_ctx *t = bpf_task_storage_get(&tasks, p, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!t)
		return -ENOMEM;
	if (bpf_core_field_exists(args->cgroup))
		t->group = args->cgroup->kn->id;
	return 0;
}

SEC("struct_ops.s/ktstr_cgroup_init")
__s32 BPF_PROG(ktstr_cgroup_init, struct cgroup *cgrp, struct scx_cgroup_init_args *args)
{
	struct group g = { .weight = args->weight };
	__u64 id = cgrp->kn->id;

	return bpf_map_update_elem(&groups, &id, &g, BPF_ANY);
}

SEC("struct_ops.s/ktstr_cgroup_exit")
void BPF_PROG(ktstr_cgroup_exit, struct cgroup *cgrp)
{
	__u64 id = cgrp->kn->id;

	bpf_map_delete_elem(&groups, &id);
}

SEC("struct_ops/ktstr_cgroup_move")
void BPF_PROG(ktstr_cgroup_move, struct task_struct *p, struct cgroup *from, struct cgroup *to)
{
	struct task_ctx *t = task_ctx(p);

	if (t)
		t->group = to->kn->id;
}

SEC("struct_ops/ktstr_cgroup_set_weight")
void BPF_PROG(ktstr_cgroup_set_weight, struct cgroup *cgrp, __u32 weight)
{
	__u64 id = cgrp->kn->id;
	struct group *g = bpf_map_lookup_elem(&groups, &id);

	if (g)
		g->weight = weight;
}

/* Lets through what has waited long enough and comes back when the next one has. */
static int delay_over(void *map, int *key, struct timer_slot *slot)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 next = now + config.delay_ns;
	struct task_struct *p;

	bpf_rcu_read_lock();
	bpf_for_each(scx_dsq, p, QUEUE_DELAYED, 0) {
		struct task_ctx *t = task_ctx(p);

		if (before(now, p->scx.dsq_vtime)) {
			next = p->scx.dsq_vtime;
			break;
		}
		if (!t || !dsq_move_vtime(LOOP_ITER, p, QUEUE_FAIR, place(p, t)))
			continue;
		kick_idle(p);
		/* It may be going idle right now, not to be seen as such yet. */
		scx_bpf_kick_cpu(scx_bpf_task_cpu(p), 0);
	}
	bpf_rcu_read_unlock();
	bpf_timer_start(&slot->timer, next - now, 0);
	return 0;
}

static int error_due(void *map, int *key, struct timer_slot *slot)
{
	static char text[] = "scx_ktstr: failing %llu ms after init, as told by --exit-error";
	unsigned long long args[] = { config.error_after_ns / 1000000 };

	scx_bpf_error_bstr(text, args, sizeof(args));
	return 0;
}

static int start_timer(int which, int (*fn)(void *, int *, struct timer_slot *), __u64 ns)
{
	struct timer_slot *slot = bpf_map_lookup_elem(&timers, &which);

	if (!slot)
		return -2;
	bpf_timer_init(&slot->timer, &timers, CLOCK_MONOTONIC);
	bpf_timer_set_callback(&slot->timer, fn);
	return bpf_timer_start(&slot->timer, ns, 0);
}

SEC("struct_ops.s/ktstr_init")
__s32 BPF_PROG(ktstr_init)
{
	int r = 0;

	if (config.refuse)
		return -ECANCELED;
	for (int q = QUEUE_FAIR; q <= QUEUE_DELAYED && !r; q++)
		r = scx_bpf_create_dsq(q, -1);
	if (!r && config.delay_ns)
		r = start_timer(TIMER_DELAY, delay_over, config.delay_ns);
	if (!r && config.error_after_ns)
		r = start_timer(TIMER_ERROR, error_due, config.error_after_ns);
	return r;
}

SEC("struct_ops.s/ktstr_exit")
void BPF_PROG(ktstr_exit, struct scx_exit_info *info)
{
	struct scx_ktstr_exit *x = bpf_ringbuf_reserve(&exits, sizeof(*x), 0);

	if (!x)
		return;
	x->kind = info->kind;
	x->code = info->exit_code;
	x->reason[0] = x->message[0] = x->dump[0] = 0;
	bpf_probe_read_kernel_str(x->reason, sizeof(x->reason), info->reason);
	bpf_probe_read_kernel_str(x->message, sizeof(x->message), info->msg);
	bpf_probe_read_kernel_str(x->dump, sizeof(x->dump), info->dump);
	bpf_ringbuf_submit(x, 0);
}

_Static_assert(sizeof(struct scx_ktstr_knobs) == __builtin_offsetof(struct sched_ext_ops, flags),
	       "knobs lead the ops");

SEC(".struct_ops.link")
struct sched_ext_ops ktstr_ops = {
	/* A task that is alone on its CPU comes through enqueue too, else it could not be stalled. */
	.flags = SCX_OPS_ENQ_LAST,
	.select_cpu = (void *)ktstr_select_cpu,
	.enqueue = (void *)ktstr_enqueue,
	.dispatch = (void *)ktstr_dispatch,
	.runnable = (void *)ktstr_runnable,
	.running = (void *)ktstr_running,
	.stopping = (void *)ktstr_stopping,
	.quiescent = (void *)ktstr_quiescent,
	.enable = (void *)ktstr_enable,
	.init_task = (void *)ktstr_init_task,
	.cgroup_init = (void *)ktstr_cgroup_init,
	.cgroup_exit = (void *)ktstr_cgroup_exit,
	.cgroup_move = (void *)ktstr_cgroup_move,
	.cgroup_set_weight = (void *)ktstr_cgroup_set_weight,
	.init = (void *)ktstr_init,
	.exit = (void *)ktstr_exit,
	.name = "ktstr",
};
