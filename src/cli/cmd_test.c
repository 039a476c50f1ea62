/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr test FILE...: run the tests of test binaries */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/term.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "harness/plan.h"
#include "harness/runner.h"
#include "harness/sink.h"
#include "vm/probe.h"

struct test_args {
	struct opt_list kernel, filter, topology, scheduler, include;
	struct opt_choice arch, vm, accel, time;
	struct opt_u32 rate, turn, jobs;
	struct opt_hex seed;
	struct opt_size memory;
	struct opt_duration duration, timeout;
	struct opt_list format;
	const char *junit, *kargs, *sysroot;
	struct common_host host;
	bool no_perf, no_skip, list, verbose;
};

static const struct opt test_opts[] = {
	OPT(struct test_args, kernel, "kernel to test on; repeat for several", 'k', .arg = "KERNEL",
	    .default_text = KERNEL_DEFAULT, .complete = COMPLETE_KERNEL),
	OPT(struct test_args, filter, "only tests whose name matches this glob", 'f',
	    .arg = "GLOB"),
	OPT(struct test_args, topology, "machine shape instead of what tests declare", 't',
	    .arg = "TOPOLOGY", .complete = COMPLETE_TOPOLOGY,
	    .more = "AnBlCcDt (nodes, LLCs in total, cores per LLC, threads per core; more in "
		    "ktstr topo --help), the name of a preset, or \"presets\" for every preset "
		    "that the constraints of a test allow. "
		    "Repeat for several."),
	OPT(struct test_args, scheduler, "scheduler instead of what tests declare", 's',
	    .arg = "CMD",
	    .more = "A command line: its first word is the name of a KTSTR_SCHEDULER of the test "
		    "binary, or a program (looked for beside the test binary, in the build's "
		    "schedulers folder and on PATH). \"eevdf\" is the kernel's own. Repeat for "
		    "several."),
	OPT(struct test_args, arch, "insist on this guest architecture",
	    .names = common_arch_names),
	OPT(struct test_args, vm, "what runs the guests", .names = common_vm_names,
	    .fallback = "auto"),
	OPT(struct test_args, accel, "accelerator of the qemu backend", .names = common_accel_names,
	    .fallback = "auto"),
	COMMON_TIME_OPTS(struct test_args, time, rate, turn, "auto"),
	OPT(struct test_args, jobs, "VMs at once", 'j', .arg = "N",
	    .default_text = "as many as their vCPUs fit on this host's CPUs"),
	COMMON_HOST_OPTS(struct test_args, host),
	OPT(struct test_args, no_perf, "skip tests that declare performance mode",
	    .not_with = "perf"),
	OPT(struct test_args, seed, "what all random choices derive from",
	    .default_text = "random"),
	OPT(struct test_args, memory, "guest memory", 'm', .unit = 1 << 20,
	    .default_text = "256 MiB and what the topology needs"),
	OPT(struct test_args, duration, "of the load, instead of what tests declare"),
	OPT(struct test_args, timeout, "of a test's body, instead of what tests declare"),
	OPT(struct test_args, kargs, "words for the kernel command line"),
	OPT(struct test_args, sysroot, "where the guest's shared libraries are", .arg = "DIR",
	    .complete = COMPLETE_DIR),
	OPT(struct test_args, format, "how to report: human, ktap, tap, json, junit",
	    .arg = "NAME[=FILE]", .default_text = "human", .complete = COMPLETE_FORMAT,
	    .more = "Several may be given, separated by commas or by repeating the option. One of "
		    "them "
		    "writes to standard output; the others need a file, as in "
		    "\"human,ktap=out.ktap\"."),
	OPT(struct test_args, junit, "also write JUnit XML", .arg = "FILE",
	    .complete = COMPLETE_FILE),
	OPT(struct test_args, no_skip, "a test that is skipped has failed"),
	OPT(struct test_args, list, "say what would run, boot nothing", 'l'),
	OPT(struct test_args, verbose, "show logs of passing tests too", 'v'),
	OPT_END,
};

const struct cmd cmd_test;

static int copy_list(const struct opt_list *from, struct words *to)
{
	for (size_t i = 0; i < from->nr; i++)
		if (words_add(to, from->at[i]) < 0)
			return -ENOMEM;
	return 0;
}

