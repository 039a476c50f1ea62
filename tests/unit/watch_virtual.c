/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest in virtual time: its own clock counts, and the host's, which is told as well, never does. */
#include "unit.h"

#include "harness/watch.h"
#include "machine/topology.h"
#include "vm/pace.h"
#include "vm/vm.h"

#define MS 1000000ull
#define SEC (1000 * MS)
#define HOST_NOW (123456789 * SEC) /* must show up nowhere */

struct play {
	struct watch w;
	struct cell_result r;
	uint32_t seq;
};

static const struct watch_limits limits = {
	.boot = 10 * SEC,
	.attach = 5 * SEC,
	.body = 20 * SEC,
	.silence = 3 * SEC,
	.stop = 2 * SEC,
	.virtual_time = true,
};

static void begin(struct play *p)
{
	memset(p, 0, sizeof(*p));
	watch_init(&p->w, &limits, 1); /* 0 would be never */
}

static void end(struct play *p)
{
	watch_fini(&p->w);
	cell_result_fini(&p->r);
}

static void frame(struct play *p, uint16_t type, const void *data, size_t n)
{
	struct buf b = { 0 };

	frame_put(&b, &p->seq, type, data, n);
	watch_link(&p->w, b.at, b.len, HOST_NOW);
	buf_fini(&b);
}

static void hello(struct play *p, uint64_t ns)
{
	struct hello_msg m = { .frame_version = FRAME_VERSION, .mono_ns = ns };

	frame(p, FRAME_HELLO, &m, sizeof(m));
}

static void stage(struct play *p, uint64_t ns, enum stage s)
{
	struct stage_msg m = { .stage = s, .mono_ns = ns };

	frame(p, FRAME_STAGE, &m, sizeof(m));
}

static void beat(struct play *p, uint64_t ns)
{
	struct beat_msg m = { .mono_ns = ns };

	frame(p, FRAME_BEAT, &m, sizeof(m));
}

static void leave(struct play *p)
{
	struct exit_msg m = { EXIT_KIND_CODE, 0 };

	frame(p, FRAME_EXIT, &m, sizeof(m));
}

static void stop(struct play *p, enum vm_stop_kind kind)
{
	struct vm_stop s = { .kind = kind };

	watch_stopped(&p->w, &s, HOST_NOW);
}

static void expect(struct play *p, enum verdict v, enum cause c, const char *text)
{
	watch_collect(&p->w, &p->r);
	assert_int_equal(watch_judge(&p->w, &p->r), 0);
	assert_string_equal(p->r.headline, text);
	assert_int_equal(p->r.cause, c);
	assert_int_equal(p->r.verdict, v);
}

/* 2 s to boot, 2 s to attach, 3 s of body with 1 s of load in it. */
static void run_body(struct play *p)
{
	hello(p, 2 * SEC);
	stage(p, 3 * SEC, STAGE_SCHED_STARTING);
	stage(p, 5 * SEC, STAGE_SCHED_ATTACHED);
	stage(p, 6 * SEC, STAGE_BODY_START);
	stage(p, 7 * SEC, STAGE_LOAD_START);
	stage(p, 8 * SEC, STAGE_LOAD_END);
}

TEST(times_are_those_that_the_guest_told)
{
	struct play p;

	begin(&p);
	run_body(&p);
	stage(&p, 9 * SEC, STAGE_BODY_END);
	beat(&p, 10 * SEC);
	leave(&p);
	stop(&p, VM_STOP_POWEROFF);
	expect(&p, VERDICT_PASS, CAUSE_NONE, "");
	assert_int_equal(p.r.times.boot, 2 * SEC - 1);
	assert_int_equal(p.r.times.attach, 2 * SEC);
	assert_int_equal(p.r.times.body, 3 * SEC);
	assert_int_equal(p.r.times.load, 1 * SEC);
	assert_int_equal(p.r.times.stop, 1 * SEC);
	assert_int_equal(p.w.over_at, 10 * SEC);
	end(&p);
}

/* Before its first word nobody knows the time, and none is told. */
TEST(a_guest_that_ends_early_has_only_the_times_it_told)
{
	for (int said = 0; said < 2; said++) {
		struct play p;

		begin(&p);
		if (said)
			hello(&p, 2 * SEC);
		watch_console(&p.w, "bye\n", 4, HOST_NOW);
		stop(&p, VM_STOP_RESET);
		expect(&p, VERDICT_FAIL, said ? CAUSE_GUEST_REBOOT : CAUSE_BOOT_FAILED,
		       said ? "the guest reset itself before the test was over; its last words: bye"
			    : "the guest ended without reaching init; its last words: bye");
		assert_int_equal(p.r.times.boot, said ? 2 * SEC - 1 : 0);
		end(&p);
	}
}

TEST(a_lost_link_is_told_in_the_guests_time)
{
	struct play p;

	begin(&p);
	run_body(&p);
	watch_link_closed(&p.w, HOST_NOW);
	stop(&p, VM_STOP_KILLED);
	expect(&p, VERDICT_INCONCLUSIVE, CAUSE_LINK_LOST,
	       "the link to the guest was lost 8.0 s after start");
	end(&p);
}

