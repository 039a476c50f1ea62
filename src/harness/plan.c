/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "harness/limits.h"

#define DEFAULT_TOPOLOGY "1n1l2c1t"
#define DEFAULT_DURATION_MS 2000
#define DEFAULT_TIMEOUT_MS 30000

void plan_fini(struct plan *p)
{
	for (size_t i = 0; i < p->nr_files; i++) {
		free(p->files[i].path);
		free(p->files[i].base);
		registry_fini(&p->files[i].registry);
	}
	for (size_t i = 0; i < p->nr_kernels; i++) {
		free(p->kernels[i].spec);
		kernel_fini(&p->kernels[i].kernel);
	}
	for (size_t i = 0; i < p->nr_scheds; i++) {
		sched_choice_fini(p->scheds[i]);
		free(p->scheds[i]);
	}
	for (size_t i = 0; i < p->nr_cells; i++)
		free(p->cells[i].skip);
	free(p->files);
	free(p->kernels);
	free(p->scheds);
	free(p->cells);
	*p = (struct plan){ 0 };
}

/* One more zeroed element behind @nr; NULL when memory is gone. */
static void *grow(void *array, size_t nr, size_t size)
{
	char *more = reallocarray(array, nr + 1, size);

	if (more)
		memset(more + nr * size, 0, size);
	return more;
}

static int out_of_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "plan: out of memory");
}

/* ---- test binaries ---- */

static int add_file(struct plan *p, const char *path, struct err *e)
{
	struct test_file *files = grow(p->files, p->nr_files, sizeof(*files));

	if (!files)
		return out_of_memory(e);
	p->files = files;
	struct test_file *f = &files[p->nr_files++];
	const char *slash = strrchr(path, '/');
	f->path = strdup(path);
	f->base = strdup(slash ? slash + 1 : path);
	if (!f->path || !f->base)
		return out_of_memory(e);
	int r = registry_read(path, &f->registry, e);
	if (r < 0)
		return r;
	if (p->req->have_arch && p->req->arch != f->registry.arch)
		return err_set(e, -EXDEV,
			       "%s: built for %s, but --arch says %s: give the binary built for %s",
			       path, arch_names(f->registry.arch)->name,
			       arch_names(p->req->arch)->name, arch_names(p->req->arch)->name);
	return 0;
}

/* ---- kernels ---- */

static int add_kernel(struct plan *p, const char *spec, enum arch a, struct catalog *c,
		      const struct catalog_progress *say, struct err *e)
{
	struct plan_kernel *kernels = grow(p->kernels, p->nr_kernels, sizeof(*kernels));

	if (!kernels)
		return out_of_memory(e);
	p->kernels = kernels;
	struct plan_kernel *k = &kernels[p->nr_kernels];
	int r = 0;
	if (c)
		r = catalog_resolve(c, spec, a, say, &k->kernel, e);
	if (r < 0)
		return r;
	p->nr_kernels++;
	if (!c) {
		k->kernel.lock_fd = -1;
		k->kernel.arch = a;
		snprintf(k->kernel.name, sizeof(k->kernel.name), "%s", spec ? spec : "default");
	}
	if (!spec)
		return 0;
	k->spec = strdup(spec);
	return k->spec ? 0 : out_of_memory(e);
}

static int add_kernels(struct plan *p, struct catalog *c, const struct catalog_progress *say,
		       struct err *e)
{
	bool used[NR_ARCHES] = { false };
	int r = 0;

	for (size_t i = 0; i < p->nr_files; i++)
		used[p->files[i].registry.arch] = true;
	for (int a = 0; a < NR_ARCHES && !r; a++) {
		if (!used[a])
			continue;
		if (!p->req->kernels.nr)
			r = add_kernel(p, NULL, (enum arch)a, c, say, e);
		for (size_t i = 0; !r && i < p->req->kernels.nr; i++)
			r = add_kernel(p, p->req->kernels.at[i], (enum arch)a, c, say, e);
	}
	return r;
}

/* ---- schedulers ---- */

/* Without looking for the program: what --list shows. */
static int name_sched(const char *command, struct sched_choice *s)
{
	const char *name = command && *command ? command : SCHED_EEVDF;

	s->command = strdup(name);
	s->display = strdup(name);
	s->name = strdup(name);
	return s->command && s->display && s->name ? 0 : -ENOMEM;
}

