/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr replay RUN: a run in virtual time once more, bit for bit */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/table.h"
#include "harness/replay.h"
#include "harness/sink.h"
#include "vm/probe.h"

struct replay_args {
	const char *stop_at;
	bool gdb, list, json, force, verbose;
};

static const struct opt replay_opts[] = {
	OPT(struct replay_args, stop_at, "freeze the guest there, then go on",
	    .arg = "TIME|event:N",
	    .more = "At the event of that number, or at the first one not before that time of the "
		    "guest, as differences name both. Until then it is the very run that was "
		    "recorded; a stop moves the turns of the vCPUs, so that what comes after it is "
		    "not. The vCPU of the event stands in it, the others before or in the next "
		    "one of their own."),
	OPT(struct replay_args, gdb, "with --stop-at: let a gdb look at the frozen guest",
	    .more = "Prints the command that starts one, and goes on when Enter is pressed or "
		    "standard input ends. The guest stays frozen when that gdb quits. One that "
		    "gdb lets go on (continue, detach) has no time limit; its end needs no "
		    "Enter."),
	OPT(struct replay_args, list, "show the runs there are records of", 'l'),
	OPT(struct replay_args, json, "JSON instead of text"),
	OPT(struct replay_args, force, "go on although QEMU or ktstr is of another version"),
	OPT(struct replay_args, verbose, "show the logs of a passing run too", 'v'),
	OPT_END,
};

/* For host CPUs that others have to themselves. */
#define REPLAY_WAIT_NS (300 * 1000000000ull)

const struct cmd cmd_replay;

/* ---- list ---- */

static const char *digest_text(const struct schedule_digest *d, char buf[20])
{
	snprintf(buf, 20, "-");
	if (d->have)
		snprintf(buf, 20, "%016" PRIx64, d->digest);
	return buf;
}

static int add_row(struct libscols_table *t, const char *id, const struct run_record *r)
{
	char when[20], digest[20];
	const char *const cells[] = {
		id,
		local_time(r->about.made_at, when),
		r->about.test,
		r->about.scheduler,
		r->machine.topology,
		verdict_name(r->outcome.verdict),
		digest_text(&r->outcome.schedule, digest),
	};

	return table_add(t, cells, ARRAY_SIZE(cells));
}

static int read_one(struct catalog *c, const char *id, struct run_record *ret)
{
	SCOPED(mem_free) char *text = NULL;
	size_t len;
	int r = run_read(c, id, RECORD_FILE, RECORD_MAX, &text, &len, NULL);

	return r < 0 ? r : run_record_parse(text, len, ret, NULL);
}

static void put_json_row(const struct run_record *r, struct buf *b)
{
	run_record_write(r, b);
	b->at[--b->len] = 0; /* its newline */
}

/* Records that cannot be shown. */
struct unshown {
	size_t damaged, foreign; /* foreign: of a ktstr that writes them in another format */
};

/* Text goes to @t, JSON to @b. */
static int list_runs(struct catalog *c, const struct run_list *l, struct libscols_table *t,
		     struct buf *b, struct unshown *u)
{
	int r = 0;

	for (size_t i = 0, shown = 0; r >= 0 && i < l->nr; i++) {
		SCOPED(run_record_fini) struct run_record rec = { 0 };

		r = read_one(c, l->at[i].id, &rec);
		if (r < 0) {
			u->foreign += r == -EPROTO;
			u->damaged += r != -EPROTO && r != -ENOMEM;
			r = r == -ENOMEM ? r : 0;
		} else if (t) {
			r = add_row(t, l->at[i].id, &rec);
		} else {
			buf_puts(b, shown++ ? ",\n  " : "\n  ");
			put_json_row(&rec, b);
		}
	}
	return r;
}

static void tell_unshown(const struct unshown *u)
{
	if (u->foreign)
		fprintf(stderr, "%zu of another version of ktstr, not shown\n", u->foreign);
	if (u->damaged)
		fprintf(stderr, "%zu damaged, not shown\n", u->damaged);
	if (u->foreign || u->damaged)
		fputs("ktstr kernel gc removes old ones\n", stderr);
}

