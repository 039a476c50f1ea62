/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole tests with workers, run on this machine. */
#include "author_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- loads on this machine ---------------------------------------------------------------- */

/*
 * This machine may be busy with anything: what must happen is waited for, and the checks that
 * depend on getting CPU time in time are off unless they are what the test is about.
 */
#define ANY_TIME "max_gap_ms=off progress=off isolation=off"
#define PATIENCE_NS 20000000000ull

static bool all_got_on(struct ktstr *t)
{
	SCOPED(observed_fini) struct observed o = { 0 };

	assert_int_equal(ktstr_observe_(t, &o), 0);
	for (size_t g = 0; g < o.nr; g++)
		for (size_t i = 0; i < o.group[g].nr; i++)
			if (!o.group[g].worker[i].iterations)
				return false;
	return true;
}

static void hold_until_all_got_on(struct ktstr *t)
{
	uint64_t until = clock_ns() + PATIENCE_NS;

	do
		ktstr_hold_ms(t, 20);
	while (!all_got_on(t) && clock_ns() < until);
	assert_true(all_got_on(t));
}

TEST_WITH(every_work_type_works_and_measures_itself, fixture_set_up, fixture_tear_down)
{
	for (int work = 0; work < KTSTR_NR_WORKS; work++) {
		static const bool wakes[] = {
			[KTSTR_BURSTY] = true,		[KTSTR_PIPE_IO] = true,
			[KTSTR_FUTEX_PING_PONG] = true, [KTSTR_FUTEX_FAN_OUT] = true,
			[KTSTR_FORK_EXIT] = true,	[KTSTR_MUTEX_CONTENTION] = true,
			[KTSTR_NR_WORKS] = false,
		};
		struct fixture *f = *state;
		struct ktstr *t = begin(f, "max_gap_ms=off");
		struct ktstr_workers w = { .cgroup = "cg_0", .work = (enum ktstr_work)work };
		struct ktstr_stats s;
		uint64_t until = clock_ns() + PATIENCE_NS;

		if (work == KTSTR_BURSTY)
			w.bursty.run_us = w.bursty.sleep_us = 5000;
		if (work == KTSTR_MUTEX_CONTENTION)
			w.mutex_contention.hold = 100000;
		ktstr_cgroup(t, "cg_0");
		ktstr_workers_spawn(t, w);
		hold_until_all_got_on(t);
		do
			s = (ktstr_hold_ms(t, 20), ktstr_measure(t, "cg_0"));
		while (wakes[work] && !s.wake.count && clock_ns() < until);
		assert_string_equal(headline(f), "");
		assert_true(s.workers >= 1 && s.work > 0 && s.cpu_ns > 0);
		assert_true(s.wall_ns >= s.workers * 40000000ull);
		assert_true(s.cpu_ns + s.run_delay_ns <= s.wall_ns * 101 / 100); /* two clocks */
		assert_true(ktstr_cpus_count(&s.cpus_used) > 0);
		assert_int_equal(s.wake.count > 0, wakes[work]);
		assert_true(s.wake.min_ns <= s.wake.p50_ns && s.wake.p50_ns <= s.wake.p99_ns &&
			    s.wake.p99_ns <= s.wake.max_ns && s.wake.max_ns < PATIENCE_NS);
		assert_int_equal(finish(f), OUTCOME_PASS);
		fixture_tear_down(state);
		fixture_set_up(state);
	}
}

TEST_WITH(waiting_on_purpose_is_no_gap_and_being_stopped_is, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, "max_gap_ms=450");
	struct worker_stats sleeper, stopped[2];

	ktstr_cgroup(t, "cg_0");
	ktstr_cgroup(t, "cg_1");
	ktstr_spawn(t, "cg_0", .work = KTSTR_BURSTY,
		    .bursty = { .run_us = 1000, .sleep_us = 100000000 });
	ktstr_spawn(t, "cg_1", .workers = 2);
	do {
		ktstr_hold_ms(t, 20);
		crew_read(t->crews[0], &sleeper);
	} while (!sleeper.waiting);
	kill(t->crews[1]->member[1].pid, SIGSTOP);
	ktstr_hold_ms(t, 500);
	crew_read(t->crews[0], &sleeper);
	crew_read(t->crews[1], stopped);
	assert_true(sleeper.waiting);
	assert_int_equal(sleeper.overdue_ns, 0);
	assert_false(stopped[1].waiting);
	assert_true(stopped[1].overdue_ns >= 490000000 && stopped[1].gap_ns >= 490000000);
	assert_true(stopped[1].delay_ns >= 490000000);
	assert_int_equal(finish(f), OUTCOME_FAIL);
}

