/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

static void give_up(const char *what, int code)
{
	dprintf(STDERR_FILENO, "ktstr-init: %s: %s\n", what, strerror(errno));
	_exit(code);
}

/* The three may be given in any order, 0 to 2 among them. */
static void take_streams(const struct spawn *s)
{
	const int from[3] = { s->in, s->out, s->err };
	int high[3];

	for (int i = 0; i < 3; i++) {
		int fd = from[i] < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : from[i];

		high[i] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	for (int i = 0; i < 3; i++)
		dup2(high[i], i);
}

static void forget_signals(void)
{
	static const int ours[] = { SIGSEGV, SIGBUS, SIGILL,  SIGFPE,
				    SIGABRT, SIGSYS, SIGTRAP, SIGPIPE };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		signal(ours[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become(const struct spawn *s)
{
	setsid();
	take_streams(s);
	if (s->terminal)
		ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	if (s->keep >= 0)
		fcntl(s->keep, F_SETFD, 0);
	forget_signals();
	if (chdir(s->cwd ? s->cwd : "/") < 0)
		give_up(s->cwd, 126);
	if (s->first)
		s->first();
	if (!s->argv)
		_exit(0);
	environ = (char **)(uintptr_t)s->env;
	if (s->path)
		execv(s->path, s->argv);
	else
		execvp(s->argv[0], s->argv);
	give_up(s->path ? s->path : s->argv[0], errno == ENOENT || errno == ENOTDIR ? 127 : 126);
	_exit(126);
}

int child_spawn(struct child *c, const struct spawn *s, struct err *e)
{
	pid_t pid = fork();

	if (pid < 0)
		return err_sys(e, -errno, "starting %s", s->argv ? s->argv[0] : "a process");
	if (pid == 0)
		become(s);
	*c = (struct child){ .pid = pid };
	return 0;
}

void child_signal(const struct child *c, int sig)
{
	if (!child_runs(c))
		return;
	/* The group comes into being in the child: until then there is only the process. */
	if (kill(-c->pid, sig) < 0)
		kill(c->pid, sig);
}

void children_reap(struct child *const *known, size_t nr)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < nr; i++)
			if (known[i]->pid == pid) {
				known[i]->ended = true;
				known[i]->status = status;
			}
}