static int show_list(struct catalog *c, bool json, struct buf *b, struct err *e)
{
	static const struct table_column columns[] = {
		{ "RUN" },	{ "MADE" },    { "TEST", TABLE_CUT }, { "SCHEDULER", TABLE_CUT },
		{ "TOPOLOGY" }, { "VERDICT" }, { "SCHEDULE" },	      { NULL },
	};
	SCOPED(run_list_fini) struct run_list l = { 0 };
	SCOPED(table_destroy) struct libscols_table *t = json ? NULL : table_new(columns);
	struct unshown u = { 0 };
	int r = runs_list(c, &l, e);

	if (r < 0)
		return r;
	buf_puts(b, json ? "{\"runs\": [" : "");
	r = json || t ? list_runs(c, &l, t, b, &u) : -ENOMEM;
	if (!r && t && l.nr > u.damaged + u.foreign)
		r = table_put(t, b);
	if (r < 0)
		return err_sys(e, r, "list of runs");
	if (json)
		buf_printf(b, "\n], \"damaged\": %zu, \"foreign\": %zu}\n", u.damaged, u.foreign);
	else if (l.nr == u.damaged + u.foreign)
		fprintf(stderr, "no runs in %s; ktstr test --time virtual records them\n",
			catalog_dir(c));
	if (!json)
		tell_unshown(&u);
	return 0;
}

/* ---- one run ---- */

static void say_problems(const struct replay *r, const struct words *w, bool json)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	for (size_t i = 0; i < w->nr; i++)
		fprintf(stderr, "ktstr replay: run %s: %s\n", r->id, w->at[i]);
	if (!json)
		return;
	buf_printf(&b, "{\"event\":\"replay\",\"run\":\"%s\",\"missing\":[", r->id);
	for (size_t i = 0; i < w->nr; i++) {
		buf_puts(&b, i ? "," : "");
		buf_json_str(&b, w->at[i]);
	}
	buf_puts(&b, "]}\n");
	cmd_print(&cmd_replay, &b);
}

/* One replay under way. */
struct course {
	const struct replay *replay;
	const struct replay_args *args;
	const char *cache;
	char gdb_dir[64];
	char gdb_path[80];
	int signals;
	int signal; /* that ended us */
};

static int take_signal(void *ctx, struct session *s, int fd, struct err *e)
{
	struct signalfd_siginfo si;
	struct course *c = ctx;

	if (read_full(fd, &si, sizeof(si)) < 0)
		return 0;
	c->signal = (int)si.ssi_signo;
	return err_set(e, -EINTR, "ended by signal %d (%s)", c->signal, strsignal(c->signal));
}

/* ---- the stop ---- */

static void put_frozen(const struct course *c, uint32_t cpu, struct buf *b)
{
	SCOPED(buf_fini) struct buf where = { 0 };

	replay_stop_text(c->replay, cpu, &where);
	if (!c->args->json) {
		buf_printf(b, "frozen at %s\n", buf_str(&where));
		return;
	}
	buf_printf(b,
		   "{\"event\":\"frozen\",\"run\":\"%s\",\"cpu\":%u,\"index\":%" PRIu64 ",\"at\":",
		   c->replay->id, cpu, c->replay->stop.event);
	buf_json_str(b, buf_str(&where));
	buf_puts(b, "}\n");
}

/*
 * A gdb that quits detaches, and QEMU's stub lets the guest go on then. One that hangs up leaves it as
 * it is, unless it has let it go on to its end.
 */
#define GDB_HANGS_UP \
	"python gdb.events.gdb_exiting.connect(" \
	"lambda e: gdb.selected_inferior().pid and gdb.execute(\"disconnect\"))"