/* How late it was noticed is the host's affair: the text is the same. */
static void expire(void (*play)(struct play *p), uint64_t at, enum cause c, const char *text)
{
	for (uint64_t late = 0; late <= 2 * SEC; late += SEC) {
		struct play p;

		begin(&p);
		play(&p);
		assert_int_equal(watch_deadline(&p.w), at);
		assert_int_equal(watch_tick(&p.w, at - 1), WATCH_GO_ON);
		assert_int_equal(watch_tick(&p.w, at + late), WATCH_KILL);
		stop(&p, VM_STOP_KILLED);
		expect(&p, cause_verdict(c), c, text);
		end(&p);
	}
}

static void say_nothing(struct play *p)
{
}

static void only_attach(struct play *p)
{
	hello(p, 2 * SEC);
	stage(p, 3 * SEC, STAGE_SCHED_STARTING);
	beat(p, 5500 * MS);
}

static void never_get_ready(struct play *p)
{
	hello(p, 2 * SEC);
	beat(p, 11 * SEC);
}

static void never_end_the_body(struct play *p)
{
	run_body(p);
	beat(p, 25 * SEC);
}

static void never_switch_off(struct play *p)
{
	run_body(p);
	leave(p);
	assert_int_equal(watch_tick(&p->w, 8 * SEC), WATCH_ASK_STOP);
}

TEST(limits_pass_by_the_guests_time_and_nobody_asks_it_to_stop)
{
	expire(say_nothing, 10 * SEC + 1, CAUSE_BOOT_FAILED,
	       "no sign of init within 10 s; it printed nothing (is this kernel made for this "
	       "machine? -v lets it say more)");
	expire(never_get_ready, 12 * SEC, CAUSE_GUEST_SETUP,
	       "ktstr-init did not get ready within 10 s");
	expire(only_attach, 8 * SEC, CAUSE_SCHED_NO_ATTACH,
	       "the scheduler did not attach within 5.0 s");
	expire(never_end_the_body, 26 * SEC, CAUSE_TIMEOUT,
	       "still running after 20.0 s, its time limit");
	expire(never_switch_off, 10 * SEC, CAUSE_NONE, "");
}

TEST(silence_is_measured_by_the_guests_clock)
{
	expire(run_body, 11 * SEC, CAUSE_GUEST_HANG, "the guest hangs: no sign of life for 3.0 s");
}

/* The clock may have passed both before we saw it. */
TEST(of_two_limits_the_first_one_counts)
{
	for (int quiet = 0; quiet < 2; quiet++) {
		struct play p;

		begin(&p);
		run_body(&p);
		beat(&p, 22 * SEC + (quiet ? SEC : SEC + 1)); /* the body's limit: 26 s */
		assert_int_equal(watch_tick(&p.w, 1000 * SEC), WATCH_KILL);
		stop(&p, VM_STOP_KILLED);
		if (quiet)
			expect(&p, VERDICT_FAIL, CAUSE_GUEST_HANG,
			       "the guest hangs: no sign of life for 3.0 s");
		else
			expect(&p, VERDICT_FAIL, CAUSE_TIMEOUT,
			       "still running after 20.0 s, its time limit");
		end(&p);
	}
}

TEST(exit_is_answered_once)
{
	struct play p;

	begin(&p);
	run_body(&p);
	leave(&p);
	assert_int_equal(watch_tick(&p.w, 8 * SEC), WATCH_ASK_STOP);
	assert_int_equal(watch_tick(&p.w, 8 * SEC), WATCH_GO_ON);
	leave(&p);
	assert_int_equal(watch_tick(&p.w, 8 * SEC), WATCH_GO_ON);
	stop(&p, VM_STOP_POWEROFF);
	expect(&p, VERDICT_PASS, CAUSE_NONE, "");
	end(&p);
}

TEST(a_clock_that_lies_is_not_believed)
{
	static const uint64_t lies[] = { UINT64_MAX, 1ull << 63, 1ull << 60, 7 * SEC, 1, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct play p;

		begin(&p);
		run_body(&p);
		beat(&p, lies[i]);
		assert_int_equal(p.w.clock, 8 * SEC);
		assert_int_equal(watch_deadline(&p.w), 11 * SEC);
		stage(&p, lies[i], STAGE_BODY_END);
		leave(&p);
		stop(&p, VM_STOP_POWEROFF);
		expect(&p, VERDICT_PASS, CAUSE_NONE, "");
		assert_int_equal(p.r.times.body, 2 * SEC);
		assert_int_equal(p.r.times.stop, 0);
		end(&p);
	}
}

