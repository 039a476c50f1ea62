/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "harness/limits.h"
#include "harness/plan.h"
#include "mini_elf.h"

/* A folder with a test binary "tests" and a program "scx_x" for arm64, "scx_other" for x86_64. */
struct place {
	char dir[64];
	char tests[96], sched[96];
};

static struct ktstr_test_record test_record(const char *name)
{
	struct ktstr_test_record t = { .magic = KTSTR_REGISTRY_MAGIC,
				       .version = KTSTR_REGISTRY_VERSION,
				       .size = sizeof(t) };

	snprintf(t.name, sizeof(t.name), "%s", name);
	return t;
}

static void write_elf(const char *path, uint16_t machine, const struct ktstr_test_record *tests,
		      size_t nr, const struct ktstr_sched_record *sched)
{
	struct mini_elf m = { .type = ET_DYN, .machine = machine };
	struct buf b = { 0 };

	if (tests)
		mini_elf_section(&m, KTSTR_TESTS_SECTION, tests, nr * sizeof(*tests));
	if (sched)
		mini_elf_section(&m, KTSTR_SCHEDS_SECTION, sched, sizeof(*sched));
	mini_elf_finish(&m, &b);
	assert_int_equal(write_file_atomic(path, b.at, b.len, 0755, NULL), 0);
	buf_fini(&b);
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct ktstr_test_record t[4] = { test_record("alpha"), test_record("beta"),
					  test_record("gamma"), test_record("hidden") };
	struct ktstr_sched_record s = { .magic = KTSTR_REGISTRY_MAGIC,
					.version = KTSTR_REGISTRY_VERSION,
					.size = sizeof(s),
					.name = "mine",
					.binary = "scx_x",
					.args = "--one 'two words'",
					.sysctls = "kernel.foo=1",
					.kargs = "nosmt",
					.topology = "1n2l2c1t" };
	char path[96];

	strcpy(p->dir, "/tmp/ktstr-plan-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->tests, sizeof(p->tests), "%s/tests", p->dir);
	snprintf(p->sched, sizeof(p->sched), "%s/scx_x", p->dir);
	strcpy(t[0].topology, "1n1l4c1t");
	t[0].limits.max_gap_ms = (struct ktstr_limit){ 500, KTSTR_LIMIT_SET, 0 };
	s.limits.max_gap_ms = (struct ktstr_limit){ 700, KTSTR_LIMIT_SET, 0 };
	s.limits.isolation = (struct ktstr_limit){ 0, KTSTR_LIMIT_OFF, 0 };
	strcpy(t[1].scheduler, "mine");
	strcpy(t[1].sched_args, "--three");
	t[2].min_llcs = 2;
	strcpy(t[2].topology, "1n2l1c1t");
	t[3].flags = KTSTR_TEST_IGNORE;
	write_elf(p->tests, EM_AARCH64, t, 4, &s);
	write_elf(p->sched, EM_AARCH64, NULL, 0, NULL);
	snprintf(path, sizeof(path), "%s/scx_other", p->dir);
	write_elf(path, EM_X86_64, NULL, 0, NULL);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	remove_tree(p->dir, NULL);
	free(p);
	return 0;
}

/* A request of lists written as words; NULL = none. */
static void ask(struct plan_request *q, const struct place *p, const char *filters,
		const char *topologies)
{
	*q = (struct plan_request){ .names_only = true, .seed = 0x1f3a };
	words_add(&q->files, p->tests);
	words_split(filters ? filters : "", &q->filters);
	words_split(topologies ? topologies : "", &q->topologies);
}

static void forget(struct plan_request *q)
{
	words_fini(&q->files);
	words_fini(&q->filters);
	words_fini(&q->topologies);
	words_fini(&q->schedulers);
}

TEST(shapes_come_from_the_test_then_its_scheduler_then_the_default)
{
	struct plan_request q;
	struct plan plan = { 0 };
	struct err e;

	ask(&q, *state, NULL, NULL);
	assert_int_equal(plan_build(&q, NULL, NULL, &plan, &e), 0);
	assert_int_equal(plan.nr_cells, 4); /* ignored ones are listed */
	assert_string_equal(plan.cells[0].cell.topo_text, "1n1l4c1t");
	assert_string_equal(plan.cells[1].cell.topo_text, "1n2l2c1t");
	assert_string_equal(plan.cells[2].cell.topo_text, "1n2l1c1t");
	assert_string_equal(plan.cells[3].cell.topo_text, "1n1l2c1t");
	assert_string_equal(plan.cells[0].cell.name, "alpha");
	plan_fini(&plan);
	forget(&q);
}

TEST(an_ignored_test_runs_only_when_named)
{
	struct plan_request q;
	struct plan plan = { 0 };
	struct err e;

	ask(&q, *state, "h*", NULL);
	assert_int_equal(plan_build(&q, NULL, NULL, &plan, &e), -ENOENT);
	assert_non_null(strstr(e.text, "there are: alpha, beta, gamma, hidden"));
	forget(&q);
	ask(&q, *state, "hidden", NULL);
	assert_int_equal(plan_build(&q, NULL, NULL, &plan, &e), 0);
	assert_int_equal(plan.nr_cells, 1);
	plan_fini(&plan);
	forget(&q);
}

TEST(several_shapes_become_part_of_the_name_and_unfit_ones_are_skipped)
{
	struct plan_request q;
	struct plan plan = { 0 };
	struct err e;

	ask(&q, *state, "gamma", "1n1l2c1t 1n2l2c1t");
	assert_int_equal(plan_build(&q, NULL, NULL, &plan, &e), 0);
	assert_int_equal(plan.nr_cells, 2);
	assert_string_equal(plan.cells[0].cell.name, "gamma/1n1l2c1t");
	assert_non_null(strstr(plan.cells[0].skip, "needs at least 2 LLCs, the topology has 1"));
	assert_null(plan.cells[1].skip);
	plan_fini(&plan);
	forget(&q);
}

TEST(presets_are_those_the_test_and_the_architecture_allow)
{
	struct plan_request q;
	struct plan plan = { 0 };
	struct err e;

	ask(&q, *state, "gamma", "presets");
	assert_int_equal(plan_build(&q, NULL, NULL, &plan, &e), 0);
	assert_int_equal(plan.nr_cells, 13); /* 14 on arm64, less the one with a single LLC */
	for (size_t i = 0; i < plan.nr_cells; i++) {
		assert_true(plan.cells[i].cell.topo.llcs >= 2);
		assert_int_equal(plan.cells[i].cell.topo.threads, 1);
		assert_null(plan.cells[i].skip);
	}
	plan_fini(&plan);
	forget(&q);
}

TEST(the_rerun_line_names_all_that_was_asked_for)
{
	const struct place *p = *state;
	struct plan_request q;
	struct plan plan = { 0 };
	struct buf line = { 0 };
	char want[256];
	struct err e;

	ask(&q, p, "alpha", "1n1l2c1t");
	words_add(&q.schedulers, "mine --starve cg_1");
	assert_int_equal(plan_build(&q, NULL, NULL, &plan, &e), 0);
	plan_rerun(&plan, &plan.cells[0], &line);
	snprintf(
		want, sizeof(want),
		"ktstr test %s --filter alpha --topology 1n1l2c1t --scheduler 'mine --starve cg_1' "
		"--seed 1f3a",
		p->tests);
	assert_string_equal(buf_str(&line), want);
	buf_fini(&line);
	plan_fini(&plan);
	forget(&q);
}

TEST(a_binary_of_another_architecture_is_refused)
{
	struct plan_request q;
	struct plan plan = { 0 };
	struct err e;

	ask(&q, *state, NULL, NULL);
	q.have_arch = true;
	q.arch = ARCH_X86_64;
	assert_int_equal(plan_build(&q, NULL, NULL, &plan, &e), -EXDEV);
	assert_non_null(strstr(e.text, "built for arm64, but --arch says x86_64"));
	forget(&q);
}

TEST(a_registered_scheduler_brings_its_arguments)
{
	const struct place *p = *state;
	struct registry reg = { 0 };
	struct sched_choice s = { 0 };
	struct err e;

	assert_int_equal(registry_read(p->tests, &reg, &e), 0);
	assert_int_equal(sched_choose("mine --more", "--last", &reg, p->tests, ARCH_ARM64, &s, &e),
			 0);
	assert_string_equal(s.path, p->sched);
	assert_int_equal(s.args.nr, 4);
	assert_string_equal(s.args.at[1], "two words");
	assert_string_equal(s.args.at[2], "--more");
	assert_string_equal(s.args.at[3], "--last");
	assert_string_equal(s.sysctls.at[0], "kernel/foo 1");
	assert_string_equal(s.display, "mine --more --last");
	sched_choice_fini(&s);
	registry_fini(&reg);
}

TEST(schedulers_that_cannot_run_there_are_refused_by_name)
{
	const struct place *p = *state;
	static const struct {
		const char *command, *words;
	} row[] = {
		{ "scx_other", "scx_other: not a program for arm64 guests" },
		{ "scx_nowhere", "scheduler scx_nowhere: no such program" },
		{ "/nowhere/scx_x", "No such file" },
		{ "scx_x 'open", "open quote" },
	};
	struct sched_choice s = { 0 };
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		assert_true(sched_choose(row[i].command, NULL, NULL, p->tests, ARCH_ARM64, &s, &e) <
			    0);
		if (!strstr(e.text, row[i].words))
			print_message("%s\n", e.text);
		assert_non_null(strstr(e.text, row[i].words));
	}
}

