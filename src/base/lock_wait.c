/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "base/lock_wait.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/scoped.h"

/* A terminal and signals; more would be left out. */
enum { MAX_CANCEL_FDS = 4 };

static int status_of(pid_t pid, bool ended)
{
	int status;

	if (!ended)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return ended && WIFEXITED(status) ? -WEXITSTATUS(status) : -EBUSY;
}

/* Tells that we wait, once that is worth telling; returns how long to go on without looking. */
static int tell_and_wait_ms(struct lock_wait *w, uint64_t now)
{
	uint64_t until = w->deadline_ns;

	if (!w->told && now >= w->since_ns + LOCK_WAIT_TELL_NS) {
		w->told = true;
		if (w->on_wait)
			w->on_wait(w->ctx);
	}
	if (!w->told)
		until = MIN(until, w->since_ns + LOCK_WAIT_TELL_NS);
	return (int)MIN((until - now) / 1000000 + 1, 1u << 30);
}

static int wait_child(pid_t pid, struct lock_wait *w)
{
	SCOPED(close_fd) int pidfd = pidfd_open(pid, 0);
	struct pollfd p[1 + MAX_CANCEL_FDS] = { { .fd = pidfd, .events = POLLIN } };
	nfds_t nr = 1;
	bool cancelled = false;

	for (const int *fd = w->cancel_fds; fd && *fd >= 0 && nr < ARRAY_SIZE(p); fd++)
		p[nr++] = (struct pollfd){ .fd = *fd, .events = POLLIN };
	for (;;) {
		uint64_t now = now_ns();

		if (pidfd < 0 || now >= w->deadline_ns || cancelled) {
			int r = status_of(pid, false);
			return cancelled ? -EINTR : r;
		}
		if (poll(p, nr, tell_and_wait_ms(w, now)) <= 0)
			continue;
		if (p[0].revents)
			return status_of(pid, true);
		cancelled = true; /* nothing else can be readable */
	}
}

int lock_wait(struct lock_wait *w, int (*take)(const void *what), const void *what)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(EINTR);
		_exit(-take(what));
	}
	if (!w->since_ns)
		w->since_ns = now_ns();
	return wait_child(pid, w);
}
