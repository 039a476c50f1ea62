/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <string.h>

#include "abi/job.h"
#include "harness/limits.h"
#include "harness/stall.h"
#include "harness/watch.h"
#include "vm/vm.h"

#define MS 1000000ull
#define SEC (1000 * MS)

/* A guest played from a script: each step is told to the watch at a time in milliseconds. */
struct play {
	struct watch w;
	struct cell_result r;
	uint32_t seq;
	uint64_t now;
};

static const struct watch_limits limits = {
	.boot = 10 * SEC,
	.attach = 5 * SEC,
	.body = 20 * SEC,
	.silence = 3 * SEC,
	.stop = 2 * SEC,
	.test_mode = true,
};

static void play_begin(struct play *p)
{
	memset(p, 0, sizeof(*p));
	p->now = SEC;
	watch_init(&p->w, &limits, p->now);
}

static void play_end(struct play *p)
{
	watch_fini(&p->w);
	cell_result_fini(&p->r);
}

static void frame_at(struct play *p, uint64_t ms, uint16_t type, const void *data, size_t n)
{
	struct buf b = { 0 };

	p->now = SEC + ms * MS;
	frame_put(&b, &p->seq, type, data, n);
	watch_link(&p->w, b.at, b.len, p->now);
	buf_fini(&b);
}

static void text_at(struct play *p, uint64_t ms, uint16_t type, const char *text)
{
	frame_at(p, ms, type, text, strlen(text));
}

static void hello_at(struct play *p, uint64_t ms)
{
	struct hello_msg m = { .frame_version = FRAME_VERSION, .release = "7.3.4" };

	frame_at(p, ms, FRAME_HELLO, &m, sizeof(m));
}

static void stage_at(struct play *p, uint64_t ms, enum stage s)
{
	struct stage_msg m = { .stage = s };

	frame_at(p, ms, FRAME_STAGE, &m, sizeof(m));
}

static void exit_at(struct play *p, uint64_t ms, enum exit_kind kind, int value)
{
	struct exit_msg m = { kind, value };

	frame_at(p, ms, FRAME_EXIT, &m, sizeof(m));
}

static void console_at(struct play *p, uint64_t ms, const char *text)
{
	p->now = SEC + ms * MS;
	watch_console(&p->w, text, strlen(text), p->now);
}

static void stop_at(struct play *p, uint64_t ms, enum vm_stop_kind kind, const char *text)
{
	struct vm_stop s = { .kind = kind };

	snprintf(s.text, sizeof(s.text), "%s", text);
	p->now = SEC + ms * MS;
	watch_stopped(&p->w, &s, p->now);
}

static enum watch_action tick_at(struct play *p, uint64_t ms)
{
	p->now = SEC + ms * MS;
	return watch_tick(&p->w, p->now);
}

static void expect(struct play *p, enum verdict v, enum cause c, const char *words)
{
	watch_collect(&p->w, &p->r);
	assert_int_equal(watch_judge(&p->w, &p->r), 0);
	if (p->r.cause != c || !strstr(p->r.headline, words))
		print_message("got %s: %s\n", cause_name(p->r.cause), p->r.headline);
	assert_int_equal(p->r.cause, c);
	assert_int_equal(p->r.verdict, v);
	assert_non_null(strstr(p->r.headline, words));
}

#define RESULT_PASS "{\"version\":1,\"verdict\":\"pass\",\"details\":[]}"
#define RESULT_GAP \
	"{\"version\":1,\"verdict\":\"fail\",\"details\":[{\"verdict\":\"fail\",\"kind\":\"gap\"," \
	"\"cgroup\":\"cg_0\",\"text\":\"worker 1 did not run for 2.0 s\"}]}"

static void run_body(struct play *p)
{
	hello_at(p, 1000);
	stage_at(p, 1100, STAGE_BODY_START);
	stage_at(p, 1200, STAGE_LOAD_START);
	stage_at(p, 3200, STAGE_LOAD_END);
}