TEST_WITH(a_worker_that_is_killed_is_reported, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, ANY_TIME);

	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .workers = 2);
	ktstr_hold_ms(t, 20);
	struct pollfd dead = { .fd = t->crews[0]->member[1].pidfd, .events = POLLIN };
	kill(t->crews[0]->member[1].pid, SIGSEGV);
	assert_int_equal(poll(&dead, 1, 20000), 1);
	assert_int_equal(finish(f), OUTCOME_FAIL);
	assert_string_equal(headline(f),
			    "worker 1 of cg_0 was killed by signal 11 (Segmentation fault)");
	assert_int_equal(t->findings.nr, 1);
}

TEST_WITH(steps_change_cpus_workers_and_cgroups, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, ANY_TIME);

	ktstr_cgroup(t, "cg_0", .cpus = "llc:0");
	ktstr_cgroup(t, "cg_1");
	ktstr_spawn(t, "cg_0");
	ktstr_spawn(t, "cg_1");
	ktstr_hold(t, 0.2);
	buf_clear(&f->rec.log);
	ktstr_cgroup_set_cpus(t, "cg_0", "llc:1");
	ktstr_workers_move(t, "cg_1", "cg_0");
	ktstr_cgroup_remove(t, "cg_1");
	ktstr_cgroup(t, "cg_1");
	ktstr_spawn(t, "cg_1");
	ktstr_hold(t, 0.2);
	ktstr_workers_stop(t, "cg_1");
	assert_int_equal(ktstr_measure(t, "cg_0").workers, 2);
	assert_int_equal(ktstr_measure(t, "cg_1").workers, 1);
	assert_int_equal(ktstr_measure(t, NULL).workers, 3);
	assert_int_equal(finish(f), OUTCOME_PASS);
	assert_string_equal(buf_str(&f->rec.log), "cg_0/cpuset.cpus=2-3\n"
						  "cg_0/cgroup.procs=PID\n"
						  "remove cg_1\n"
						  "make cg_1\n"
						  "open cg_1\n"
						  "stage 5\n");
}

TEST_WITH(fairness_knows_that_the_rules_changed, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, ANY_TIME " max_unfair_pct=100");

	ktstr_cgroup(t, "cg_0");
	ktstr_cgroup(t, "cg_1");
	ktstr_spawn(t, "cg_0");
	ktstr_spawn(t, "cg_1");
	ktstr_cgroup_set_weight(t, "cg_0", 300);
	ktstr_hold_ms(t, 20);
	ktstr_cgroup_set_weight(t, "cg_1", 300);
	ktstr_hold_ms(t, 20);
	assert_int_equal(finish(f), OUTCOME_INCONCLUSIVE);
	assert_string_equal(headline(f), "fairness between cg_0 and cg_1 could not be judged: its "
					 "weight changed meanwhile");
}

TEST_WITH(a_worker_that_never_comes_is_waited_for_once, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, NULL);

	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .workers = 2);
	t->nr_forked++; /* one that a scheduler never lets arrive */
	ktstr_hold_ms(t, 1);
	uint64_t before = clock_ns();
	ktstr_cgroup(t, "cg_1");
	ktstr_spawn(t, "cg_1");
	ktstr_hold_ms(t, 1);
	assert_true(clock_ns() - before < 500000000);
}

