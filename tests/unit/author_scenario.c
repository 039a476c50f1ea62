/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole tests, run on this machine with a recorder in place of the cgroup file system. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/frame.h"
#include "author/context.h"
#include "base/err.h"
#include "base/io.h"

/* --- what a test is run with -------------------------------------------------------------- */

/* Every call on the cgroup file system and every frame, one line each. */
struct record {
	struct buf log;
	const char *fail_at; /* the call that fails, "make cg_1" */
};

static int note_call(struct record *rec, struct err *e, const char *call)
{
	buf_printf(&rec->log, "%s\n", call);
	if (rec->fail_at && !strncmp(call, rec->fail_at, strlen(rec->fail_at)))
		return err_sys(e, -EIO, "planted");
	return 0;
}

static int fake_make(void *ctx, const char *name, struct err *e)
{
	char call[200];

	snprintf(call, sizeof(call), "make %s", name);
	return note_call(ctx, e, call);
}

static int fake_write(void *ctx, const char *name, const char *file, const char *text,
		      struct err *e)
{
	char call[200];

	if (!strcmp(file, "cgroup.procs"))
		text = "PID";
	snprintf(call, sizeof(call), "%s/%s=%s", name, file, text);
	return note_call(ctx, e, call);
}

static int fake_remove(void *ctx, const char *name, struct err *e)
{
	char call[200];

	snprintf(call, sizeof(call), "remove %s", name);
	return note_call(ctx, e, call);
}

static int fake_open(void *ctx, const char *name, int *ret, struct err *e)
{
	char call[200];

	*ret = -1;
	snprintf(call, sizeof(call), "open %s", name);
	return note_call(ctx, e, call);
}

static void fake_send(void *ctx, uint16_t type, const void *payload, size_t len)
{
	struct record *rec = ctx;
	const struct stage_msg *msg = payload;

	assert_int_equal(type, FRAME_STAGE);
	assert_int_equal(len, sizeof(*msg));
	buf_printf(&rec->log, "stage %u\n", msg->stage);
}

/* A machine of one node, two caches and two CPUs each. */
static char sysfs[] = "/tmp/ktstr-unit-sys-XXXXXX";

static void put_file(const char *path, const char *text)
{
	char full[300], *slash;

	snprintf(full, sizeof(full), "%s/%s", sysfs, path);
	slash = strrchr(full, '/');
	*slash = 0;
	assert_int_equal(make_dirs(full, 0755, NULL), 0);
	*slash = '/';
	assert_int_equal(write_file_atomic(full, text, strlen(text), 0644, NULL), 0);
}

static int make_sysfs(void **state)
{
	char path[100];

	assert_non_null(mkdtemp(sysfs));
	put_file("devices/system/cpu/online", "0-3\n");
	put_file("devices/system/node/has_cpu", "0\n");
	put_file("devices/system/node/node0/cpulist", "0-3\n");
	for (int cpu = 0; cpu < 4; cpu++) {
		const char *own = (const char *[]){ "0\n", "1\n", "2\n", "3\n" }[cpu];

		snprintf(path, sizeof(path),
			 "devices/system/cpu/cpu%d/cache/index0/shared_cpu_list", cpu);
		put_file(path, own);
		snprintf(path, sizeof(path),
			 "devices/system/cpu/cpu%d/cache/index1/shared_cpu_list", cpu);
		put_file(path, cpu < 2 ? "0-1\n" : "2-3\n");
	}
	return 0;
}

static int remove_sysfs(void **state)
{
	return remove_tree(sysfs, NULL);
}

struct fixture {
	struct record rec;
	struct ktstr *t;
	struct buf json;
};

static struct ktstr_setup setup_of(struct fixture *f, const char *limits)
{
	return (struct ktstr_setup){
		.limits = limits,
		.topology = "1n2l2c1t",
		.sysfs = sysfs,
		.seed = 7,
		.duration_ms = 100,
		.fs = { fake_make, fake_write, fake_remove, fake_open, &f->rec },
		.send = fake_send,
		.send_ctx = &f->rec,
	};
}

