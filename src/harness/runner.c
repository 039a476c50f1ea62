/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "harness/cell.h"
#include "harness/sink.h"

#define RESULT_MAX (16u << 20)

/* One VM process. pid 0 = free slot. */
struct child {
	pid_t pid;
	int fd; /* its result comes here; end of file = it is done */
	struct buf text;
	const struct plan_cell *cell;
	uint64_t started;
	uint32_t cpus; /* of the host that it keeps busy */
	uint64_t memory;
};

struct runner {
	const struct plan *plan;
	const struct run_options *opt;
	struct sink *const *sinks;
	size_t nr_sinks;
	struct child *children;
	size_t nr_children; /* slots */
	size_t next;	    /* cell to start next */
	uint32_t host_cpus;
	int signals;
	sigset_t old_mask;
	struct run_outcome out;
};

static void runner_fini(struct runner *r)
{
	for (size_t i = 0; i < r->nr_children; i++) {
		struct child *c = &r->children[i];
		if (c->pid) {
			kill(c->pid, SIGKILL);
			waitpid(c->pid, NULL, 0);
		}
		close_fd(&c->fd);
		buf_fini(&c->text);
	}
	free(r->children);
	if (r->signals >= 0)
		sigprocmask(SIG_SETMASK, &r->old_mask, NULL);
	close_fd(&r->signals);
}
DEFINE_SCOPED_FINI(struct runner, runner_fini)

static void report(struct runner *r, struct cell_result *res)
{
	r->out.counts.by_verdict[res->verdict]++;
	for (size_t i = 0; i < r->nr_sinks; i++)
		r->sinks[i]->type->done(r->sinks[i], res);
}

static void report_start(struct runner *r, const struct cell *c)
{
	for (size_t i = 0; i < r->nr_sinks; i++)
		if (r->sinks[i]->type->start)
			r->sinks[i]->type->start(r->sinks[i], c);
}

static void report_without_run(struct runner *r, const struct plan_cell *pc, enum cause c,
			       const char *why, uint64_t took)
{
	SCOPED(cell_result_fini) struct cell_result res = { 0 };

	cell_conclude(r->plan, pc, r->opt, c, why, &res);
	res.times.total = took;
	report(r, &res);
}

/* ---- the child's side ---- */

/* Dies with its parent; the check closes the race with a parent that is dead already. */
static void become_vm_process(pid_t parent, const sigset_t *old_mask)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* A terminal's ^C goes to the parent, which decides. */
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, old_mask, NULL);
}

static _Noreturn void child_main(const struct runner *r, const struct plan_cell *pc, int fd)
{
	struct cell_result res = { 0 };
	struct buf text = { 0 };

	cell_run(r->plan, pc, r->opt, &res);
	int err = cell_result_to_json(&res, &text);
	if (!err)
		err = write_full(fd, text.at, text.len);
	_exit(err ? 1 : 0);
}

/* ---- starting ---- */

/* In virtual time one thread executes all vCPUs. */
static uint32_t host_cpus_for(const struct runner *r, const struct plan_cell *pc)
{
	if (r->opt->about[pc->cell.arch].virtual_time)
		return 1;
	/* Who is to be alone would wait for the others, and they for him. */
	if (plan_pin_mode(pc, r->opt->host.mode) == PIN_PERFORMANCE)
		return r->host_cpus;
	return r->opt->host.mode == PIN_CAPPED ? r->opt->host.cpu_cap : topo_cpus(&pc->cell.topo);
}

static int start_child(struct runner *r, struct child *slot, const struct plan_cell *pc,
		       struct err *e)
{
	int pipefd[2];
	pid_t parent = getpid();

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "cell %s: pipe", pc->cell.name);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		close_fd(&pipefd[0]);
		become_vm_process(parent, &r->old_mask);
		child_main(r, pc, pipefd[1]);
	}
	int err = errno;
	close_fd(&pipefd[1]);
	if (pid < 0) {
		close_fd(&pipefd[0]);
		return err_sys(e, -err, "cell %s: process", pc->cell.name);
	}
	*slot = (struct child){
		.pid = pid,
		.fd = pipefd[0],
		.cell = pc,
		.started = now_ns(),
		.cpus = host_cpus_for(r, pc),
		.memory = (uint64_t)pc->cell.memory_mib << 20,
	};
	report_start(r, &pc->cell);
	return 0;
}

static uint64_t available_memory(void)
{
	SCOPED(mem_free) char *text = NULL;
	unsigned long long kib;

	if (read_file("/proc/meminfo", 1 << 16, &text, NULL, NULL) < 0)
		return UINT64_MAX;
	const char *at = strstr(text, "MemAvailable:");
	return at && sscanf(at, "MemAvailable: %llu", &kib) == 1 ? (uint64_t)kib << 10 : UINT64_MAX;
}

static uint32_t busy_cpus(const struct runner *r, size_t *ret_running)
{
	uint32_t sum = 0;

	*ret_running = 0;
	for (size_t i = 0; i < r->nr_children; i++)
		if (r->children[i].pid) {
			sum += r->children[i].cpus;
			++*ret_running;
		}
	return sum;
}

/* Alone a VM may have more vCPUs than the host; together they may not. */
static bool room_for(const struct runner *r, const struct plan_cell *pc)
{
	size_t running;
	uint32_t busy = busy_cpus(r, &running);

	if (!running)
		return true;
	if (running >= r->nr_children)
		return false;
	return r->opt->jobs || busy + host_cpus_for(r, pc) <= r->host_cpus;
}