/* A kernel that is an ELF file may have symbols; an Image of arm64 has none, and gdb has to be told. */
static void put_gdb_command(const struct course *c, uint32_t cpu, struct buf *b)
{
	const struct record_machine *m = &c->replay->record.machine;
	char magic[4] = "";

	buf_puts(b, "gdb ");
	if (pread_full(c->replay->kernel_fd, magic, sizeof(magic), 0) == 0 &&
	    !memcmp(magic, "\177ELF", sizeof(magic)))
		buf_printf(b, "%s/objects/%s ", c->cache, m->kernel);
	else if (m->arch == ARCH_ARM64)
		buf_puts(b, "-ex 'set architecture aarch64' ");
	buf_printf(b, "-ex 'target remote %s' -ex '%s' -ex 'thread %u'\n", c->gdb_path,
		   GDB_HANGS_UP, cpu + 1);
}

static int wait_for_user(struct course *c, int end_fd, struct err *e)
{
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = c->signals, .events = POLLIN },
		{ .fd = end_fd, .events = POLLIN },
	};
	char line[256];

	while (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		if (errno != EINTR)
			return err_sys(e, -errno, "waiting for Enter");
	if (fds[1].revents)
		return take_signal(c, NULL, c->signals, e);
	if (fds[2].revents) {
		fputs("the guest has ended\n", stderr);
		return 0;
	}
	return read(STDIN_FILENO, line, sizeof(line)) < 0 ? err_sys(e, -errno, "standard input")
							  : 0;
}

static int frozen(void *ctx, uint32_t cpu, int end_fd, struct err *e)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	struct course *c = ctx;

	cpu = replay_stop_cpu(c->replay, cpu);
	put_frozen(c, cpu, &b);
	if (c->args->gdb)
		put_gdb_command(c, cpu, &b);
	if (b.bad)
		return err_sys(e, b.bad, "output");
	fputs(buf_str(&b), stdout);
	fflush(stdout);
	if (!c->args->gdb)
		return 0;
	fputs("Enter goes on\n", stderr);
	return wait_for_user(c, end_fd, e);
}

/* Others must not come to the socket, so it is in a folder of ours. */
static int make_gdb_dir(struct course *c, struct err *e)
{
	snprintf(c->gdb_dir, sizeof(c->gdb_dir), "/tmp/ktstr-gdb-XXXXXX");
	if (!mkdtemp(c->gdb_dir)) {
		c->gdb_dir[0] = 0;
		return err_sys(e, -errno, "a folder in /tmp");
	}
	snprintf(c->gdb_path, sizeof(c->gdb_path), "%s/socket", c->gdb_dir);
	return 0;
}

static void course_fini(struct course *c)
{
	if (c->gdb_dir[0])
		remove_tree(c->gdb_dir, NULL);
	close_fd(&c->signals);
}
DEFINE_SCOPED_FINI(struct course, course_fini)

/* ---- the course ---- */

static void begin(struct sink *s, const struct replay *r, const struct cell *const *cells)
{
	const char *backend = "qemu/tcg in virtual time";
	char why[40];
	struct run_info info = {
		.version = ktstr_version,
		.command_line = common_command_line(),
		.kernels = r->record.about.kernel,
		.backend = backend,
		.backend_why = why,
		.seed = r->record.machine.seed,
		.nr_cells = 1,
		.cells = cells,
		.jobs = 1,
		.started_at = (uint64_t)time(NULL),
	};

	snprintf(why, sizeof(why), "replay of %s", r->id);
	s->type->begin(s, &info);
}

static void finish(struct sink *s, const struct cell_result *res, uint64_t wall_ns)
{
	struct run_counts n = { 0 };

	if (res)
		s->type->done(s, res);
	n.by_verdict[res ? res->verdict : VERDICT_SKIP] = res != NULL;
	n.not_run = res == NULL;
	s->type->end(s, &n, wall_ns, !res);
}

