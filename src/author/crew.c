/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "author/crew.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "author/worker.h"
#include "base/err.h"
#include "base/io.h"

#define COMM_CAP 16 /* TASK_COMM_LEN */
#define KILL_PATIENCE_NS 1000000000ull

/* --- in the worker ------------------------------------------------------------------------ */

static void wait_at_gate(const struct crew_plan *p)
{
	uint32_t opened;

	__atomic_fetch_add(&p->gate->ready, 1, __ATOMIC_SEQ_CST);
	futex_wake(&p->gate->ready, 1);
	while ((opened = __atomic_load_n(&p->gate->opened, __ATOMIC_ACQUIRE)) < p->generation)
		futex_wait(&p->gate->opened, opened, NULL);
}

/*
 * Workers do not begin in step with each other, nor with the tick: each seed gives other offsets, at
 * most about a tick apart.
 */
#define START_SPREAD_NS 4000000u

static void begin_apart(struct worker *w)
{
	struct timespec ts = { 0, (long)(worker_random(w) % START_SPREAD_NS) };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* What the program does on signals is no business of its workers. */
static void default_signals(void)
{
	for (int sig = 1; sig < SIGRTMIN; sig++)
		signal(sig, SIG_DFL);
}

static _Noreturn void work(const struct crew *c, unsigned i, pid_t controller)
{
	struct worker w = {
		.slot = &c->slot[i],
		.crew = c->shared,
		.args = &c->plan.args,
		.rng = (c->plan.seed + c->member[i].index + 1) * 0x9e3779b97f4a7c15u | 1,
	};

	w.group = &c->group[i / c->group->size];
	w.member = i % c->group->size;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != controller)
		_exit(0);
	default_signals();
	prctl(PR_SET_TIMERSLACK, 1); /* so that a late wake-up is the scheduler's doing */
	wait_at_gate(&c->plan);
	begin_apart(&w);
	worker_mark(&w, 0);
	if (c->type->begin)
		c->type->begin(&w);
	for (;;) {
		c->type->pass(&w);
		shared_put(&w.slot->iterations, w.slot->iterations + 1);
	}
}

/* --- making one --------------------------------------------------------------------------- */

static struct crew *crew_alloc(const struct crew_plan *plan)
{
	struct crew *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->plan = *plan;
	c->type = work_find(plan->args.work);
	c->nr = plan->args.workers;
	c->member = calloc(c->nr, sizeof(*c->member));
	for (unsigned i = 0; c->member && i < c->nr; i++)
		c->member[i].pidfd = -1;
	return c;
}

/* Slots first: they have the strictest alignment. */
static int crew_map(struct crew *c)
{
	unsigned size = work_group_size(c->type, &c->plan.args), groups = c->nr / size;
	size_t slots = sizeof(struct slot) * c->nr, words = sizeof(struct work_group) * groups;

	c->shared_len = slots + words + sizeof(struct crew_shared);
	char *at = mmap(NULL, c->shared_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			0);
	if (at == MAP_FAILED)
		return -errno;
	c->slot = (void *)at;
	c->group = (void *)(at + slots);
	c->shared = (void *)(at + slots + words);
	for (unsigned g = 0; g < groups; g++)
		c->group[g] = (struct work_group){
			.slots = &c->slot[g * size],
			.size = size,
			.fd = { -1, -1, -1, -1 },
		};
	return 0;
}

static int crew_prepare(struct crew *c, struct err *e)
{
	for (unsigned g = 0; c->type->prepare && g < c->nr / c->group->size; g++) {
		int r = c->type->prepare(&c->group[g], e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The workers have their own copies by then. */
static void crew_close_fds(struct crew *c)
{
	for (unsigned g = 0; g < c->nr / c->group->size; g++)
		for (size_t i = 0; i < ARRAY_SIZE(c->group[g].fd); i++) {
			int fd = c->group[g].fd[i];

			close_fd(&fd); /* the number stays: the workers read it here */
		}
}

/* "cg_0/1"; of a nested cgroup the last part, cut so that the number is whole. */
static void worker_comm(const struct crew *c, unsigned i, char comm[COMM_CAP])
{
	const char *name = strrchr(c->plan.cgroup->name, '/');
	char number[COMM_CAP];
	size_t len = (size_t)snprintf(number, sizeof(number), "/%u", c->member[i].index);

	name = name ? name + 1 : c->plan.cgroup->name;
	size_t keep = MIN(strlen(name), COMM_CAP - 1 - len);
	memcpy(comm, name, keep);
	memcpy(comm + keep, number, len + 1);
}

/*
 * A fork with the right name and inside the cgroup from the first instruction: the worker need not
 * run for either. Being forked into a cgroup is also much cheaper than being moved there.
 */
static pid_t fork_into(int cgroup, const char *comm, int *pidfd)
{
	struct clone_args how = {
		.flags = CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)(cgroup >= 0 ? cgroup : 0),
	};
	char own[COMM_CAP] = "";

	prctl(PR_GET_NAME, own);
	prctl(PR_SET_NAME, comm);
	pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof(how));
	if (pid)
		prctl(PR_SET_NAME, own);
	return pid;
}

struct cpuset crew_affinity(const struct crew *c, unsigned i)
{
	struct cpuset one = { 0 };
	unsigned nth = i % cpuset_count(&c->plan.affinity);

	if (!c->plan.each)
		return c->plan.affinity;
	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++)
		if (cpuset_has(&c->plan.affinity, cpu) && !nth--)
			cpuset_add(&one, cpu);
	return one;
}