static void request_fini(struct plan_request *q)
{
	words_fini(&q->files);
	words_fini(&q->kernels);
	words_fini(&q->filters);
	words_fini(&q->topologies);
	words_fini(&q->schedulers);
}
DEFINE_SCOPED_FINI(struct plan_request, request_fini)

static int fill_request(const struct test_args *a, int argc, char **argv, struct plan_request *q)
{
	int r = 0;

	for (int i = 0; !r && i < argc; i++)
		r = words_add(&q->files, argv[i]);
	if (!r)
		r = copy_list(&a->kernel, &q->kernels);
	if (!r)
		r = copy_list(&a->filter, &q->filters);
	if (!r)
		r = copy_list(&a->topology, &q->topologies);
	if (!r)
		r = copy_list(&a->scheduler, &q->schedulers);
	q->have_arch = a->arch.given;
	q->arch = (enum arch)a->arch.v;
	q->memory_mib = (uint32_t)(a->memory.v >> 20);
	q->duration_ns = a->duration.v;
	q->timeout_ns = a->timeout.v;
	q->seed = common_seed(&a->seed);
	q->pin_mode = a->host.cpu_cap.given ? PIN_CAPPED
		      : a->host.perf	    ? PIN_PERFORMANCE
					    : PIN_SHARED;
	q->cpu_cap = a->host.cpu_cap.v;
	q->no_perf = a->no_perf;
	q->names_only = a->list;
	return r;
}

static int open_sinks(const struct test_args *a, struct sink_set *s, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < a->format.nr; i++)
		r = sink_set_add(s, a->format.at[i], a->verbose, e);
	if (!r && a->junit)
		r = sink_set_add_file(s, "junit", a->junit, a->verbose, e);
	return r < 0 ? r : sink_set_complete(s, a->verbose, e);
}

/* ---- running ---- */

static int list_cells(const struct plan *p)
{
	for (size_t i = 0; i < p->nr_cells; i++) {
		const struct plan_cell *pc = &p->cells[i];

		printf("%-32s  %-10s  %-24s  %s%s\n", pc->cell.name, pc->cell.topo_text,
		       pc->cell.scheduler, pc->test->flags & KTSTR_TEST_IGNORE ? "(ignored) " : "",
		       pc->cell.summary);
	}
	return EXIT_PASSED;
}

static const struct cell **cell_pointers(const struct plan *p)
{
	const struct cell **at = calloc(p->nr_cells + 1, sizeof(struct cell *));

	for (size_t i = 0; at && i < p->nr_cells; i++)
		at[i] = &p->cells[i].cell;
	return at;
}

static const char *kernels_text(const struct plan *p, char *buf, size_t cap)
{
	if (p->nr_kernels == 1)
		snprintf(buf, cap, "%s", p->kernels[0].kernel.name);
	else
		snprintf(buf, cap, "%zu kernels", p->nr_kernels);
	return buf;
}

static void begin(const struct plan *p, const struct run_options *o,
		  const struct cell *const *cells, const struct sink_set *s)
{
	const struct vm_about *about = &o->about[p->cells[0].cell.arch];
	char kernels[200], backend[40];
	struct run_info info = {
		.version = ktstr_version,
		.command_line = common_command_line(),
		.kernels = kernels_text(p, kernels, sizeof(kernels)),
		.backend = backend,
		.backend_why = about->why,
		.seed = p->req->seed,
		.nr_cells = (uint32_t)p->nr_cells,
		.cells = cells,
		.jobs = o->jobs,
		.started_at = (uint64_t)time(NULL),
	};

	snprintf(backend, sizeof(backend), "%s/%s%s", about->backend, about->accel,
		 about->virtual_time ? " in virtual time" : "");
	for (size_t i = 0; i < s->nr; i++)
		s->at[i]->type->begin(s->at[i], &info);
}

static int exit_code(const struct run_outcome *out)
{
	if (out->interrupted_by)
		return EXIT_INTERRUPTED;
	if (out->counts.by_verdict[VERDICT_FAIL])
		return EXIT_FAILED;
	return out->counts.by_verdict[VERDICT_INCONCLUSIVE] ? EXIT_INCONCLUSIVE : EXIT_PASSED;
}

