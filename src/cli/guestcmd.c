/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/guestcmd.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "harness/program.h"
#include "harness/recorder.h"
#include "harness/words.h"
#include "vm/probe.h"

void guestcmd_fini(struct guestcmd *g)
{
	job_fini(&g->job);
	buf_fini(&g->kargs);
	words_fini(&g->paths);
	free(g->includes);
	sched_choice_fini(&g->sched);
	kernel_fini(&g->kernel);
	hosttopo_fini(&g->topo);
	catalog_close(g->catalog);
	*g = (struct guestcmd){ .kernel.lock_fd = -1 };
}

/* ---- files ---- */

static int add_include(struct guestcmd *g, const char *host, const char *guest, bool program,
		       struct err *e)
{
	struct guest_include *more = reallocarray(g->includes, g->nr_includes + 1, sizeof(*more));

	if (!more || words_add(&g->paths, host) < 0 || words_add(&g->paths, guest) < 0)
		return err_set(e, -ENOMEM, "include %s: out of memory", host);
	g->includes = more;
	g->includes[g->nr_includes++] = (struct guest_include){
		.host_path = g->paths.at[g->paths.nr - 2],
		.guest_path = g->paths.at[g->paths.nr - 1],
		.program = program,
	};
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "PATH[:GUESTPATH]" */
static int include(struct guestcmd *g, const char *arg, struct err *e)
{
	char guest[PATH_MAX];
	SCOPED(mem_free) char *path = strdup(arg);
	char *colon = path ? strrchr(path, ':') : NULL;
	struct stat st;

	if (colon && colon[1] == '/')
		*colon = 0;
	else
		colon = NULL;
	SCOPED(mem_free) char *real = path ? realpath(path, NULL) : NULL;
	if (!real || stat(real, &st) < 0)
		return err_sys(e, -errno, "include %s", arg);
	bool program = S_ISREG(st.st_mode) && (st.st_mode & 0111);
	if (colon)
		snprintf(guest, sizeof(guest), "%s", colon + 1);
	else if (program)
		snprintf(guest, sizeof(guest), "%s/%s", GUEST_BIN_DIR, base_name(path));
	else
		snprintf(guest, sizeof(guest), "%s", real);
	return add_include(g, real, guest, program, e);
}

int guestcmd_add_command(struct guestcmd *g, const char *name, struct err *e)
{
	SCOPED(words_fini) struct words places = { 0 };
	SCOPED(mem_free) char *host = NULL, *misfit = NULL;
	char guest[PATH_MAX];
	int r = program_add_path(&places);

	if (!r)
		r = program_find(&places, name, g->spec.vm.arch, &host, &misfit);
	if (r == -ENOMEM || (r < 0 && strchr(name, '/') && access(name, F_OK) == 0))
		return err_set(e, r, "command %s: not a program for %s guests", name,
			       arch_names(g->spec.vm.arch)->name);
	if (host) {
		snprintf(guest, sizeof(guest), "%s/%s", GUEST_BIN_DIR, base_name(name));
		r = add_include(g, host, guest, true, e);
		if (r < 0)
			return r;
	}
	g->spec.image.includes = g->includes;
	g->spec.image.nr_includes = g->nr_includes;
	return job_list_add(&g->job.args, host ? guest : name);
}

/* ---- the parts ---- */

static int use_scheduler(struct guestcmd *g, const struct guestcmd_args *a, struct err *e)
{
	char ms[24];
	int r = sched_choose(a->scheduler, NULL, NULL, NULL, g->spec.vm.arch, &g->sched, e);

	if (r < 0 || !g->sched.path)
		return r;
	snprintf(ms, sizeof(ms), "%u", g->sched.attach_timeout_ms);
	r = job_set(&g->job.sched_name, g->sched.display);
	if (!r)
		r = job_set(&g->job.attach_timeout_ms, ms);
	for (size_t i = 0; !r && i < g->sched.args.nr; i++)
		r = job_list_add(&g->job.sched_args, g->sched.args.at[i]);
	if (r < 0)
		return err_sys(e, r, "scheduler %s", g->sched.display);
	return add_include(g, g->sched.path, GUEST_SCHED_PATH, true, e);
}

static int set_timeout(struct guestcmd *g, const struct guestcmd_args *a)
{
	char ms[24];

	if (!a->timeout.given)
		return 0;
	g->spec.limits.body += a->timeout.v;
	snprintf(ms, sizeof(ms), "%llu", (unsigned long long)(a->timeout.v / 1000000));
	return job_set(&g->job.timeout_ms, ms);
}

static int fill_machine(struct guestcmd *g, const struct guestcmd_args *a, struct err *e)
{
	struct session_spec *s = &g->spec;
	char topo[TOPO_TEXT_MAX];
	struct pace_wish wish;
	uint32_t slow;

	s->vm.arch = a->arch.given ? (enum arch)a->arch.v : arch_host();
	s->vm.accel = (enum vm_accel)a->accel.v;
	s->vm.seed = common_seed(&a->seed);
	s->vm.verbose = a->verbose;
	s->vm.initrd_fd = -1;
	int r = topo_parse(a->topology, &s->vm.topo, e);
	if (!r)
		r = catalog_open(NULL, &g->catalog, e);
	if (r < 0)
		return r;
	probe_store_in(catalog_dir(g->catalog));
	r = common_host(&a->host, &g->topo, &s->host, e);
	if (!r)
		r = common_pace(&a->rate, &a->turn, &wish, e);
	if (!r)
		r = common_slow(&slow, e);
	if (!r)
		r = vm_choose(common_vm_names[a->vm.v], s->vm.arch, s->vm.accel,
			      (enum vm_time)a->time.v, &s->backend, &g->about, e);
	if (r < 0)
		return r;
	s->vm.memory_bytes = a->memory.given ? a->memory.v
					     : (uint64_t)topo_default_memory_mib(&s->vm.topo) << 20;
	bool emulated = strcmp(g->about.accel, "kvm") != 0;
	s->limits =
		watch_default_limits(topo_cpus(&s->vm.topo), emulated, g->about.virtual_time, slow);
	s->vm.time = g->about.virtual_time ? VM_TIME_VIRTUAL : VM_TIME_REAL;
	s->vm.pace = pace_choose(topo_cpus(&s->vm.topo), &wish);
	if (g->about.virtual_time)
		s->vm.accel = VM_ACCEL_TCG;
	if (!a->timeout.given)
		s->limits.body = 0;
	return job_set(&g->job.topology, topo_format(&s->vm.topo, topo, sizeof(topo)));
}

/* Files of unknown size come along: the default memory grows with them. */
#define MEMORY_FOR_FILES (128ull << 20)

static int fill_kernel(struct guestcmd *g, const struct guestcmd_args *a, struct err *e)
{
	struct catalog_progress say = common_progress();
	struct session_spec *s = &g->spec;
	int r = catalog_resolve(g->catalog, a->kernel, s->vm.arch, &say, &g->kernel, e);

	if (!r)
		r = catalog_busybox(g->catalog, s->vm.arch, &say, &s->image.busybox, e);
	common_progress_end();
	if (r < 0)
		return r;
	s->vm.kernel_path = g->kernel.boot_path;
	s->image.modules_dir = g->kernel.modules_dir;
	s->image.cache_dir = catalog_dir(g->catalog);
	s->image.arch = s->vm.arch;
	s->image.sysroot = a->sysroot;
	return 0;
}

int guestcmd_init(struct guestcmd *g, const struct guestcmd_args *a, const char *mode,
		  struct err *e)
{
	*g = (struct guestcmd){ .kernel.lock_fd = -1 };
	g->spec.job = &g->job;
	int r = job_set(&g->job.mode, mode);
	if (!r)
		r = fill_machine(g, a, e);
	if (!r)
		r = fill_kernel(g, a, e);
	for (size_t i = 0; !r && i < a->include.nr; i++)
		r = include(g, a->include.at[i], e);
	if (!r)
		r = use_scheduler(g, a, e);
	if (!r)
		r = set_timeout(g, a);
	if (r < 0)
		return r;
	if (g->nr_includes && !a->memory.given)
		g->spec.vm.memory_bytes += MEMORY_FOR_FILES;
	buf_printf(&g->kargs, "%s%s%s", g->sched.kargs ? g->sched.kargs : "",
		   g->sched.kargs ? " " : "", a->kargs ? a->kargs : "");
	g->spec.vm.cmdline = buf_str(&g->kargs);
	g->spec.image.includes = g->includes;
	g->spec.image.nr_includes = g->nr_includes;
	return 0;
}

void guestcmd_record(const struct guestcmd *g, const struct session_source *source,
		     const char *command, struct cell_result *r)
{
	struct cell cell = {
		.test = command,
		.summary = "",
		.file = "",
		.kernel = g->kernel.name,
		.kernel_key = g->kernel.key,
		.scheduler = g->sched.display ? g->sched.display : SCHED_EEVDF,
		.scheduler_name = g->sched.name ? g->sched.name : SCHED_EEVDF,
		.arch = g->spec.vm.arch,
		.topo = g->spec.vm.topo,
	};
	struct recorder rec = {
		.cache_dir = catalog_dir(g->catalog),
		.backend = g->spec.backend,
		.vm = &g->spec.vm,
		.source = source,
		.scheduler = g->sched.path,
		.wishes = { .expect = "" },
	};

	snprintf(cell.name, sizeof(cell.name), "%s", command);
	free(r->rerun);
	r->rerun = strdup(common_command_line());
	r->cell = &cell;
	recorder_try(&rec, r);
	r->cell = NULL;
}

static void say_wait(void *ctx, const char *what)
{
	const struct guestcmd *g = ctx;

	fprintf(stderr, "ktstr %s: waiting for %s%s\n", g->cmd->name, what, g->hint);
}

void guestcmd_wait_with(struct guestcmd *g, const struct cmd *c, const int *cancel_fds,
			const char *hint)
{
	g->cmd = c;
	g->hint = hint;
	g->spec.host.run = c->name;
	g->spec.patience = (struct patience){ cancel_fds, say_wait, g };
	g->spec.host.patience = g->spec.patience;
}

void guestcmd_warn(const struct cmd *c, const struct cell_result *r)
{
	if (!strcmp(r->host.mode, pin_mode_name(PIN_SHARED)))
		return; /* nothing was asked for */
	for (size_t i = 0; i < r->nr_details; i++)
		if (strncmp(r->details[i].kind, "host:", 5) == 0)
			fprintf(stderr, "ktstr %s: note: %s\n", c->name, r->details[i].text);
}

void guestcmd_explain(const struct cmd *c, const struct cell_result *r, bool console_shown)
{
	fprintf(stderr, "ktstr %s: %s\n", c->name, r->headline ? r->headline : "");
	if (*r->run)
		fprintf(stderr, "replay: ktstr replay %s\n", r->run);
	if (r->sched_log && *r->sched_log)
		fprintf(stderr, "--- the scheduler printed ---\n%s", r->sched_log);
	bool kernel_matters = r->cause == CAUSE_BOOT_FAILED || r->cause == CAUSE_GUEST_PANIC ||
			      r->cause == CAUSE_GUEST_REBOOT || r->cause == CAUSE_GUEST_HANG;
	if (kernel_matters && r->console_tail && !console_shown)
		fprintf(stderr, "--- the kernel's console ended with ---\n%s\n", r->console_tail);
}

void guestcmd_name_run(const struct cmd *c, const struct cell_result *r)
{
	if (r->schedule.have)
		fprintf(stderr, "ktstr %s: schedule %016" PRIx64 ", %" PRIu64 " events\n", c->name,
			r->schedule.digest, r->schedule.events);
	else if (r->schedule.why_not[0])
		fprintf(stderr, "ktstr %s: no schedule digest: %s\n", c->name, r->schedule.why_not);
	if (r->run[0])
		fprintf(stderr, "ktstr %s: replay: ktstr replay %s\n", c->name, r->run);
}