static void put_comparison(const struct replay *r, const struct cell_result *res,
			   const struct replay_outcome *o, bool json, struct buf *b)
{
	SCOPED(buf_fini) struct buf told = { 0 };
	const struct schedule_digest *was = &r->record.outcome.schedule;

	replay_tell(r, res, o, &told);
	if (!json) {
		buf_printf(b, "%s\n", buf_str(&told));
		return;
	}
	buf_printf(b, "{\"event\":\"replay\",\"run\":\"%s\",\"same\":%s,\"told\":", r->id,
		   o->same ? "true" : "false");
	buf_json_str(b, buf_str(&told));
	if (o->by_schedule && o->diff.verdict != EVENTS_SAME)
		buf_printf(b, ",\"first_difference\":%" PRIu64, o->diff.index);
	buf_printf(b,
		   ",\"was\":{\"verdict\":\"%s\",\"cause\":\"%s\",\"digest\":\"%016" PRIx64
		   "\",\"events\":%" PRIu64 "},\"missing\":[]}\n",
		   verdict_name(r->record.outcome.verdict), cause_name(r->record.outcome.cause),
		   was->digest, was->events);
}

static int exit_code(const struct cell_result *res, const struct replay_outcome *o)
{
	if (o->cut_short)
		return EXIT_INCONCLUSIVE;
	if (!o->same)
		return EXIT_FAILED;
	if (res->verdict == VERDICT_FAIL)
		return EXIT_FAILED;
	return res->verdict == VERDICT_INCONCLUSIVE ? EXIT_INCONCLUSIVE : EXIT_PASSED;
}

static void say_wait(void *ctx, const char *what)
{
	fprintf(stderr, "ktstr replay: waiting for %s\n", what);
}

static int run_it(struct course *c, struct err *e)
{
	SCOPED(cell_result_fini) struct cell_result res = { 0 };
	SCOPED(sink_destroy) struct sink *s = NULL;
	SCOPED(hosttopo_fini) struct hosttopo topo = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };
	const struct replay *r = c->replay;
	const struct replay_args *a = c->args;
	const struct cell *const cells[] = { &r->cell };
	int inputs[] = { c->signals, -1 };
	struct session_spec hooks = {
		.inputs = inputs,
		.on_input = take_signal,
		.on_frozen = frozen,
		.vm.gdb_path = c->gdb_dir[0] ? c->gdb_path : NULL,
		.ctx = c,
	};
	uint64_t from = now_ns();

	int err = sink_open(a->json ? "json" : "human", NULL, a->verbose, &s, e);
	if (err < 0)
		return err;
	begin(s, r, cells);
	/* What is replayed makes noise, too. */
	err = common_host(&(struct common_host){ .wait.v = REPLAY_WAIT_NS }, &topo, &hooks.host, e);
	hooks.host.run = r->cell.name;
	hooks.patience = hooks.host.patience = (struct patience){ inputs, say_wait, NULL };
	if (!err)
		err = replay_run(r, &hooks, &res, e);
	if (err == -EINTR && !c->signal) /* while it waited for others */
		take_signal(c, NULL, c->signals, e);
	res.times.total = now_ns() - from;
	finish(s, err < 0 ? NULL : &res, res.times.total);
	int closed = sink_close(hand_over(s), err < 0 ? NULL : e);
	if (err < 0 || closed < 0)
		return err < 0 ? err : closed;
	struct replay_outcome o = replay_compare(r, &res);
	put_comparison(r, &res, &o, a->json, &b);
	int code = cmd_print(&cmd_replay, &b);
	return code ? code : exit_code(&res, &o);
}

static int run_course(const struct replay *r, const struct replay_args *a, struct catalog *c,
		      int *ret_signal, struct err *e)
{
	SCOPED(course_fini) struct course course = {
		.replay = r,
		.args = a,
		.cache = catalog_dir(c),
		.signals = common_signals(e),
	};
	int err = MIN(course.signals, 0);

	if (!err && a->gdb)
		err = make_gdb_dir(&course, e);
	if (!err)
		err = run_it(&course, e);
	*ret_signal = course.signal;
	return err;
}