/* The largest lie that is believed: all sums with it stay in their range. */
TEST(a_clock_far_ahead_harms_nobody)
{
	const uint64_t far = (1ull << 60) - 1;
	struct play p;

	begin(&p);
	hello(&p, far);
	stage(&p, far, STAGE_BODY_START);
	assert_true(watch_deadline(&p.w) == far + 3 * SEC);
	assert_int_equal(watch_tick(&p.w, 5 * SEC), WATCH_GO_ON);
	assert_int_equal(watch_tick(&p.w, far), WATCH_GO_ON);
	leave(&p);
	assert_int_equal(watch_tick(&p.w, far), WATCH_ASK_STOP);
	assert_int_equal(watch_tick(&p.w, far + 2 * SEC), WATCH_KILL);
	stop(&p, VM_STOP_POWEROFF);
	expect(&p, VERDICT_PASS, CAUSE_NONE, "");
	assert_true(p.r.times.boot == far - 1);
	assert_int_equal(p.r.times.body, 0);
	end(&p);
}

TEST(frames_cut_short_tell_no_time)
{
	struct hello_msg h = { .frame_version = FRAME_VERSION, .mono_ns = 5 * SEC };
	struct stage_msg s = { .stage = STAGE_BODY_START, .mono_ns = 6 * SEC };
	struct beat_msg b = { .mono_ns = 7 * SEC };
	struct play p;

	begin(&p);
	frame(&p, FRAME_HELLO, &h, sizeof(h) - 1);
	frame(&p, FRAME_STAGE, &s, sizeof(s) - 1);
	frame(&p, FRAME_BEAT, &b, sizeof(b) - 1);
	frame(&p, FRAME_OUT, &b, sizeof(b));
	assert_int_equal(p.w.clock, 0);
	assert_int_equal(p.w.phase, WATCH_BOOTING);
	end(&p);
}

TEST(a_machine_given_up_while_it_boots_did_not_boot)
{
	struct play p;

	begin(&p);
	watch_console(&p.w, "Booting Linux\r\n", 15, HOST_NOW);
	watch_give_up(&p.w, CAUSE_GUEST_HANG, "the guest hangs: all sleep");
	stop(&p, VM_STOP_KILLED);
	expect(&p, VERDICT_FAIL, CAUSE_BOOT_FAILED,
	       "init was never reached: the guest hangs: all sleep; its last words: Booting Linux");
	end(&p);

	begin(&p);
	watch_give_up(&p.w, CAUSE_EMULATOR_HUNG, "the emulator hangs");
	stop(&p, VM_STOP_KILLED);
	expect(&p, VERDICT_INCONCLUSIVE, CAUSE_EMULATOR_HUNG, "the emulator hangs");
	end(&p);
}

TEST(a_machine_given_up_later_keeps_its_reason)
{
	static const enum cause causes[] = { CAUSE_GUEST_HANG, CAUSE_EMULATOR_HUNG };

	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		struct play p;

		begin(&p);
		run_body(&p);
		watch_give_up(&p.w, causes[i], "it hangs");
		watch_give_up(&p.w, CAUSE_HARNESS, "something else");
		stop(&p, VM_STOP_KILLED);
		expect(&p, cause_verdict(causes[i]), causes[i], "it hangs");
		end(&p);
	}
}

TEST(a_panic_explains_more_than_giving_up)
{
	static const char text[] = "Kernel panic - not syncing: Attempted to kill init!\n";
	struct play p;

	begin(&p);
	run_body(&p);
	watch_console(&p.w, text, sizeof(text) - 1, HOST_NOW);
	watch_give_up(&p.w, CAUSE_GUEST_HANG, "it hangs");
	stop(&p, VM_STOP_KILLED);
	expect(&p, VERDICT_FAIL, CAUSE_GUEST_PANIC, "guest kernel panic: Attempted to kill init!");
	end(&p);
}

/* Emulation is slow by the host's clock only. */
TEST(limits_in_virtual_time_are_those_of_real_hardware)
{
	struct watch_limits v = watch_default_limits(8, true, true, 7);
	struct watch_limits hardware = watch_default_limits(8, false, false, 1);
	struct watch_limits slow = watch_default_limits(8, true, false, 1);

	assert_true(v.virtual_time && v.emulated);
	assert_int_equal(v.boot, hardware.boot);
	assert_int_equal(v.attach, hardware.attach);
	assert_int_equal(v.body, hardware.body);
	assert_int_equal(v.silence, hardware.silence);
	assert_int_equal(v.stop, hardware.stop);
	assert_int_equal(slow.silence, 4 * v.silence);
	assert_int_equal(watch_default_limits(8, false, false, 5).boot, 5 * hardware.boot);
}

/* The timer that ends the sleep of a guest which nothing else wakes is met by no boot that succeeds. */
TEST(any_boot_is_over_or_given_up_before_the_timer_of_a_machine_that_is_frozen)
{
	uint64_t timer = PACE_TURN_BOOT_US * UINT64_C(1000);

	assert_true(watch_default_limits(TOPO_MAX_CPUS, true, true, 1).boot < timer);
}

UNIT_MAIN(NULL, NULL)
