/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "abi/frame.h"
#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "guest/child.h"
#include "guest/env.h"
#include "guest/port.h"
#include "link/job.h"

/* The first console port becomes hvc0 before its name is known. */
#define TTY_PATH "/dev/hvc0"

static void resize(int tty, const struct winsize *ws)
{
	ioctl(tty, TIOCSWINSZ, ws);
}

void tty_resize(int tty, const struct winsz_msg *size)
{
	const struct winsize ws = {
		.ws_row = size->rows,
		.ws_col = size->cols,
		.ws_xpixel = size->xpixel,
		.ws_ypixel = size->ypixel,
	};

	resize(tty, &ws);
}

static uint16_t number_of(const char *text, uint16_t otherwise)
{
	uint32_t v;

	return text && parse_u32(text, &v) == 0 && v <= UINT16_MAX ? (uint16_t)v : otherwise;
}

int tty_open(const struct job *j, uint64_t deadline, int *ret, struct err *e)
{
	const struct winsize ws = {
		.ws_row = number_of(j->rows, 24),
		.ws_col = number_of(j->cols, 80),
	};
	char port[64];
	int r = port_find(TTY_PORT_NAME, deadline, port, e);

	if (r < 0)
		return r;
	int fd = open(TTY_PATH, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, -errno, "terminal %s", TTY_PATH);
	resize(fd, &ws);
	*ret = fd;
	return 0;
}

static int build_env(const struct job *j, struct job_list *ret)
{
	SCOPED(mem_free) char *prompt = NULL;
	int r = env_build(j, ret);

	if (r < 0)
		return r;
	if (asprintf(&prompt, "PS1=[\\h%s%s \\w]\\$ ", j->topology ? " " : "",
		     j->topology ? j->topology : "") < 0)
		return -ENOMEM;
	r = env_set(ret, prompt);
	return r < 0 ? r : env_set(ret, "USER=root");
}

int tty_start_shell(int tty, const struct job *j, struct child *ret, struct err *e)
{
	static char name[] = "sh", login[] = "-l";
	char *const argv[] = { name, login, NULL };
	SCOPED(list_fini) struct job_list env = { 0 };
	int r = build_env(j, &env);
	SCOPED(mem_free) char **envp = list_vector(&env);

	if (r < 0 || !envp)
		return err_sys(e, -ENOMEM, "shell");
	/* Blocking: non-blocking belongs to the open file, and the shell must not see ours. */
	SCOPED(close_fd) int own = open(TTY_PATH, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return err_sys(e, -errno, "terminal %s", TTY_PATH);
	const struct spawn how = {
		.argv = argv,
		.env = envp,
		.path = access(GUEST_BUSYBOX_PATH, X_OK) == 0 ? GUEST_BUSYBOX_PATH : "/bin/sh",
		.cwd = j->cwd ? j->cwd : "/root",
		.in = own,
		.out = own,
		.err = own,
		.keep = -1,
		.terminal = true,
	};
	return child_spawn(ret, &how, e);
}

bool tty_is_busy(int tty)
{
	int n = 0;

	return ioctl(tty, TIOCOUTQ, &n) == 0 && n > 0;
}
