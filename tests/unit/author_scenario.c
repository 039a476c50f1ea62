/* SPDX-License-Identifier: GPL-2.0-only */
/* What bodies ask for, and what becomes of mistakes; hardly anything is run. */
#include "author_fixture.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

/* --- cgroups ------------------------------------------------------------------------------ */

TEST_WITH(cgroups_take_no_more_calls_than_they_need, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, NULL);

	ktstr_cgroup(t, "cg_0");
	ktstr_cgroup(t, "cg_1", .cpus = "llc:1", .weight = 300);
	ktstr_cgroup(t, "a/b", .cpus = "0");
	ktstr_cgroup_set_cpus(t, "cg_1", "half:0");
	ktstr_cgroup_set_weight(t, "cg_0", 50);
	ktstr_cgroup_remove(t, "a/b");
	assert_string_equal(buf_str(&f->rec.log), "/cgroup.subtree_control=+cpu\n"
						  "make cg_0\n"
						  "make cg_1\n"
						  "/cgroup.subtree_control=+cpuset\n"
						  "cg_1/cpuset.cpus=2-3\n"
						  "cg_1/cpu.weight=300\n"
						  "make a\n"
						  "a/cgroup.subtree_control=+cpu\n"
						  "make a/b\n"
						  "a/cgroup.subtree_control=+cpuset\n"
						  "a/b/cpuset.cpus=0\n"
						  "cg_1/cpuset.cpus=0-1\n"
						  "cg_0/cpu.weight=50\n"
						  "remove a/b\n");
	assert_int_equal(t->findings.nr, 0);
}

TEST_WITH(a_mistake_in_the_set_up_is_inconclusive_and_says_what, fixture_set_up, fixture_tear_down)
{
	static const struct {
		const char *says;
		struct ktstr_cgroup cgroup;
		struct ktstr_workers workers;
	} row[] = {
		{ "cgroup cg_0: there is one of this name", .cgroup = { .name = "cg_0" } },
		{ "a cgroup needs a name", .cgroup = { .name = "" } },
		{ "cgroup ../x: a name has no dots, blanks or empty parts",
		  .cgroup = { .name = "../x" } },
		{ "cgroup x: weight 10001 is not between 1 and 10000",
		  .cgroup = { .name = "x", .weight = 10001 } },
		{ "CPUs \"llc:2\": the machine has 2", .cgroup = { .name = "x", .cpus = "llc:2" } },
		{ "CPUs \"2-5\": the machine has no cpu4-5",
		  .cgroup = { .name = "x", .cpus = "2-5" } },
		{ "CPUs \"some\": neither a list nor all, llc:N, node:N or half:N",
		  .cgroup = { .name = "x", .cpus = "some" } },
		{ "cgroup cg_7: there is none of this name", .workers = { .cgroup = "cg_7" } },
		{ "workers of cg_0: pipe_io works in groups of 2, and 3 workers do not divide into "
		  "them",
		  .workers = { .cgroup = "cg_0", .work = KTSTR_PIPE_IO, .workers = 3 } },
		{ "workers of cg_0: futex_fan_out works in groups of 4, and 5 workers do not "
		  "divide into them",
		  .workers = { .cgroup = "cg_0",
			       .work = KTSTR_FUTEX_FAN_OUT,
			       .workers = 5,
			       .futex_fan_out = { .fan_out = 3 } } },
		{ "workers of cg_0: bursty.run_us is given, but the work is spin_wait and does not "
		  "use it",
		  .workers = { .cgroup = "cg_0", .bursty = { .run_us = 5 } } },
		{ "workers of cg_0: page_fault_churn.region_kib = 1 is not between 64 and 4194304",
		  .workers = { .cgroup = "cg_0",
			       .work = KTSTR_PAGE_FAULT_CHURN,
			       .page_fault_churn = { .region_kib = 1 } } },
		{ "workers of cg_0: nice 20 is not between -20 and 19",
		  .workers = { .cgroup = "cg_0", .nice = 20 } },
		{ "workers of cg_0: there is no work type 99",
		  .workers = { .cgroup = "cg_0", .work = (enum ktstr_work)99 } },
		{ "affinity of workers of cg_0: cpu3 is not in its cpuset",
		  .workers = { .cgroup = "cg_0", .affinity = "1,3" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct fixture *f = *state;
		struct ktstr *t = begin(f, NULL);

		ktstr_cgroup(t, "cg_0", .cpus = "0-1");
		if (row[i].workers.cgroup)
			assert_true(ktstr_workers_spawn(t, row[i].workers) < 0);
		else
			assert_true(ktstr_cgroup_create(t, row[i].cgroup) < 0);
		assert_int_equal(ktstr_hold(t, KTSTR_FULL), -ECANCELED);
		assert_int_equal(finish(f), OUTCOME_INCONCLUSIVE);
		assert_string_equal(headline(f), row[i].says);
		assert_int_equal(t->findings.at[0].kind, RESULT_SETUP);
		assert_int_equal(t->findings.nr, 1);
		fixture_tear_down(state);
		fixture_set_up(state);
	}
}

TEST_WITH(a_refused_cgroup_call_is_reported_once, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, NULL);

	f->rec.fail_at = "open cg_0";
	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .workers = 3);
	ktstr_spawn(t, "cg_9");
	ktstr_hold(t, KTSTR_FULL);
	assert_int_equal(finish(f), OUTCOME_INCONCLUSIVE);
	assert_int_equal(t->findings.nr, 1);
	assert_string_equal(headline(f), "cgroup cg_0: planted: Input/output error");
}

