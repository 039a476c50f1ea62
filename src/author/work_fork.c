/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Work that creates and buries processes. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "author/work.h"

static void child(struct worker *w)
{
	worker_mark_cpu(w, current_cpu(), __atomic_load_n(&w->crew->epoch, __ATOMIC_ACQUIRE));
	slot_wake(w->slot);
	_exit(0);
}

/*
 * The wait for the child is not declared as one: the child has nothing to do but to run and to
 * end, so all the time until it is buried is time in which this worker should have got on.
 */
static void fork_pass(struct worker *w)
{
	struct slot *s = w->slot;
	struct rusage used;
	pid_t pid = fork();

	if (!pid)
		child(w);
	if (pid < 0 || wait4(pid, NULL, 0, &used) != pid)
		_exit(errno);
	uint64_t ended = __atomic_exchange_n(&s->woken_ns, 0, __ATOMIC_SEQ_CST), now = clock_ns();
	if (ended && ended < now)
		hist_add(&s->wake, now - ended);
	uint64_t us = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
		      (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	shared_put(&s->child_cpu_ns, s->child_cpu_ns + us * 1000);
	worker_mark(w, 1);
}

const struct work_type work_fork_exit = {
	.name = "fork_exit",
	.wakes = true,
	.group = 1,
	.pass = fork_pass,
};