static int set_affinity(pid_t pid, const struct cpuset *cpus)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (unsigned cpu = 0; cpu < MIN(CPUSET_MAX, CPU_SETSIZE); cpu++)
		if (cpuset_has(cpus, cpu))
			CPU_SET(cpu, &set);
	return sched_setaffinity(pid, sizeof(set), &set) < 0 ? -errno : 0;
}

static int member_place(struct crew *c, unsigned i, struct err *e)
{
	pid_t pid = c->member[i].pid;

	if (c->plan.has_affinity) {
		struct cpuset cpus = crew_affinity(c, i);
		int r = set_affinity(pid, &cpus);

		if (r < 0)
			return err_sys(e, r, "affinity");
	}
	if (c->plan.args.nice && setpriority(PRIO_PROCESS, (id_t)pid, c->plan.args.nice) < 0)
		return err_sys(e, -errno, "nice %d", c->plan.args.nice);
	return 0;
}

static int member_create(struct crew *c, unsigned i, int cgroup, struct err *e)
{
	struct member *m = &c->member[i];
	char comm[COMM_CAP];
	pid_t self = getpid();

	m->index = c->plan.cgroup->next_worker++;
	worker_comm(c, i, comm);
	pid_t pid = fork_into(cgroup, comm, &m->pidfd);
	if (!pid)
		work(c, i, self);
	if (pid < 0)
		return err_sys(e, -errno, "worker %s: fork", comm);
	m->pid = pid;
	setpgid(pid, pid); /* a group of its own, for the children of fork_exit */
	int r = member_place(c, i, e);
	return r < 0 ? err_frame(e, "worker %s", comm) : 0;
}

int crew_create(const struct crew_plan *plan, struct crew **ret, struct err *e)
{
	SCOPED(crew_destroy) struct crew *c = crew_alloc(plan);
	SCOPED(close_fd) int cgroup = -1;

	if (!c || !c->member)
		return err_sys(e, -ENOMEM, "workers of %s", plan->cgroup->name);
	int r = crew_map(c);
	if (r < 0)
		return err_sys(e, r, "workers of %s: shared memory", plan->cgroup->name);
	c->allowed[0] = cgroup_cpus(plan->cgroups, plan->cgroup, &plan->all);
	r = cgroup_open(plan->cgroups, plan->cgroup, &cgroup, e);
	if (!r)
		r = crew_prepare(c, e);
	for (unsigned i = 0; !r && i < c->nr; i++)
		r = member_create(c, i, cgroup, e);
	crew_close_fds(c);
	if (r < 0)
		return r;
	*ret = hand_over(c);
	return 0;
}

void crew_start(struct crew *c, uint64_t now)
{
	for (unsigned i = 0; i < c->nr; i++)
		shared_put(&c->slot[i].last_ns, now);
	c->started_ns = now;
}

/* --- ending one --------------------------------------------------------------------------- */