static int replay_one(const char *name, const struct replay_args *a, struct catalog *c,
		      int *ret_signal, struct err *e)
{
	SCOPED(replay_fini) struct replay r = { .kernel_fd = -1,
						.source = { .fd = -1, .base.fd = -1 } };
	SCOPED(words_fini) struct words problems = { 0 };
	int err = replay_open(c, name, &r, e);

	if (!err && a->stop_at)
		err = replay_stop_at(&r, a->stop_at, e);
	if (err < 0)
		return err;
	probe_store_in(catalog_dir(c));
	int can_force = replay_check(&r, c, &problems, e);
	if (can_force < 0)
		return can_force;
	bool stop = problems.nr && !(can_force && a->force);
	if (problems.nr)
		say_problems(&r, &problems, a->json && stop);
	if (stop && can_force)
		fprintf(stderr, "--force goes on all the same; then the schedule may differ\n");
	return stop ? EXIT_CANNOT_RUN : run_course(&r, a, c, ret_signal, e);
}

static int replay_main(void *args, int argc, char **argv)
{
	SCOPED(catalog_close) struct catalog *c = NULL;
	SCOPED(buf_fini) struct buf b = { 0 };
	const struct replay_args *a = args;
	struct err e = { 0 };
	int signal = 0;

	if (!argc && !a->list)
		return cmd_usage_error(&cmd_replay, "needs %s", cmd_replay.usage);
	if (argc && a->list)
		return cmd_usage_error(&cmd_replay, "--list takes no run");
	if (a->gdb && !a->stop_at)
		return cmd_usage_error(&cmd_replay, "--gdb needs --stop-at");
	int r = catalog_open(NULL, &c, &e);
	if (!r && a->list) {
		r = show_list(c, a->json, &b, &e);
		if (!r)
			return cmd_print(&cmd_replay, &b);
	}
	if (!r)
		r = replay_one(argv[0], a, c, &signal, &e);
	if (r >= 0)
		return r;
	cmd_fail(&cmd_replay, &e);
	return signal ? EXIT_INTERRUPTED : EXIT_CANNOT_RUN;
}

static const struct cmd_example replay_examples[] = {
	{ "ktstr replay last", "the newest run once more" },
	{ "ktstr replay 1941ca", "the run whose id starts like this" },
	{ "ktstr replay last --stop-at event:5120 --gdb", "freeze it there and look at it" },
	{ "ktstr replay --list", "which runs there are" },
	{ NULL, NULL },
};

static const struct cmd_exit replay_exits[] = {
	{ EXIT_PASSED, "the same as was recorded, and that was a pass" },
	{ EXIT_FAILED, "the same, and that was a failure; or not the same" },
	{ EXIT_INCONCLUSIVE,
	  "the same, and that could not be judged; or nothing to compare after a stop" },
	{ EXIT_CANNOT_RUN,
	  "could not run: something is missing or of another version; a line for each" },
	{ EXIT_INTERRUPTED, "interrupted" },
	{ 0, NULL },
};

const struct cmd cmd_replay = {
	.name = "replay",
	.summary = "make a run in virtual time again, bit for bit",
	.usage = "RUN",
	.about =
		"Every run of ktstr test and ktstr run in virtual time leaves a record in the "
		"cache, "
		"with the kernel and the files of the guest as they were. Replay boots the very "
		"same "
		"machine again, gives the verdict, and compares the schedule: every switch, "
		"wake-up "
		"and migration of the test with its virtual time and CPU. What comes first and is "
		"not the same is named.\n\n"
		"RUN is the id that the result named, the first digits of it, or \"last\". What is "
		"gone or of another version is said before anything starts. ktstr kernel gc "
		"removes "
		"old records.",
	.opts = replay_opts,
	.args_size = sizeof(struct replay_args),
	.max_args = 1,
	.complete = COMPLETE_RUN,
	.examples = replay_examples,
	.exits = replay_exits,
	.main = replay_main,
};
