/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr run -- COMMAND...: one command in a fresh VM; its output and exit status become ours */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "cli/cmd.h"
#include "cli/guestcmd.h"
#include "harness/words.h"

struct run_args {
	struct guestcmd_args guest;
	bool no_stdin;
};

static const struct opt run_opts[] = {
	GUESTCMD_OPTS(struct run_args),
	OPT(struct run_args, no_stdin, "do not pass standard input to the command", 'n'),
	OPT_END,
};

const struct cmd cmd_run;

enum stdin_state {
	STDIN_NONE, /* not wanted: the command gets an end of file */
	STDIN_IDLE, /* to be watched when the link is ready */
	STDIN_WATCHED,
	STDIN_ALWAYS, /* a regular file: readable at any time */
	STDIN_OVER,
};

struct run {
	int signals;
	enum stdin_state stdin_state;
	int write_error; /* of our own standard output */
	int signal;	 /* that ended us */
};

static void run_fini(struct run *r)
{
	close_fd(&r->signals);
}
DEFINE_SCOPED_FINI(struct run, run_fini)

static void pass_output(void *ctx, enum watch_stream s, const void *data, size_t n)
{
	struct run *r = ctx;
	int err = 0;

	if (s == WATCH_STDOUT)
		err = write_full(STDOUT_FILENO, data, n);
	else if (s == WATCH_STDERR)
		err = write_full(STDERR_FILENO, data, n);
	else
		fprintf(stderr, "ktstr run: note: %.*s\n", (int)n, (const char *)data);
	if (err && !r->write_error)
		r->write_error = err;
}

static void pass_console(void *ctx, const void *data, size_t n)
{
	write_full(STDERR_FILENO, data, n);
}

/* ---- standard input: only as much is read as the guest takes ---- */

static int watch_stdin(struct run *r, struct session *s, bool on, struct err *e)
{
	int err;

	if (r->stdin_state == STDIN_ALWAYS || on == (r->stdin_state == STDIN_WATCHED))
		return 0;
	err = vm_watch(s->vm, STDIN_FILENO, on, e);
	if (on && err == -EPERM) {
		r->stdin_state = STDIN_ALWAYS;
		return 0;
	}
	r->stdin_state = on ? STDIN_WATCHED : STDIN_IDLE;
	return err;
}

static int pass_chunk(struct run *r, struct session *s, struct err *e)
{
	char chunk[16384];
	ssize_t n = read(STDIN_FILENO, chunk, sizeof(chunk));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		/* No input and input that cannot be read are the same to the command: its end. */
		int err = watch_stdin(r, s, false, e);
		r->stdin_state = STDIN_OVER;
		n = 0;
		if (err < 0)
			return err;
	}
	return session_send(s, FRAME_STDIN, chunk, (size_t)n, e);
}

#define STDIN_BACKLOG (128u << 10)

/* The link is ready for more. */
static int resume_stdin(void *ctx, struct session *s, struct err *e)
{
	struct run *r = ctx;
	int err = 0;

	if (r->stdin_state == STDIN_NONE) {
		r->stdin_state = STDIN_OVER;
		return session_send(s, FRAME_STDIN, NULL, 0, e);
	}
	if (r->stdin_state == STDIN_IDLE)
		err = watch_stdin(r, s, true, e);
	while (!err && r->stdin_state == STDIN_ALWAYS && vm_link_backlog(s->vm) < STDIN_BACKLOG)
		err = pass_chunk(r, s, e);
	return err;
}

static int take_input(void *ctx, struct session *s, int fd, struct err *e)
{
	struct run *r = ctx;
	struct signalfd_siginfo si;

	if (fd == STDIN_FILENO) {
		int err = r->stdin_state == STDIN_WATCHED ? pass_chunk(r, s, e) : 0;
		if (!err && vm_link_backlog(s->vm) >= STDIN_BACKLOG)
			err = watch_stdin(r, s, false, e);
		return err;
	}
	if (read_full(fd, &si, sizeof(si)) < 0)
		return 0;
	r->signal = (int)si.ssi_signo;
	return err_set(e, -EINTR, "ended by signal %d (%s)", r->signal, strsignal(r->signal));
}

static int exit_status(const struct session_end *end)
{
	return end->exit.kind == EXIT_KIND_SIGNAL ? 128 + end->exit.value : end->exit.value;
}