TEST(a_quiet_run_passes_and_its_times_add_up)
{
	struct play p;

	play_begin(&p);
	run_body(&p);
	text_at(&p, 3250, FRAME_RESULT, RESULT_PASS);
	stage_at(&p, 3300, STAGE_BODY_END);
	exit_at(&p, 3310, EXIT_KIND_CODE, 0);
	assert_int_equal(tick_at(&p, 3320), WATCH_ASK_STOP); /* the answer to EXIT */
	assert_int_equal(tick_at(&p, 3321), WATCH_GO_ON);
	stop_at(&p, 3400, VM_STOP_POWEROFF, "");
	expect(&p, VERDICT_PASS, CAUSE_NONE, "");
	assert_int_equal(p.r.times.boot, 1000 * MS);
	assert_int_equal(p.r.times.body, 2200 * MS);
	assert_int_equal(p.r.times.load, 2000 * MS);
	assert_int_equal(p.r.times.stop, 100 * MS);
	assert_string_equal(p.r.release, "7.3.4");
	play_end(&p);
}

TEST(a_failed_check_is_the_headline)
{
	struct play p;

	play_begin(&p);
	run_body(&p);
	text_at(&p, 3250, FRAME_RESULT, RESULT_GAP);
	exit_at(&p, 3310, EXIT_KIND_CODE, 0);
	stop_at(&p, 3400, VM_STOP_POWEROFF, "");
	expect(&p, VERDICT_FAIL, CAUSE_CHECK, "worker 1 did not run");
	play_end(&p);
}

TEST(nothing_from_the_guest_is_a_boot_failure_with_its_last_words)
{
	struct play p;

	play_begin(&p);
	console_at(&p, 500, "booting\r\nVFS: Cannot open root device\r\n");
	assert_int_equal(tick_at(&p, 9999), WATCH_GO_ON);
	assert_int_equal(tick_at(&p, 10000), WATCH_KILL);
	stop_at(&p, 10010, VM_STOP_KILLED, "");
	expect(&p, VERDICT_FAIL, CAUSE_BOOT_FAILED, "VFS: Cannot open root device");
	play_end(&p);
}

TEST(a_panic_is_named_whatever_else_happened)
{
	struct play p;

	play_begin(&p);
	run_body(&p);
	text_at(&p, 3300, FRAME_SCHED_END, "{\"during\":\"test\",\"exited\":1}");
	console_at(&p, 3400, "[ 3.1] Kernel panic - not sync");
	console_at(&p, 3401, "ing: sysrq triggered crash\n");
	stop_at(&p, 3500, VM_STOP_RESET, "");
	expect(&p, VERDICT_FAIL, CAUSE_GUEST_PANIC, "guest kernel panic: sysrq triggered crash");
	play_end(&p);
}

TEST(a_panic_that_the_emulator_made_is_no_verdict)
{
	for (int emulated = 0; emulated < 2; emulated++) {
		struct play p;

		play_begin(&p);
		p.w.limits.emulated = emulated;
		run_body(&p);
		text_at(&p, 3250, FRAME_RESULT, RESULT_PASS);
		console_at(&p, 3400, "[    5.80] Oops: int3: 0000 [#2] SMP PTI\n");
		console_at(&p, 3401,
			   "[ 5.81] Kernel panic - not syncing: Fatal exception in interrupt\n");
		stop_at(&p, 3500, VM_STOP_RESET, "");
		if (emulated)
			expect(&p, VERDICT_INCONCLUSIVE, CAUSE_EMULATOR_FAULT, "stray int3");
		else
			expect(&p, VERDICT_FAIL, CAUSE_GUEST_PANIC, "Fatal exception in interrupt");
		play_end(&p);
	}
}