TEST_WITH(the_cpus_allowed_at_each_time_count_for_isolation, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, NULL);
	struct worker_stats w;

	ktstr_cgroup(t, "cg_0", .cpus = "0");
	ktstr_spawn(t, "cg_0");
	ktstr_hold_ms(t, 1);
	struct crew *c = t->crews[0];
	kill(c->member[0].pid, SIGSTOP); /* so that only we write into its slot */
	memset(c->slot[0].used, 0, sizeof(c->slot[0].used));
	cpuset_add(&c->slot[0].used[0], 0);
	ktstr_cgroup_set_cpus(t, "cg_0", "1");
	assert_int_equal(c->shared->epoch, 1);
	cpuset_add(&c->slot[0].used[0], 1); /* during the change: either */
	cpuset_add(&c->slot[0].used[1], 1);
	crew_read(c, &w);
	assert_int_equal(cpuset_count(&w.outside), 0);
	assert_int_equal(cpuset_count(&w.used), 2);
	cpuset_add(&c->slot[0].used[1], 0); /* after it: no longer allowed */
	crew_read(c, &w);
	assert_true(cpuset_has(&w.outside, 0));
	for (int i = 0; i < 40; i++)
		ktstr_cgroup_set_cpus(t, "cg_0", i % 2 ? "1" : "2");
	assert_int_equal(c->shared->epoch, CPU_EPOCHS - 1);
}

TEST_WITH(affinity_each_gives_every_worker_one_cpu, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, ANY_TIME);

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	ktstr_cgroup(t, "cg_0", .cpus = "0-1");
	ktstr_spawn(t, "cg_0", .workers = 2, .affinity = "each", .nice = 3);
	hold_until_all_got_on(t);
	assert_true(ktstr_expect_ran_on(t, "0-1"));
	assert_false(ktstr_expect_ran_on(t, "1-2"));
	for (unsigned i = 0; i < 2; i++) {
		struct worker_stats w[2];

		crew_read(t->crews[0], w);
		assert_int_equal(cpuset_count(&w[i].used), 1);
		assert_true(cpuset_has(&w[i].used, i));
	}
	assert_int_equal(finish(f), OUTCOME_FAIL);
	assert_non_null(strstr(headline(f), "no worker ran on cpu2 in "));
}

/* --- the result --------------------------------------------------------------------------- */

TEST_WITH(stages_enclose_the_load_and_the_result_is_complete, fixture_set_up, fixture_tear_down)
{
	static const char *const want[] = {
		"{\"version\":1,\"verdict\":\"pass\",\"wall_ns\":",
		"\"kind\":\"expect\",\"text\":\"seed 7\"",
		"\"name\":\"cg_0\",\"weight\":100,\"workers\":2,\"cpus\":\"0-3\",\"cpus_used\":\"",
		"\"wake\":{\"count\":",
		"\"buckets\":[[",
		"\"values\":[{\"name\":\"x\",\"value\":1.5,\"unit\":\"us\"}]}",
	};
	struct fixture *f = *state;
	struct ktstr *t = begin(f, ANY_TIME);

	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .work = KTSTR_PIPE_IO);
	buf_clear(&f->rec.log);
	ktstr_hold(t, KTSTR_FULL);
	hold_until_all_got_on(t);
	ktstr_value(t, "x", 1.5, "us");
	ktstr_note(t, "seed %d", (int)ktstr_seed(t));
	assert_int_equal(finish(f), OUTCOME_PASS);
	assert_string_equal(buf_str(&f->rec.log), "stage 4\nstage 5\n");
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		if (!strstr(buf_str(&f->json), want[i]))
			fail_msg("%s is not in %s", want[i], buf_str(&f->json));
	assert_true(t->load_to_ns - t->load_from_ns >= 100000000);
}

TEST_WITH(no_process_is_left_behind, fixture_set_up, fixture_tear_down)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, NULL);

	/* what the workers leave behind becomes ours */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .workers = 3, .work = KTSTR_FORK_EXIT);
	ktstr_hold_ms(t, 20);
	ktstr_destroy_(t);
	f->t = NULL;
	for (int status; waitpid(-1, &status, 0) > 0;)
		assert_true(WIFSIGNALED(status) || WIFEXITED(status));
	assert_int_equal(errno, ECHILD);
}

UNIT_MAIN(fixture_machine_make, fixture_machine_remove)