static struct ktstr *begin(struct fixture *f, const char *limits)
{
	struct ktstr_setup s = setup_of(f, limits);
	struct err e;

	assert_int_equal(ktstr_create_(&s, &f->t, &e), 0);
	return f->t;
}

static enum outcome finish(struct fixture *f)
{
	struct err e;

	assert_int_equal(ktstr_finish_(f->t, &f->json, &e), 0);
	return findings_verdict(&f->t->findings);
}

static const char *headline(const struct fixture *f)
{
	return f->t->findings.nr ? f->t->findings.at[0].text : "";
}

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return !*state;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ktstr_destroy_(f->t);
	buf_fini(&f->rec.log);
	buf_fini(&f->json);
	free(f);
	return 0;
}

/* --- cgroups ------------------------------------------------------------------------------ */

static void cgroups_take_no_more_calls_than_they_need(void **state)
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

static void a_mistake_in_the_set_up_is_inconclusive_and_says_what(void **state)
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
		tear_down(state);
		set_up(state);
	}
}

static void a_refused_cgroup_call_is_reported_once(void **state)
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

static void the_wrong_machine_is_refused(void **state)
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

static void an_empty_test_is_inconclusive(void **state)
{
	struct fixture *f = *state;

	begin(f, NULL);
	assert_int_equal(finish(f), OUTCOME_INCONCLUSIVE);
	assert_string_equal(headline(f), "the test put no load on and expected nothing");
}

static void workers_without_a_hold_are_inconclusive(void **state)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, NULL);

	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0");
	assert_int_equal(finish(f), OUTCOME_INCONCLUSIVE);
	assert_string_equal(headline(f), "the workers of cg_0 never started: no ktstr_hold() came "
					 "after their ktstr_spawn()");
}

static void a_skip_is_a_skip(void **state)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, "max_unfair_pct=1");

	ktstr_skip(t, "needs %d CPUs", 64);
	ktstr_cgroup(t, "cg_0");
	assert_int_equal(finish(f), OUTCOME_SKIP);
	assert_string_equal(headline(f), "needs 64 CPUs");
}

/* --- expectations ------------------------------------------------------------------------- */

static void expectations_show_expression_and_values(void **state)
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

/* --- loads on this machine ---------------------------------------------------------------- */

static void every_work_type_works_and_measures_itself(void **state)
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

		if (work == KTSTR_BURSTY)
			w.bursty.run_us = w.bursty.sleep_us = 5000;
		if (work == KTSTR_MUTEX_CONTENTION)
			w.mutex_contention.hold = 100000;
		ktstr_cgroup(t, "cg_0");
		ktstr_workers_spawn(t, w);
		ktstr_hold(t, KTSTR_FULL);
		struct ktstr_stats s = ktstr_measure(t, "cg_0");
		assert_string_equal(headline(f), "");
		assert_true(s.workers >= 1);
		assert_true(s.work > 0 && s.iterations > 0 && s.cpu_ns > 0);
		assert_true(s.wall_ns >= s.workers * 100000000ull);
		assert_true(s.cpu_ns + s.run_delay_ns <= s.wall_ns * 101 / 100);
		assert_true(ktstr_cpus_count(&s.cpus_used) > 0);
		assert_int_equal(s.wake.count > 0, wakes[work]);

		assert_true(s.wake.min_ns <= s.wake.p50_ns && s.wake.p50_ns <= s.wake.p99_ns &&
			    s.wake.p99_ns <= s.wake.max_ns && s.wake.max_ns < 1000000000);
		assert_int_equal(finish(f), OUTCOME_PASS);
		tear_down(state);
		set_up(state);
	}
}