static const char *memory_refused(const struct plan_cell *pc, char *buf, size_t cap)
{
	uint64_t have = available_memory(), need = (uint64_t)pc->cell.memory_mib << 20;

	if (need <= have)
		return NULL;
	snprintf(buf, cap, "needs %.1f GiB of guest memory, %.1f GiB available",
		 (double)need / (1 << 30), (double)have / (1 << 30));
	return buf;
}

static struct child *free_slot(struct runner *r)
{
	for (size_t i = 0; i < r->nr_children; i++)
		if (!r->children[i].pid)
			return &r->children[i];
	return NULL;
}

static int start_cells(struct runner *r, struct err *e)
{
	while (r->next < r->plan->nr_cells && room_for(r, &r->plan->cells[r->next])) {
		const struct plan_cell *pc = &r->plan->cells[r->next];
		char why[160];

		const char *skip = pc->skip ? pc->skip : memory_refused(pc, why, sizeof(why));
		r->next++;
		if (skip) {
			report_without_run(r, pc, CAUSE_SKIPPED, skip, 0);
			continue;
		}
		int err = start_child(r, free_slot(r), pc, e);
		if (err < 0)
			return err;
	}
	return 0;
}

/* ---- ending ---- */

static void describe_death(int status, char *buf, size_t cap)
{
	if (WIFSIGNALED(status))
		snprintf(buf, cap, "the process of this VM was killed by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(buf, cap, "the process of this VM ended with status %d and no result",
			 WEXITSTATUS(status));
}

static void finish_child(struct runner *r, struct child *c)
{
	SCOPED(cell_result_fini) struct cell_result res = { 0 };
	struct err e = { 0 };
	char why[200];
	int status = 0;
	uint64_t took = now_ns() - c->started;

	waitpid(c->pid, &status, 0);
	c->pid = 0;
	close_fd(&c->fd);
	if (!c->text.len || status) {
		describe_death(status, why, sizeof(why));
		report_without_run(r, c->cell, CAUSE_HARNESS, why, took);
	} else if (cell_result_from_json(c->text.at, c->text.len, &res, &e) < 0) {
		report_without_run(r, c->cell, CAUSE_HARNESS, e.text, took);
	} else {
		res.cell = &c->cell->cell;
		res.times.total = took;
		report(r, &res);
	}
	buf_fini(&c->text);
}

static void read_child(struct runner *r, struct child *c)
{
	char chunk[65536];
	ssize_t n = read(c->fd, chunk, sizeof(chunk));

	if (n < 0 && errno == EINTR)
		return;
	if (n > 0 && c->text.len < RESULT_MAX) {
		buf_put(&c->text, chunk, (size_t)n);
		return;
	}
	finish_child(r, c);
}

static void take_signal(struct runner *r)
{
	struct signalfd_siginfo si;

	if (read_full(r->signals, &si, sizeof(si)) == 0)
		r->out.interrupted_by = (int)si.ssi_signo;
}

static int wait_events(struct runner *r, struct err *e)
{
	SCOPED(mem_free) struct pollfd *p = calloc(r->nr_children + 1, sizeof(*p));

	if (!p)
		return err_set(e, -ENOMEM, "run: out of memory");
	for (size_t i = 0; i < r->nr_children; i++)
		p[i] = (struct pollfd){ .fd = r->children[i].pid ? r->children[i].fd : -1,
					.events = POLLIN };
	p[r->nr_children] = (struct pollfd){ .fd = r->signals, .events = POLLIN };
	if (poll(p, r->nr_children + 1, sinks_tick(r->sinks, r->nr_sinks)) < 0)
		return errno == EINTR ? 0 : err_sys(e, -errno, "run: poll");
	for (size_t i = 0; i < r->nr_children; i++)
		if (p[i].revents)
			read_child(r, &r->children[i]);
	if (p[r->nr_children].revents)
		take_signal(r);
	return 0;
}

/* ---- the run ---- */

static int runner_init(struct runner *r, struct err *e)
{
	sigset_t set;
	cpu_set_t cpus;

	r->host_cpus = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (uint32_t)CPU_COUNT(&cpus)
								      : 1;
	r->nr_children = r->opt->jobs ? r->opt->jobs : r->host_cpus;
	r->children = calloc(r->nr_children, sizeof(*r->children));
	if (!r->children)
		return err_set(e, -ENOMEM, "run: out of memory");
	for (size_t i = 0; i < r->nr_children; i++)
		r->children[i].fd = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &r->old_mask);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return r->signals < 0 ? err_sys(e, -errno, "run: signals") : 0;
}

static bool running(const struct runner *r)
{
	size_t n;

	busy_cpus(r, &n);
	return n > 0;
}

static void count_not_run(struct runner *r)
{
	uint32_t decided = 0;

	for (int v = 0; v < NR_VERDICTS; v++)
		decided += r->out.counts.by_verdict[v];
	r->out.counts.not_run = (uint32_t)r->plan->nr_cells - decided;
}

int run_plan(const struct plan *p, const struct run_options *o, struct sink *const *sinks,
	     size_t nr_sinks, struct run_outcome *ret, struct err *e)
{
	SCOPED(runner_fini) struct runner r = {
		.plan = p,
		.opt = o,
		.sinks = sinks,
		.nr_sinks = nr_sinks,
		.signals = -1,
	};
	uint64_t from = now_ns();
	int err = runner_init(&r, e);

	while (!err && !r.out.interrupted_by) {
		err = start_cells(&r, e);
		if (err || !running(&r))
			break;
		err = wait_events(&r, e);
	}
	count_not_run(&r);
	r.out.wall_ns = now_ns() - from;
	for (size_t i = 0; i < nr_sinks; i++)
		sinks[i]->type->end(sinks[i], &r.out.counts, r.out.wall_ns,
				    err || r.out.interrupted_by);
	if (err < 0)
		return err;
	*ret = r.out;
	return 0;
}