static int run_guest(struct guestcmd *g, const struct run_args *a, const char *command,
		     struct run *r, struct err *e)
{
	SCOPED(session_source_fini) struct session_source source = { .fd = -1, .base.fd = -1 };
	SCOPED(cell_result_fini) struct cell_result res = { 0 };
	struct session_end end = { 0 };
	int inputs[2] = { r->signals, -1 };

	r->stdin_state = a->no_stdin ? STDIN_NONE : STDIN_IDLE;
	g->spec.inputs = inputs;
	if (!g->about.virtual_time) /* where nothing is fed to the guest after its start */
		g->spec.on_ready = resume_stdin;
	g->spec.on_input = take_input;
	g->spec.on_output = pass_output;
	g->spec.on_console = a->guest.verbose ? pass_console : NULL;
	g->spec.ctx = r;
	g->spec.source = &source;
	guestcmd_wait_with(g, &cmd_run, inputs, "");
	int err = session_run(&g->spec, &res, &end, e);
	if (err == -EINTR && !r->signal) /* while it waited for others */
		take_input(r, NULL, r->signals, e);
	if (err < 0)
		return err;
	guestcmd_warn(&cmd_run, &res);
	guestcmd_record(g, &source, command, &res);
	if (r->write_error)
		return err_sys(e, r->write_error, "standard output");
	if (res.cause != CAUSE_NONE || !end.have_exit) {
		guestcmd_explain(&cmd_run, &res, a->guest.verbose);
		return EXIT_HARNESS;
	}
	if (a->guest.verbose)
		guestcmd_name_run(&cmd_run, &res);
	return exit_status(&end);
}

static int run_main(void *args, int argc, char **argv)
{
	SCOPED(guestcmd_fini) struct guestcmd g = { .kernel.lock_fd = -1 };
	SCOPED(run_fini) struct run r = { .signals = -1 };
	SCOPED(buf_fini) struct buf command = { 0 };
	const struct run_args *a = args;
	struct err e = { 0 };

	for (int i = 0; i < argc; i++) {
		buf_puts(&command, i ? " " : "");
		shell_quote(&command, argv[i]);
	}
	int err = command.bad ? err_sys(&e, command.bad, "arguments")
			      : guestcmd_init(&g, &a->guest, "exec", &e);
	if (!err)
		err = guestcmd_add_command(&g, argv[0], &e);
	for (int i = 1; !err && i < argc; i++)
		err = job_list_add(&g.job.args, argv[i]);
	if (!err) {
		r.signals = common_signals(&e);
		err = MIN(r.signals, 0);
	}
	if (!err)
		err = run_guest(&g, a, buf_str(&command), &r, &e);
	if (err >= 0)
		return err;
	cmd_fail(&cmd_run, &e);
	return r.signal ? EXIT_INTERRUPTED : EXIT_HARNESS;
}

static const struct cmd_example run_examples[] = {
	{ "ktstr run --topology 2n4l2c2t -- nproc", "prints 16" },
	{ "ktstr run --arch arm64 -- uname -m", "prints aarch64, also on x86_64" },
	{ "ktstr run -s scx_ktstr -- cat /sys/kernel/sched_ext/root/ops",
	  "under a sched_ext scheduler" },
	{ "ktstr run -k ./linux -i ./bench -- bench --threads 4", "a program of one's own" },
	{ NULL, NULL },
};

static const struct cmd_exit run_exits[] = {
	{ 0, "and any other: the status of the command (128 + n if signal n ended it)" },
	{ EXIT_HARNESS, "the guest or ktstr could not do it; standard error says why" },
	{ EXIT_INTERRUPTED, "interrupted" },
	{ 0, NULL },
};

const struct cmd cmd_run = {
	.name = "run",
	.summary = "run one command in a fresh VM",
	.usage = "-- COMMAND [ARGUMENT...]",
	.about = "Boots a VM of the given shape, runs the command in it and ends with its status. "
		 "Standard input, output and error are the command's, byte for byte. A program of "
		 "this "
		 "machine is packed into the guest with its shared libraries; commands that cannot "
		 "be "
		 "(another architecture, shell built-ins) are busybox's. In virtual time standard "
		 "input is empty.",
	.opts = run_opts,
	.args_size = sizeof(struct run_args),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.first_ends = true,
	.examples = run_examples,
	.exits = run_exits,
	.main = run_main,
};