TEST(silence_after_hello_is_a_hang)
{
	struct play p;

	play_begin(&p);
	hello_at(&p, 1000);
	stage_at(&p, 1100, STAGE_BODY_START);
	assert_int_equal(tick_at(&p, 4099), WATCH_GO_ON);
	assert_true(watch_deadline(&p.w) == SEC + 4100 * MS);
	assert_int_equal(tick_at(&p, 4100), WATCH_KILL);
	stop_at(&p, 4110, VM_STOP_KILLED, "");
	expect(&p, VERDICT_FAIL, CAUSE_GUEST_HANG, "no sign of life for 3.0 s");
	play_end(&p);
}

TEST(a_body_that_never_ends_is_stopped_and_then_killed)
{
	struct beat_msg beat = { 0 };
	struct play p;

	play_begin(&p);
	hello_at(&p, 1000);
	stage_at(&p, 1100, STAGE_BODY_START);
	for (uint64_t ms = 2000; ms <= 21000; ms += 1000)
		frame_at(&p, ms, FRAME_BEAT, &beat, sizeof(beat));
	assert_int_equal(tick_at(&p, 21099), WATCH_GO_ON);
	assert_int_equal(tick_at(&p, 21100), WATCH_ASK_STOP);
	assert_int_equal(tick_at(&p, 21200), WATCH_GO_ON);
	assert_int_equal(tick_at(&p, 23100), WATCH_KILL);
	stop_at(&p, 23110, VM_STOP_KILLED, "");
	expect(&p, VERDICT_FAIL, CAUSE_TIMEOUT, "still running after 20.0 s");
	play_end(&p);
}

TEST(a_dead_emulator_is_no_verdict_on_the_scheduler)
{
	struct play p;

	play_begin(&p);
	run_body(&p);
	stop_at(&p, 3400, VM_STOP_BACKEND_DIED, "QEMU was killed by signal 9 (Killed)");
	expect(&p, VERDICT_INCONCLUSIVE, CAUSE_EMULATOR_DIED, "QEMU was killed by signal 9");
	play_end(&p);
}

/* Damage can look like the head of a long frame, whose rest never comes. */
TEST(what_stands_behind_a_false_head_is_read_at_the_end)
{
	struct buf b = { 0 };
	struct play p;
	uint32_t seq = 0;
	char payload[4096] = "";

	play_begin(&p);
	run_body(&p);
	frame_put(&b, &seq, FRAME_OUT, payload, sizeof(payload));
	watch_link(&p.w, b.at, sizeof(struct frame_header), p.now);
	buf_fini(&b);
	text_at(&p, 3250, FRAME_RESULT, RESULT_PASS);
	exit_at(&p, 3310, EXIT_KIND_CODE, 0);
	assert_int_equal(tick_at(&p, 3320), WATCH_GO_ON); /* it waits for the rest */
	stop_at(&p, 3400, VM_STOP_POWEROFF, "");
	expect(&p, VERDICT_PASS, CAUSE_NONE, "");
	play_end(&p);
}

TEST(a_lost_link_is_named)
{
	struct play p;

	play_begin(&p);
	run_body(&p);
	watch_link_closed(&p.w, p.now);
	assert_int_equal(tick_at(&p, 6200), WATCH_KILL);
	stop_at(&p, 6210, VM_STOP_KILLED, "");
	expect(&p, VERDICT_INCONCLUSIVE, CAUSE_LINK_LOST, "the link to the guest was lost");
	play_end(&p);

	play_begin(&p);
	run_body(&p);
	console_at(&p, 3300, CONSOLE_FATAL CONSOLE_LINK_LOST "\n");
	stop_at(&p, 3400, VM_STOP_POWEROFF, "");
	expect(&p, VERDICT_INCONCLUSIVE, CAUSE_LINK_LOST, "ktstr-init found its end closed");
	play_end(&p);
}