static void waiting_on_purpose_is_no_gap_and_being_stopped_is(void **state)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, "max_gap_ms=150 progress=off");

	ktstr_cgroup(t, "cg_0");
	ktstr_cgroup(t, "cg_1");
	ktstr_spawn(t, "cg_0", .work = KTSTR_BURSTY,
		    .bursty = { .run_us = 1000, .sleep_us = 60000000 });
	ktstr_spawn(t, "cg_1", .workers = 2);
	ktstr_hold_ms(t, 50);
	kill(t->crews[1]->member[1].pid, SIGSTOP);
	ktstr_hold_ms(t, 250);
	assert_int_equal(finish(f), OUTCOME_FAIL);
	assert_int_equal(t->findings.nr, 1);
	assert_int_equal(t->findings.at[0].kind, RESULT_GAP);
	assert_non_null(strstr(headline(f), "worker 1 of cg_1 did not run for 0.2"));
}

static void a_worker_that_is_killed_is_reported(void **state)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, NULL);

	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .workers = 2);
	ktstr_hold_ms(t, 20);
	kill(t->crews[0]->member[1].pid, SIGSEGV);
	ktstr_hold_ms(t, 20);
	assert_int_equal(finish(f), OUTCOME_FAIL);
	assert_string_equal(headline(f),
			    "worker 1 of cg_0 was killed by signal 11 (Segmentation fault)");
	assert_int_equal(t->findings.nr, 1);
}

static void steps_change_cpus_workers_and_cgroups(void **state)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, "isolation=off");

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

static void fairness_knows_that_the_rules_changed(void **state)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, "max_unfair_pct=100");

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

static void a_worker_that_never_comes_is_waited_for_once(void **state)
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

static void the_cpus_allowed_at_each_time_count_for_isolation(void **state)
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

static void affinity_each_gives_every_worker_one_cpu(void **state)
{
	struct fixture *f = *state;
	struct ktstr *t = begin(f, NULL);

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	ktstr_cgroup(t, "cg_0", .cpus = "0-1");
	ktstr_spawn(t, "cg_0", .workers = 2, .affinity = "each", .nice = 3);
	ktstr_hold(t, KTSTR_FULL);
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

static void stages_enclose_the_load_and_the_result_is_complete(void **state)
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
	struct ktstr *t = begin(f, "isolation=off");

	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .work = KTSTR_PIPE_IO);
	buf_clear(&f->rec.log);
	ktstr_hold(t, 0.5);
	ktstr_hold(t, 0.5);
	ktstr_value(t, "x", 1.5, "us");
	ktstr_note(t, "seed %d", (int)ktstr_seed(t));
	assert_int_equal(finish(f), OUTCOME_PASS);
	assert_string_equal(buf_str(&f->rec.log), "stage 4\nstage 5\n");
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		if (!strstr(buf_str(&f->json), want[i]))
			fail_msg("%s is not in %s", want[i], buf_str(&f->json));
	assert_true(t->load_to_ns - t->load_from_ns >= 100000000);
}

static void no_process_is_left_behind(void **state)
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

#define RUN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(cgroups_take_no_more_calls_than_they_need),
		RUN(a_mistake_in_the_set_up_is_inconclusive_and_says_what),
		RUN(a_refused_cgroup_call_is_reported_once),
		RUN(the_wrong_machine_is_refused),
		RUN(an_empty_test_is_inconclusive),
		RUN(workers_without_a_hold_are_inconclusive),
		RUN(a_skip_is_a_skip),
		RUN(expectations_show_expression_and_values),
		RUN(every_work_type_works_and_measures_itself),
		RUN(waiting_on_purpose_is_no_gap_and_being_stopped_is),
		RUN(a_worker_that_is_killed_is_reported),
		RUN(steps_change_cpus_workers_and_cgroups),
		RUN(fairness_knows_that_the_rules_changed),
		RUN(a_worker_that_never_comes_is_waited_for_once),
		RUN(the_cpus_allowed_at_each_time_count_for_isolation),
		RUN(affinity_each_gives_every_worker_one_cpu),
		RUN(stages_enclose_the_load_and_the_result_is_complete),
		RUN(no_process_is_left_behind),
	};

	return cmocka_run_group_tests(tests, make_sysfs, remove_sysfs);
}