static int choose_backends(const struct plan *p, const struct test_args *a, struct run_options *o,
			   struct err *e)
{
	for (size_t i = 0; i < p->nr_files; i++) {
		enum arch arch = p->files[i].registry.arch;
		int r = o->backend[arch] ? 0
					 : vm_choose(common_vm_names[a->vm.v], arch, o->accel,
						     (enum vm_time)a->time.v, &o->backend[arch],
						     &o->about[arch], e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* In the process of a cell; on a terminal the line at the bottom is drawn again. */
static void say_wait(void *ctx, const char *what)
{
	fprintf(stderr, "%sktstr test: waiting for %s\n",
		term_redraws(STDERR_FILENO) ? TERM_ERASE_LINE : "", what);
}

static int run(const struct test_args *a, struct plan_request *q, struct err *e)
{
	SCOPED(catalog_close) struct catalog *c = NULL;
	SCOPED(plan_fini) struct plan p = { 0 };
	SCOPED(sink_set_fini) struct sink_set s = { .nr = 0 };
	SCOPED(hosttopo_fini) struct hosttopo topo = { 0 };
	SCOPED(mem_free) const struct cell **cells = NULL;
	struct catalog_progress say = common_progress();
	struct run_outcome out;

	int r = a->list ? 0 : open_sinks(a, &s, e);
	if (!r && !a->list)
		r = catalog_open(NULL, &c, e);
	if (!r)
		r = plan_build(q, c, &say, &p, e);
	common_progress_end();
	if (r < 0)
		return r;
	if (a->list)
		return list_cells(&p);
	struct run_options o = {
		.accel = (enum vm_accel)a->accel.v,
		.jobs = a->jobs.v,
		.no_skip = a->no_skip,
		.verbose = a->verbose,
		.cache_dir = catalog_dir(c),
		.sysroot = a->sysroot,
		.kargs = a->kargs,
	};
	probe_store_in(o.cache_dir);
	r = common_host(&a->host, &topo, &o.host, e);
	o.host.patience.on_wait = say_wait;
	if (!r)
		r = common_pace(&a->rate, &a->turn, &o.pace, e);
	if (!r)
		r = common_slow(&o.slow, e);
	if (!r)
		r = choose_backends(&p, a, &o, e);
	if (r < 0)
		return r;
	cells = cell_pointers(&p);
	if (!cells)
		return err_sys(e, -ENOMEM, "plan");
	begin(&p, &o, cells, &s);
	r = run_plan(&p, &o, s.at, s.nr, &out, e);
	int closed = sink_set_close(&s, r < 0 ? NULL : e);
	if (r < 0 || closed < 0)
		return r < 0 ? r : closed;
	return exit_code(&out);
}

static int test_main(void *args, int argc, char **argv)
{
	SCOPED(request_fini) struct plan_request q = { 0 };
	const struct test_args *a = args;
	struct err e = { 0 };

	if (a->jobs.given && !a->jobs.v)
		return cmd_usage_error(&cmd_test, "--jobs: at least one VM must run");
	int r = fill_request(a, argc, argv, &q);
	if (r < 0)
		err_sys(&e, r, "arguments");
	else
		r = run(a, &q, &e);
	return r < 0 ? cmd_fail(&cmd_test, &e) : r;
}

static const struct cmd_example test_examples[] = {
	{ "ktstr test build/examples/fairness", "run its tests on the default kernel" },
	{ "ktstr test ./fairness -s eevdf -s 'scx_ktstr --slice-us 5000'",
	  "compare two schedulers" },
	{ "ktstr test ./mytests -t presets -j 4 --junit out.xml",
	  "every machine shape, four at a time" },
	{ "ktstr test ./mytests -k ./linux --filter 'wake*'", "on a kernel tree of one's own" },
	{ NULL, NULL },
};

const struct cmd cmd_test = {
	.name = "test",
	.summary = "run the tests of test binaries, each in a VM of its own",
	.usage = "FILE...",
	.about = "Reads which tests the files contain (they are never executed on this machine), "
		 "boots a "
		 "kernel for each in a VM of the declared shape, starts the scheduler, puts the "
		 "load on "
		 "and gives a verdict: pass, fail, inconclusive (could not be judged, and why) or "
		 "skip.",
	.opts = test_opts,
	.args_size = sizeof(struct test_args),
	.min_args = 1,
	.max_args = ARGS_ANY,
	.complete = COMPLETE_FILE,
	.examples = test_examples,
	.exits = cmd_exits_test,
	.main = test_main,
};