TEST(schedulers_that_end_are_told_apart)
{
	static const struct {
		const char *json;
		enum cause cause;
		const char *words;
	} row[] = {
		{ "{\"during\":\"attach\",\"exited\":1}", CAUSE_SCHED_NO_ATTACH, "exit status 1" },
		{ "{\"during\":\"test\",\"signal\":11}", CAUSE_SCHED_DIED, "killed by signal 11" },
		{ "{\"during\":\"test\",\"exited\":1,\"kernel_reason\":\"told to fail\","
		  "\"dump\":\"CPU states\"}",
		  CAUSE_SCHED_EVICTED, "told to fail" },
		{ "{\"during\":\"test\",\"alive\":true}", CAUSE_SCHED_EVICTED, "did not end" },
		{ "not json", CAUSE_SCHED_DIED, "unreadable" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct play p;

		play_begin(&p);
		run_body(&p);
		text_at(&p, 3300, FRAME_SCHED_END, row[i].json);
		exit_at(&p, 3310, EXIT_KIND_NOTHING, 0);
		stop_at(&p, 3400, VM_STOP_POWEROFF, "");
		expect(&p, VERDICT_FAIL, row[i].cause, row[i].words);
		if (i == 2)
			assert_string_equal(p.r.sched_dump, "CPU states");
		play_end(&p);
	}
}

TEST(a_test_without_a_result_has_crashed)
{
	struct play p;

	play_begin(&p);
	run_body(&p);
	exit_at(&p, 3310, EXIT_KIND_SIGNAL, 11);
	stop_at(&p, 3400, VM_STOP_POWEROFF, "");
	expect(&p, VERDICT_FAIL, CAUSE_BODY_CRASHED, "signal 11");
	play_end(&p);
}

TEST(a_result_that_cannot_be_read_is_no_pass)
{
	static const char *const bad[] = {
		"{",
		"[]",
		"{\"version\":2,\"verdict\":\"pass\"}",
		"{\"version\":1,\"verdict\":\"great\"}",
		"{\"version\":1,\"verdict\":\"pass\",\"details\":7}",
		"{\"version\":1,\"verdict\":\"pass\",\"details\":[1]}",
		"{\"version\":1,\"verdict\":\"pass\",\"details\":[{\"verdict\":\"x\"}]}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct play p;

		play_begin(&p);
		run_body(&p);
		text_at(&p, 3250, FRAME_RESULT, bad[i]);
		exit_at(&p, 3310, EXIT_KIND_CODE, 0);
		stop_at(&p, 3400, VM_STOP_POWEROFF, "");
		expect(&p, VERDICT_INCONCLUSIVE, CAUSE_GUEST_SETUP, "cannot be read");
		play_end(&p);
	}
}

TEST(a_guest_that_leaves_early_is_told)
{
	struct play p;

	play_begin(&p);
	run_body(&p);
	stop_at(&p, 3400, VM_STOP_POWEROFF, "");
	expect(&p, VERDICT_FAIL, CAUSE_GUEST_REBOOT,
	       "switched itself off before the test was over");
	play_end(&p);
}

TEST(init_without_a_link_is_heard_on_the_console)
{
	struct play p;

	play_begin(&p);
	console_at(&p, 1000, "ktstr-init: FATAL: no port org.ktstr.link\n");
	stop_at(&p, 1100, VM_STOP_POWEROFF, "");
	expect(&p, VERDICT_INCONCLUSIVE, CAUSE_GUEST_SETUP, "no port org.ktstr.link");
	play_end(&p);
}

/* ---- host stalls ---- */

TEST(waiting_vcpus_are_measured)
{
	struct stall_meter *m = calloc(1, sizeof(*m));
	struct vm_stats s = { .nr_vcpus = 2 };

	stall_sample(m, &s, 1000 * MS);
	for (int i = 1; i <= 5; i++) {
		s.vcpu[0].run_ns += 100 * MS;
		s.vcpu[1].wait_ns += i <= 3 ? 100 * MS : 10 * MS;
		stall_sample(m, &s, 1000 * MS + (uint64_t)i * 100 * MS);
	}
	assert_int_equal(m->longest_ns, 300 * MS);
	assert_int_equal(stall_wait_ppm(m), 320 * 1000000ull / 820);
	free(m);
}

TEST(a_gap_that_the_host_made_is_not_held_against_the_scheduler)
{
	struct ktstr_limits l = limits_builtin();
	struct play p;

	for (int stalled = 0; stalled < 2; stalled++) {
		play_begin(&p);
		run_body(&p);
		text_at(&p, 3250, FRAME_RESULT, RESULT_GAP);
		exit_at(&p, 3310, EXIT_KIND_CODE, 0);
		stop_at(&p, 3400, VM_STOP_POWEROFF, "");
		watch_collect(&p.w, &p.r);
		p.r.host_stall_ns = stalled ? 1000 * MS : 999 * MS;
		assert_int_equal(stall_excuse(&p.r, &l), 0);
		assert_int_equal(watch_judge(&p.w, &p.r), 0);
		assert_int_equal(p.r.verdict, stalled ? VERDICT_INCONCLUSIVE : VERDICT_FAIL);
		assert_int_equal(!!strstr(p.r.headline, "the host did not run a vCPU"), stalled);
		play_end(&p);
	}
}

TEST(slow_wakeups_beyond_what_sharing_explains_stay_failures)
{
	static const struct {
		uint64_t wait_ppm, stall_ns, p99_ns;
		enum verdict verdict;
	} row[] = {
		{ 249999, 0, 30 * MS, VERDICT_FAIL },
		{ 250000, 0, 60 * MS, VERDICT_INCONCLUSIVE },
		{ 250000, 0, 61 * MS, VERDICT_FAIL },
		{ 900000, 100 * MS, 160 * MS, VERDICT_INCONCLUSIVE },
		{ 900000, 100 * MS, 161 * MS, VERDICT_FAIL },
	};
	struct ktstr_limits l = { .max_p99_wake_us = { 20000, KTSTR_LIMIT_SET, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct detail d = { .verdict = VERDICT_FAIL,
				    .kind = "wake_latency",
				    .cgroup = "cg_0",
				    .text = strdup("woken too slowly") };
		struct cgroup_stats c = { .name = "cg_0", .wake.p99_ns = row[i].p99_ns };
		struct cell_result r = { .details = &d,
					 .nr_details = 1,
					 .cgroups = &c,
					 .nr_cgroups = 1,
					 .host_stall_ns = row[i].stall_ns,
					 .load_wait_ppm = row[i].wait_ppm };

		assert_int_equal(stall_excuse(&r, &l), 0);
		assert_int_equal(d.verdict, row[i].verdict);
		free(d.text);
	}
}

TEST(shares_of_a_vcpu_that_the_host_stopped_are_not_judged)
{
	static const struct {
		const char *kind;
		uint64_t stall_ns;
		enum verdict verdict;
	} row[] = {
		{ "fairness", 500 * MS, VERDICT_FAIL },
		{ "fairness", 501 * MS, VERDICT_INCONCLUSIVE },
		{ "spread", 501 * MS, VERDICT_INCONCLUSIVE },
		{ "throughput", 501 * MS, VERDICT_INCONCLUSIVE },
		{ "work_rate", 501 * MS, VERDICT_INCONCLUSIVE },
		{ "isolation", 2000 * MS, VERDICT_FAIL },
		{ "migration", 2000 * MS, VERDICT_FAIL },
	};
	struct ktstr_limits l = limits_builtin();

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct detail d = { .verdict = VERDICT_FAIL, .text = strdup("cg_0 starved") };
		struct cell_result r = { .details = &d,
					 .nr_details = 1,
					 .times.load = 2000 * MS,
					 .host_stall_ns = row[i].stall_ns };

		snprintf(d.kind, sizeof(d.kind), "%s", row[i].kind);
		assert_int_equal(stall_excuse(&r, &l), 0);
		assert_int_equal(d.verdict, row[i].verdict);
		free(d.text);
	}
}

UNIT_MAIN(NULL, NULL)