TEST(the_kernels_own_scheduler_needs_no_program)
{
	static const char *const names[] = { NULL, "", "eevdf" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct sched_choice s = { 0 };

		assert_int_equal(
			sched_choose(names[i], "--ignored", NULL, NULL, ARCH_X86_64, &s, NULL), 0);
		assert_null(s.path);
		assert_string_equal(s.display, "eevdf");
		sched_choice_fini(&s);
	}
}

TEST(the_last_layer_that_speaks_sets_a_limit)
{
	struct ktstr_limits l = limits_builtin();
	struct ktstr_limits sched = { .max_gap_ms = { 700, KTSTR_LIMIT_SET, 0 },
				      .isolation = { 0, KTSTR_LIMIT_OFF, 0 } };
	struct ktstr_limits test = { .max_gap_ms = { 0, KTSTR_LIMIT_SET, 0 } };
	struct buf b = { 0 };

	limits_merge(&l, &sched);
	limits_merge(&l, &test);
	limits_merge(&l, NULL);
	limits_format(&l, &b);
	assert_non_null(strstr(buf_str(&b), "progress=1 max_gap_ms=0 isolation=off "));
	assert_non_null(strstr(buf_str(&b), "max_unfair_pct=off"));
	buf_fini(&b);
}

TEST(words_are_split_and_quoted_as_a_shell_would)
{
	struct words w = { 0 };
	struct buf b = { 0 };

	assert_int_equal(words_split("a 'b c' \"d e\" f\\ g ''", &w), 0);
	assert_int_equal(w.nr, 5);
	assert_string_equal(w.at[1], "b c");
	assert_string_equal(w.at[3], "f g");
	assert_string_equal(w.at[4], "");
	shell_quote(&b, "it's");
	assert_string_equal(buf_str(&b), "'it'\\''s'");
	buf_fini(&b);
	words_fini(&w);
	assert_int_equal(words_split("'open", &w), -EINVAL);
	words_fini(&w);
}

UNIT_MAIN(set_up, tear_down)