TEST_WITH(the_wrong_machine_is_refused, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr_setup s = setup_of(f, NULL);
	struct err e;

	s.topology = "1n1l4c1t";
	assert_int_equal(ktstr_create_(&s, &f->t, &e), -EINVAL);
	assert_string_equal(e.text,
			    "the machine has 1 nodes, 2 last-level caches and 4 CPUs, which is not "
			    "the declared 1n1l4c1t");
}

/* --- nothing passes when nothing ran ------------------------------------------------------ */

TEST_WITH(an_empty_test_is_inconclusive, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;

	begin(f, NULL);
	assert_int_equal(finish(f), OUTCOME_INCONCLUSIVE);
	assert_string_equal(headline(f), "the test put no load on and expected nothing");
}

TEST_WITH(workers_without_a_hold_are_inconclusive, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, NULL);

	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0");
	assert_int_equal(finish(f), OUTCOME_INCONCLUSIVE);
	assert_string_equal(headline(f), "the workers of cg_0 never started: no ktstr_hold() came "
					 "after their ktstr_spawn()");
}

TEST_WITH(a_skip_is_a_skip, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, "max_unfair_pct=1");

	ktstr_skip(t, "needs %d CPUs", 64);
	ktstr_cgroup(t, "cg_0");
	assert_int_equal(finish(f), OUTCOME_SKIP);
	assert_string_equal(headline(f), "needs 64 CPUs");
}

TEST_WITH(unequal_cores_and_memory_are_held_against_what_was_declared, fixture_set_up,
	  fixture_tear_down)
{
	static const struct {
		const char *declared, *why;
	} rows[] = {
		{ "1n2l2c1t1m", "the machine has 0 nodes of memory only, which is not the declared "
				"1n2l2c1t1m" },
		{ "1n2l2c1t@1024:512", "cpu2 has a capacity of 1024, which is not the declared "
				       "1n2l2c1t@1024:512" },
		{ "1n2l2c1t@", "topology 1n2l2c1t@: not of the form AnBlCcDt" },
		{ "1n2l2c1t1m@1024x", "topology 1n2l2c1t1m@1024x: not of the form AnBlCcDt" },
		{ "1n2l2c1t@1:2:3:4:5:6:7:8:9",
		  "topology 1n2l2c1t@1:2:3:4:5:6:7:8:9: not of the form" },
		{ "1n2l2c1tx", "topology 1n2l2c1tx: not of the form AnBlCcDt" },
		{ "1n2l2c1t@1024", NULL },
	};
	struct fixture *f = *state;
	struct shape s;

	assert_int_equal(shape_read(setup_of(f, NULL).sysfs, &s, NULL), 0);
	for (int cpu = 0; cpu < 4; cpu++)
		s.capacity[cpu] = 1024;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err e = { 0 };

		assert_int_equal(shape_check(&s, rows[i].declared, &e), rows[i].why ? -EINVAL : 0);
		if (rows[i].why)
			assert_non_null(strstr(e.text, rows[i].why));
	}
	s.nr_memory_nodes = 1;
	s.capacity[3] = s.capacity[2] = 512;
	assert_int_equal(shape_check(&s, "1n2l2c1t1m@1024:512", NULL), 0);
	shape_fini(&s);
}

/* --- expectations ------------------------------------------------------------------------- */

TEST_WITH(expectations_show_expression_and_values, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, NULL);
	int three = 3;
	unsigned long four = 4;

	assert_true(ktstr_expect_eq(t, three, 3));
	assert_true(ktstr_expect_lt(t, three, four));
	assert_true(ktstr_expect_le(t, three, 3.0));
	assert_true(ktstr_expect_gt(t, four, three));
	assert_true(ktstr_expect_true(t, three));
	assert_int_equal(findings_verdict(&t->findings), OUTCOME_PASS);
	assert_false(ktstr_expect_ge(t, three, four));
	assert_false(ktstr_expect_eq(t, three, 4));
	assert_false(ktstr_expect_true(t, three == 4));
	assert_int_equal(finish(f), OUTCOME_FAIL);
	assert_non_null(strstr(t->findings.at[0].text,
			       "three is 3, expected >= four, which is 4 (author_scenario.c:"));
	assert_non_null(strstr(t->findings.at[1].text, "three is 3, expected == 4 (author_"));
	assert_non_null(strstr(t->findings.at[2].text, "three == 4 is false (author_"));
}

UNIT_MAIN(fixture_machine_make, fixture_machine_remove)
