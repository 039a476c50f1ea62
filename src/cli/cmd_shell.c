/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr shell: an interactive VM on this terminal */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "cli/cmd.h"
#include "cli/guestcmd.h"

struct shell_args {
	struct guestcmd_args guest;
};

static const struct opt shell_opts[] = {
	GUESTCMD_OPTS(struct shell_args),
	OPT_END,
};

const struct cmd cmd_shell;

#define KEY_ESCAPE 0x01 /* Ctrl-A, then x, ends the machine */

/* The terminal is given back as it was found, on every way out. */
struct shell {
	int signals, resizes;
	int signal;
	bool raw;
	bool escape; /* the escape key was the last one */
	struct termios saved;
};

static void shell_fini(struct shell *s)
{
	if (s->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &s->saved);
	s->raw = false;
	close_fd(&s->signals);
	close_fd(&s->resizes);
}
DEFINE_SCOPED_FINI(struct shell, shell_fini)

static int make_raw(struct shell *s, struct err *e)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &s->saved) < 0)
		return err_sys(e, -errno, "terminal");
	t = s->saved;
	cfmakeraw(&t);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &t) < 0)
		return err_sys(e, -errno, "terminal");
	s->raw = true;
	return 0;
}

static void show(void *ctx, const void *data, size_t n)
{
	write_full(STDOUT_FILENO, data, n);
}

static struct winsz_msg window_size(void)
{
	struct winsize w = { .ws_row = 24, .ws_col = 80 };

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
	return (struct winsz_msg){ w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel };
}

/* Cuts the escape sequence out of what was typed. 1: the user wants to leave. */
static int filter_keys(struct shell *s, char *keys, size_t *n)
{
	size_t out = 0;

	for (size_t i = 0; i < *n; i++) {
		if (s->escape && (keys[i] == 'x' || keys[i] == 'X'))
			return 1;
		bool second = s->escape;
		s->escape = !second && keys[i] == KEY_ESCAPE;
		if (!s->escape)
			keys[out++] = keys[i];
	}
	*n = out;
	return 0;
}

static int take_keys(struct shell *s, struct session *ses, struct err *e)
{
	char keys[4096];
	ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (got <= 0)
		return err_set(e, -EINTR, "standard input is closed");
	size_t n = (size_t)got;
	if (filter_keys(s, keys, &n))
		return err_set(e, -EINTR, "ended by Ctrl-A x");
	return n ? vm_tty_send(ses->vm, keys, n, e) : 0;
}

static int take_resize(struct shell *s, struct session *ses, struct err *e)
{
	struct signalfd_siginfo si;

	if (read_full(s->resizes, &si, sizeof(si)) < 0)
		return 0;
	struct winsz_msg w = window_size();
	return session_send(ses, FRAME_WINSZ, &w, sizeof(w), e);
}

static int take_signal(struct shell *s, struct err *e)
{
	struct signalfd_siginfo si;

	if (read_full(s->signals, &si, sizeof(si)) < 0)
		return 0;
	s->signal = (int)si.ssi_signo;
	return err_set(e, -EINTR, "ended by signal %d (%s)", s->signal, strsignal(s->signal));
}

static int take_input(void *ctx, struct session *ses, int fd, struct err *e)
{
	struct shell *s = ctx;

	if (fd == STDIN_FILENO)
		return take_keys(s, ses, e);
	return fd == s->resizes ? take_resize(s, ses, e) : take_signal(s, e);
}

/* What ended the wait for others: a signal, or else it was a key. */
static void take_wait_end(struct shell *s, struct err *e)
{
	struct pollfd p = { .fd = s->signals, .events = POLLIN };

	if (!s->signal && poll(&p, 1, 0) > 0)
		take_signal(s, e);
}

static int describe_terminal(struct job *j)
{
	struct winsz_msg w = window_size();
	const char *term = getenv("TERM");
	char text[16];

	snprintf(text, sizeof(text), "%u", w.rows);
	int r = job_set(&j->rows, text);
	snprintf(text, sizeof(text), "%u", w.cols);
	if (!r)
		r = job_set(&j->cols, text);
	return r ? r : job_set(&j->term, term ? term : "linux");
}

static int run_shell(struct guestcmd *g, struct shell *s, struct err *e)
{
	SCOPED(cell_result_fini) struct cell_result res = { 0 };
	struct session_end end = { 0 };
	int inputs[] = { s->resizes, s->signals, STDIN_FILENO, -1 };

	g->spec.inputs = inputs;
	g->spec.on_input = take_input;
	g->spec.on_tty = show;
	g->spec.ctx = s;
	g->spec.vm.tty = true;
	/* its size may change while it waits; and it is raw */
	guestcmd_wait_with(g, &cmd_shell, inputs + 1, " (any key gives up)\r");
	int r = session_run(&g->spec, &res, &end, e);
	if (r == -EINTR)
		take_wait_end(s, e);
	shell_fini(s);
	if (r < 0)
		return r;
	guestcmd_warn(&cmd_shell, &res);
	if (res.cause == CAUSE_NONE && end.have_exit)
		return EXIT_PASSED;
	guestcmd_explain(&cmd_shell, &res, false);
	return EXIT_CANNOT_RUN;
}

static int shell_main(void *args, int argc, char **argv)
{
	SCOPED(guestcmd_fini) struct guestcmd g = { .kernel.lock_fd = -1 };
	SCOPED(shell_fini) struct shell s = { .signals = -1, .resizes = -1 };
	const struct shell_args *a = args;
	struct err e = { 0 };
	int r = 0;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		r = err_set(&e, -ENOTTY,
			    "standard input or output is not a terminal "
			    "(`ktstr run` is for scripts)");
	if (!r)
		r = guestcmd_init(&g, &a->guest, "shell", &e);
	if (!r)
		r = describe_terminal(&g.job);
	if (!r) {
		s.signals = common_signals(&e);
		r = MIN(s.signals, 0);
	}
	if (!r) {
		s.resizes = common_resizes(&e);
		r = MIN(s.resizes, 0);
	}
	if (!r) {
		fprintf(stderr, "%s on %s; exit or Ctrl-A x ends it\n", g.kernel.name,
			a->guest.topology);
		r = make_raw(&s, &e);
	}
	if (!r)
		r = run_shell(&g, &s, &e);
	if (r >= 0)
		return r;
	shell_fini(&s);
	cmd_fail(&cmd_shell, &e);
	return s.signal ? EXIT_INTERRUPTED : r == -EINTR ? EXIT_PASSED : EXIT_CANNOT_RUN;
}

static const struct cmd_example shell_examples[] = {
	{ "ktstr shell -t 2n2l4c1t", "look around in a two-node machine" },
	{ "ktstr shell -s 'scx_ktstr' -i ./mytool", "under a scheduler, with a tool of one's own" },
	{ NULL, NULL },
};

const struct cmd cmd_shell = {
	.name = "shell",
	.summary = "an interactive VM on this terminal",
	.about = "Boots a VM of the given shape with busybox in it and connects this terminal to a "
		 "shell. "
		 "The machine ends with the shell, or at once with Ctrl-A x (Ctrl-A Ctrl-A sends "
		 "one "
		 "Ctrl-A).",
	.opts = shell_opts,
	.args_size = sizeof(struct shell_args),
	.examples = shell_examples,
	.main = shell_main,
};
