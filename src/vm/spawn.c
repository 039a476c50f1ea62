/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"

struct plan {
	const char *path;
	char *const *argv;
	const int *fds;
	size_t nr;
	pid_t parent;
	int report; /* close-on-exec; an errno on it means that exec was not reached */
};

/* In two steps, because a target number may be the source of another. */
static int place_fds(const struct plan *p, int *report)
{
	int high[SPAWN_MAX_FDS];
	int floor = (int)p->nr + 1;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	*report = fcntl(p->report, F_DUPFD_CLOEXEC, floor);
	if (null < 0 || *report < 0)
		return -errno;
	for (size_t i = 0; i < p->nr; i++) {
		high[i] = fcntl(p->fds[i] < 0 ? null : p->fds[i], F_DUPFD_CLOEXEC, floor);
		if (high[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < p->nr; i++)
		if (dup2(high[i], (int)i) < 0)
			return -errno;
	if (dup3(*report, (int)p->nr, O_CLOEXEC) < 0)
		return -errno;
	*report = (int)p->nr;
	return close_range((unsigned int)floor, ~0u, 0) < 0 ? -errno : 0;
}

/* Between fork and exec: only what POSIX allows there. */
static int become(const struct plan *p, int *report)
{
	static const struct rlimit no_core;
	sigset_t none;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	if (getppid() != p->parent) /* it died before the line above */
		return -ESRCH;
	if (setpgid(0, 0) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0)
		return -errno;
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return -errno;
	int r = place_fds(p, report);
	if (r < 0)
		return r;
	execv(p->path, p->argv);
	return -errno;
}

static int await_exec(int report, const char *path, struct err *e)
{
	int code, r = read_full(report, &code, sizeof(code));

	if (r == -ENODATA)
		return 0;
	return err_sys(e, r < 0 ? r : code, "%s: starting it", path);
}

int spawn(const char *path, char *const argv[], const int *fds, size_t nr, int *ret_pidfd,
	  struct err *e)
{
	int pipe_fds[2];

	if (nr > SPAWN_MAX_FDS)
		return err_set(e, -E2BIG, "%s: %zu descriptors to pass on", path, nr);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "pipe");
	SCOPED(close_fd) int report = pipe_fds[0];
	SCOPED(close_fd) int report_to = pipe_fds[1];
	struct plan p = { path, argv, fds, nr, getpid(), report_to };
	pid_t pid = fork();

	if (pid < 0)
		return err_sys(e, -errno, "%s: new process", path);
	if (pid == 0) {
		int code = become(&p, &report_to);

		write_full(report_to, &code, sizeof(code));
		_exit(127);
	}
	close_fd(&report_to);
	int r = await_exec(report, path, e);
	SCOPED(close_fd) int pidfd = r < 0 ? -1 : pidfd_open(pid, 0);
	if (!r && pidfd < 0)
		r = err_sys(e, -errno, "%s: descriptor of the process", path);
	if (r < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return r;
	}
	*ret_pidfd = hand_over_fd(&pidfd);
	return pid;
}