static int get_sched(struct plan *p, const struct test_file *f, const char *command,
		     const char *more_args, const struct sched_choice **ret, struct err *e)
{
	struct sched_choice s = { 0 };
	int r = p->req->names_only ? name_sched(command, &s)
				   : sched_choose(command, more_args, &f->registry, f->path,
						  f->registry.arch, &s, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < p->nr_scheds; i++) {
		struct sched_choice *have = p->scheds[i];
		if (strcmp(have->display, s.display) || have->record != s.record ||
		    strcmp(have->path ? have->path : "", s.path ? s.path : ""))
			continue;
		sched_choice_fini(&s);
		*ret = have;
		return 0;
	}
	struct sched_choice **more = grow(p->scheds, p->nr_scheds, sizeof(*more));
	struct sched_choice *own = malloc(sizeof(*own));
	if (more)
		p->scheds = more;
	if (!more || !own) {
		free(own);
		sched_choice_fini(&s);
		return out_of_memory(e);
	}
	*own = s;
	p->scheds[p->nr_scheds++] = own;
	*ret = own;
	return 0;
}

/* ---- shapes ---- */

/* NULL if @t allows the shape, else a sentence in @buf. */
static const char *shape_refused(const struct ktstr_test_record *t, const struct topology *topo,
				 char *buf, size_t cap)
{
	const struct {
		const char *what;
		uint32_t have, min, max;
	} row[] = {
		{ "CPUs", topo_cpus(topo), t->min_cpus, t->max_cpus },
		{ "LLCs", topo->llcs, t->min_llcs, t->max_llcs },
		{ "NUMA nodes", topo->nodes, t->min_nodes, t->max_nodes },
		{ "threads per core", topo->threads, t->flags & KTSTR_TEST_NEEDS_SMT ? 2 : 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		if (row[i].min && row[i].have < row[i].min)
			snprintf(buf, cap, "needs at least %u %s, the topology has %u", row[i].min,
				 row[i].what, row[i].have);
		else if (row[i].max && row[i].have > row[i].max)
			snprintf(buf, cap, "allows at most %u %s, the topology has %u", row[i].max,
				 row[i].what, row[i].have);
		else
			continue;
		return buf;
	}
	return NULL;
}

struct shapes {
	struct topology at[64];
	size_t nr;
};

static int add_presets(const struct ktstr_test_record *t, enum arch a, struct shapes *s)
{
	char why[128];

	for (const struct topo_preset *p = topo_presets; p->name; p++) {
		if (a == ARCH_ARM64 && !p->arm64)
			continue;
		if (shape_refused(t, &p->topo, why, sizeof(why)))
			continue;
		if (s->nr < ARRAY_SIZE(s->at))
			s->at[s->nr++] = p->topo;
	}
	return 0;
}

static int test_shapes(const struct plan *p, const struct test_file *f,
		       const struct ktstr_test_record *t, struct shapes *ret, struct err *e)
{
	const struct ktstr_sched_record *own = registry_sched(&f->registry, t->scheduler);
	const struct words *asked = &p->req->topologies;

	if (!asked->nr) {
		const char *text = t->topology[0]	     ? t->topology
				   : own && own->topology[0] ? own->topology
							     : DEFAULT_TOPOLOGY;
		ret->nr = 1;
		return topo_parse(text, &ret->at[0], e);
	}
	for (size_t i = 0; i < asked->nr && ret->nr < ARRAY_SIZE(ret->at); i++) {
		if (!strcmp(asked->at[i], TOPOLOGY_PRESETS)) {
			add_presets(t, f->registry.arch, ret);
			continue;
		}
		int r = topo_parse(asked->at[i], &ret->at[ret->nr++], e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- cells ---- */

struct axes {
	bool topo, sched, kernel; /* more than one value: part of the name */
};

static void name_cell(struct plan_cell *pc, const struct axes *ax)
{
	struct cell *c = &pc->cell;
	size_t n = (size_t)snprintf(c->name, sizeof(c->name), "%s", c->test);

	if (ax->topo && n < sizeof(c->name))
		n += (size_t)snprintf(c->name + n, sizeof(c->name) - n, "/%s", c->topo_text);
	if (ax->sched && n < sizeof(c->name))
		n += (size_t)snprintf(c->name + n, sizeof(c->name) - n, "/%s", c->scheduler);
	if (ax->kernel && n < sizeof(c->name))
		snprintf(c->name + n, sizeof(c->name) - n, "/%s",
			 pc->kernel->kernel.version[0] ? pc->kernel->kernel.version : c->kernel);
}

enum pin_mode plan_pin_mode(const struct plan_cell *pc, enum pin_mode wish)
{
	return pc->test->flags & KTSTR_TEST_PERFORMANCE ? PIN_PERFORMANCE : wish;
}

static void find_skip(const struct plan_request *req, struct plan_cell *pc)
{
	char why[160];

	if (shape_refused(pc->test, &pc->cell.topo, why, sizeof(why)))
		pc->skip = strdup(why);
	else if ((pc->test->flags & KTSTR_TEST_NEEDS_SCHED_EXT) &&
		 !strcmp(pc->sched->name, SCHED_EEVDF))
		pc->skip = strdup("needs a sched_ext scheduler (name one with --scheduler)");
	else if ((pc->test->flags & KTSTR_TEST_PERFORMANCE) &&
		 (req->no_perf || req->pin_mode == PIN_CAPPED))
		pc->skip = strdup(req->no_perf ? "needs performance mode (--no-perf)"
					       : "needs performance mode (--cpu-cap)");
}

static uint32_t cell_memory(const struct plan *p, const struct plan_cell *pc)
{
	uint32_t need = topo_default_memory_mib(&pc->cell.topo);

	return p->req->memory_mib ? p->req->memory_mib : MAX(need, pc->test->memory_mib);
}

static void fill_timing(const struct plan *p, struct plan_cell *pc)
{
	pc->duration_ms = p->req->duration_ns	  ? (uint32_t)(p->req->duration_ns / 1000000)
			  : pc->test->duration_ms ? pc->test->duration_ms
						  : DEFAULT_DURATION_MS;
	pc->timeout_ms = p->req->timeout_ns	? (uint32_t)(p->req->timeout_ns / 1000000)
			 : pc->test->timeout_ms ? pc->test->timeout_ms
						: DEFAULT_TIMEOUT_MS + 4 * pc->duration_ms;
}

static int add_cell(struct plan *p, const struct test_file *f, const struct ktstr_test_record *t,
		    const struct topology *topo, const struct sched_choice *s,
		    const struct plan_kernel *k, const struct axes *ax, struct err *e)
{
	struct plan_cell *cells = grow(p->cells, p->nr_cells, sizeof(*cells));

	if (!cells)
		return out_of_memory(e);
	p->cells = cells;
	struct plan_cell *pc = &cells[p->nr_cells];
	pc->file = f;
	pc->test = t;
	pc->sched = s;
	pc->kernel = k;
	pc->limits = limits_builtin();
	if (s->record)
		limits_merge(&pc->limits, &s->record->limits);
	limits_merge(&pc->limits, &t->limits);
	fill_timing(p, pc);
	struct cell *c = &pc->cell;
	*c = (struct cell){
		.index = (uint32_t)p->nr_cells,
		.test = t->name,
		.summary = t->summary,
		.file = f->path,
		.kernel = k->kernel.name,
		.kernel_key = k->kernel.key,
		.scheduler = s->display,
		.scheduler_name = s->name,
		.arch = f->registry.arch,
		.topo = *topo,
		.seed = p->req->seed,
	};
	topo_format(topo, c->topo_text, sizeof(c->topo_text));
	c->memory_mib = cell_memory(p, pc);
	name_cell(pc, ax);
	find_skip(p->req, pc);
	p->nr_cells++;
	return 0;
}

/* The scheduler commands to run a test with: what was asked, else what it declares. */
static size_t test_scheds(const struct plan *p, const struct ktstr_test_record *t,
			  const char *const **ret, const char **own)
{
	if (p->req->schedulers.nr) {
		*ret = (const char *const *)p->req->schedulers.at;
		return p->req->schedulers.nr;
	}
	*own = t->scheduler;
	*ret = own;
	return 1;
}

static int expand_test(struct plan *p, const struct test_file *f, const struct ktstr_test_record *t,
		       struct err *e)
{
	struct shapes shapes = { .nr = 0 };
	const char *own, *const *commands;
	int r = test_shapes(p, f, t, &shapes, e);

	if (r < 0)
		return err_frame(e, "%s: test %s", f->path, t->name);
	size_t nr_commands = test_scheds(p, t, &commands, &own);
	struct axes ax = {
		.topo = shapes.nr > 1,
		.sched = nr_commands > 1,
		.kernel = p->req->kernels.nr > 1,
	};
	for (size_t k = 0; k < p->nr_kernels; k++) {
		if (p->kernels[k].kernel.arch != f->registry.arch)
			continue;
		for (size_t s = 0; s < nr_commands; s++) {
			const struct sched_choice *sched = NULL;
			r = get_sched(p, f, commands[s],
				      p->req->schedulers.nr ? NULL : t->sched_args, &sched, e);
			for (size_t i = 0; !r && i < shapes.nr; i++)
				r = add_cell(p, f, t, &shapes.at[i], sched, &p->kernels[k], &ax, e);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* A test that declares itself ignored runs only when a filter names it exactly. */
static bool selected(const struct plan *p, const struct ktstr_test_record *t)
{
	const struct words *f = &p->req->filters;

	for (size_t i = 0; i < f->nr; i++) {
		if (!strcmp(f->at[i], t->name))
			return true;
		if (!(t->flags & KTSTR_TEST_IGNORE) && glob_match(f->at[i], t->name))
			return true;
	}
	return !f->nr && (p->req->names_only || !(t->flags & KTSTR_TEST_IGNORE));
}

/* Tests of the same name in several files get "FILE:" in front. */
static void tell_files_apart(struct plan *p)
{
	for (size_t i = 0; i < p->nr_cells; i++) {
		struct plan_cell *a = &p->cells[i];
		bool clash = false;
		for (size_t k = 0; k < p->nr_files && p->nr_files > 1 && !clash; k++)
			for (size_t n = 0; n < p->files[k].registry.nr_tests; n++)
				clash |= &p->files[k] != a->file &&
					 !strcmp(p->files[k].registry.tests[n].name, a->cell.test);
		if (!clash)
			continue;
		SCOPED(buf_fini) struct buf name = { 0 };
		buf_printf(&name, "%s:%s", a->file->base, a->cell.name);
		snprintf(a->cell.name, sizeof(a->cell.name), "%s", buf_str(&name));
	}
}

static int nothing_selected(const struct plan *p, struct err *e)
{
	SCOPED(buf_fini) struct buf names = { 0 };

	for (size_t i = 0; i < p->nr_files; i++)
		for (size_t k = 0; k < p->files[i].registry.nr_tests && names.len < 200; k++)
			buf_printf(&names, "%s%s", names.len ? ", " : "",
				   p->files[i].registry.tests[k].name);
	if (!names.len)
		return err_set(e, -ENOENT, "%s: contains no test", p->files[0].path);
	return err_set(e, -ENOENT, "filter \"%s\": selects no test; there are: %s%s",
		       p->req->filters.nr ? p->req->filters.at[0] : "", buf_str(&names),
		       names.len >= 200 ? ", ..." : "");
}

int plan_build(const struct plan_request *req, struct catalog *c,
	       const struct catalog_progress *say, struct plan *ret, struct err *e)
{
	SCOPED(plan_fini) struct plan p = { .req = req };
	int r = 0;

	if (!req->files.nr)
		return err_set(e, -EINVAL, "no test binary given");
	for (size_t i = 0; i < req->files.nr; i++) {
		r = add_file(&p, req->files.at[i], e);
		if (r < 0)
			return r;
	}
	r = add_kernels(&p, req->names_only ? NULL : c, say, e);
	for (size_t i = 0; !r && i < p.nr_files; i++)
		for (size_t k = 0; !r && k < p.files[i].registry.nr_tests; k++)
			if (selected(&p, &p.files[i].registry.tests[k]))
				r = expand_test(&p, &p.files[i], &p.files[i].registry.tests[k], e);
	if (r < 0)
		return r;
	if (!p.nr_cells)
		return nothing_selected(&p, e);
	tell_files_apart(&p);
	*ret = p;
	p = (struct plan){ 0 };
	return 0;
}

static void put_option(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, " %s ", name);
	shell_quote(out, value);
}

void plan_rerun(const struct plan *p, const struct plan_cell *pc, struct buf *out)
{
	buf_puts(out, "ktstr test ");
	shell_quote(out, pc->cell.file);
	put_option(out, "--filter", pc->cell.test);
	if (pc->kernel->spec)
		put_option(out, "-k", pc->kernel->spec);
	if (p->req->topologies.nr)
		put_option(out, "--topology", pc->cell.topo_text);
	if (p->req->schedulers.nr)
		put_option(out, "--scheduler", pc->sched->command);
	if (p->req->pin_mode == PIN_PERFORMANCE)
		buf_puts(out, " --perf");
	else if (p->req->pin_mode == PIN_CAPPED)
		buf_printf(out, " --cpu-cap %u", p->req->cpu_cap);
	buf_printf(out, " --seed %llx", (unsigned long long)pc->cell.seed);
}