/* Whether it is over; notes how, if it was not killed by us. */
static bool member_collect(struct member *m, bool killed)
{
	siginfo_t info = { 0 };

	if (!m->pid)
		return true;
	if (waitid(P_PIDFD, (id_t)m->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid)
		return false;
	if (!killed || info.si_code == CLD_EXITED || info.si_status != SIGKILL) {
		m->ended = info.si_code;
		m->status = info.si_status;
	}
	kill(-m->pid, SIGKILL); /* its children, while its number is still its own */
	waitid(P_PIDFD, (id_t)m->pidfd, &info, WEXITED);
	m->pid = 0;
	close_fd(&m->pidfd);
	return true;
}

static unsigned crew_collect(struct crew *c, bool killed)
{
	unsigned left = 0;

	for (unsigned i = 0; i < c->nr; i++)
		left += !member_collect(&c->member[i], killed);
	return left;
}

static void crew_kill(struct crew *c)
{
	crew_collect(c, false);
	for (unsigned i = 0; i < c->nr; i++) {
		if (!c->member[i].pid)
			continue;
		kill(-c->member[i].pid, SIGKILL);
		kill(c->member[i].pid, SIGKILL);
	}
}

int crews_halt(struct crew *const *c, size_t nr, struct err *e)
{
	for (size_t i = 0; i < nr; i++) {
		if (c[i]->final)
			continue;
		struct worker_stats *final = calloc(c[i]->nr, sizeof(*final));
		if (!final)
			return err_sys(e, -ENOMEM, "workers of %s: statistics",
				       c[i]->plan.cgroup->name);
		crew_read(c[i], final);
		c[i]->final = final;
	}
	for (size_t i = 0; i < nr; i++)
		crew_kill(c[i]);
	return 0;
}

/* Waits for any death. False when time is up, or when there is nothing to wait with. */
static bool wait_for_deaths(struct crew *const *c, size_t nr, unsigned left, uint64_t until)
{
	SCOPED(mem_free) struct pollfd *p = calloc(left, sizeof(*p));
	uint64_t now = clock_ns();
	unsigned n = 0;

	if (!p || now >= until)
		return false;
	for (size_t i = 0; i < nr; i++)
		for (unsigned k = 0; k < c[i]->nr; k++)
			if (c[i]->member[k].pid)
				p[n++] = (struct pollfd){
					.fd = c[i]->member[k].pidfd,
					.events = POLLIN,
				};
	return poll(p, n, (int)((until - now) / 1000000 + 1)) > 0;
}

void crews_bury(struct crew *const *c, size_t nr)
{
	uint64_t until = clock_ns() + KILL_PATIENCE_NS;
	unsigned left;

	do {
		left = 0;
		for (size_t i = 0; i < nr; i++)
			left += crew_collect(c[i], true);
	} while (left && wait_for_deaths(c, nr, left, until));
	for (size_t i = 0; i < nr; i++)
		for (unsigned k = 0; k < c[i]->nr; k++)
			c[i]->member[k].stuck = c[i]->member[k].pid != 0;
}

void crew_destroy(struct crew *c)
{
	if (!c)
		return;
	if (c->shared) {
		crew_kill(c);
		crews_bury(&c, 1);
		munmap(c->slot, c->shared_len);
	}
	for (unsigned i = 0; c->member && i < c->nr; i++)
		close_fd(&c->member[i].pidfd);
	free(c->member);
	free(c->final);
	free(c);
}

/* --- changing where it may run ------------------------------------------------------------ */

static void join(struct cpuset *into, const struct cpuset *from)
{
	for (size_t i = 0; i < ARRAY_SIZE(into->bits); i++)
		into->bits[i] |= from->bits[i];
}

void crew_cpus_changing(struct crew *c, const struct cpuset *to)
{
	join(&c->allowed[c->shared->epoch], to);
	if (c->started_ns)
		c->unsteady = "its CPUs changed meanwhile";
}

void crew_weight_changed(struct crew *c, const struct cpuset *unused)
{
	if (c->started_ns)
		c->unsteady = "its weight changed meanwhile";
}

/* When epochs have run out, the last one allows whatever it has allowed: lenient, never wrong. */
void crew_cpus_changed(struct crew *c, const struct cpuset *to)
{
	uint32_t next = MIN(c->shared->epoch + 1, CPU_EPOCHS - 1u);
	join(&c->allowed[next], to);
	__atomic_store_n(&c->shared->epoch, next, __ATOMIC_RELEASE);
}

int crew_move(struct crew *c, struct cgroup *to, struct err *e)
{
	struct cpuset cpus = cgroup_cpus(c->plan.cgroups, to, &c->plan.all);

	crew_cpus_changing(c, &cpus);
	for (unsigned i = 0; i < c->nr; i++) {
		int r = c->member[i].pid ? cgroup_take(c->plan.cgroups, to, c->member[i].pid, e)
					 : 0;
		if (r < 0)
			return r;
		c->member[i].index = to->next_worker++;
	}
	crew_cpus_changed(c, &cpus);
	c->plan.cgroup = to;
	if (c->started_ns)
		c->unsteady = "workers were moved meanwhile";
	return 0;
}
