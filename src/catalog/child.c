/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"

#define OUTPUT_MAX (16u << 20)

struct pipes {
	int out[2], errors[2], failure[2];
};

static void pipes_close(struct pipes *p)
{
	for (int i = 0; i < 2; i++) {
		close_fd(&p->out[i]);
		close_fd(&p->errors[i]);
		close_fd(&p->failure[i]);
	}
}
DEFINE_SCOPED_FINI(struct pipes, pipes_close)

static __attribute__((noreturn)) void become(const struct child_spec *s, const struct pipes *p,
					     pid_t parent)
{
	sigset_t none_blocked;
	int none = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* Our caller may have blocked what is to interrupt it. */
	sigemptyset(&none_blocked);
	sigprocmask(SIG_SETMASK, &none_blocked, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && none >= 0 && dup2(none, 0) == 0 && dup2(p->out[1], 1) == 1 &&
	    dup2(p->errors[1], 2) == 2 && setenv("LC_ALL", "C", 1) == 0 &&
	    (!s->apt_config || setenv("APT_CONFIG", s->apt_config, 1) == 0) &&
	    (!s->cwd || chdir(s->cwd) == 0))
		execvp(s->argv[0], (char *const *)(uintptr_t)s->argv);
	int why = errno;
	_exit(write_full(p->failure[1], &why, sizeof(why)) < 0 ? 126 : 127);
}

/* Takes what is there; false at the end of it. */
static bool take(int *fd, struct buf *to)
{
	char part[16384];
	ssize_t n = read(*fd, part, sizeof(part));

	if (n > 0) {
		if (to->len + (size_t)n <= OUTPUT_MAX)
			buf_put(to, part, (size_t)n);
		return true;
	}
	if (n == 0 || errno != EINTR)
		close_fd(fd);
	return *fd >= 0;
}

static int collect(struct pipes *p, uint64_t timeout_ns, struct buf *out, struct buf *errors)
{
	uint64_t end = now_ns() + timeout_ns;

	while (p->out[0] >= 0 || p->errors[0] >= 0) {
		struct pollfd fds[] = { { .fd = p->out[0], .events = POLLIN },
					{ .fd = p->errors[0], .events = POLLIN } };
		uint64_t now = now_ns();

		if (now >= end)
			return -ETIMEDOUT;
		int n = poll(fds, 2, (int)MIN((end - now) / 1000000 + 1, 1u << 30));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[0].revents)
			take(&p->out[0], out);
		if (n > 0 && fds[1].revents)
			take(&p->errors[0], errors);
	}
	return 0;
}

static int reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_run(const struct child_spec *s, struct buf *out, struct buf *errors, struct err *e)
{
	SCOPED(pipes_close) struct pipes p = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	pid_t parent = getpid();
	int why;

	if (pipe2(p.out, O_CLOEXEC) < 0 || pipe2(p.errors, O_CLOEXEC) < 0 ||
	    pipe2(p.failure, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "%s", s->argv[0]);
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, -errno, "%s", s->argv[0]);
	if (pid == 0)
		become(s, &p, parent);
	close_fd(&p.out[1]);
	close_fd(&p.errors[1]);
	close_fd(&p.failure[1]);
	int r = collect(&p, s->timeout_ns, out, errors);
	if (r < 0)
		kill(pid, SIGKILL);
	int status = reap(pid);
	if (r < 0)
		return err_sys(e, r, "%s: %u s", s->argv[0],
			       (unsigned)(s->timeout_ns / 1000000000));
	if (read_full(p.failure[0], &why, sizeof(why)) == 0)
		return err_sys(e, -why, "%s", s->argv[0]);
	return status;
}
