/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include "harness/pulse.h"

#define SEC 1000000000ull
#define START (1000 * SEC) /* of the host's clock */
#define LOOK PULSE_LOOK_NS
#define WORK PULSE_WORK_NS
#define VCPUS 4
#define BOOT PULSE_BOOT_NS(VCPUS)
#define JUMPS PULSE_JUMPS_NS

/* The thread of the vCPUs has run so long. */
static bool ran(struct pulse *p, uint64_t run_ns, uint64_t now)
{
	return pulse_look(p, &(struct pulse_use){ .run_ns = run_ns }, now);
}

TEST(a_guest_that_tells_its_time_is_left_alone)
{
	struct pulse p;

	pulse_init(&p, VCPUS, START);
	assert_int_equal(p.look_at, START + LOOK);
	for (uint64_t i = 1; i <= 100; i++) {
		pulse_news(&p, i * SEC, START + i * SEC);
		assert_int_equal(p.guest_ns, i * SEC);
		assert_int_equal(p.look_at, START + i * SEC + LOOK);
	}
}

TEST(news_of_a_time_that_is_known_is_none)
{
	struct pulse p;

	pulse_init(&p, VCPUS, START);
	pulse_news(&p, 5 * SEC, START + SEC);
	pulse_news(&p, 5 * SEC, START + 2 * SEC);
	pulse_news(&p, 3 * SEC, START + 2 * SEC);
	assert_int_equal(p.guest_ns, 5 * SEC);
	assert_int_equal(p.moved_at, START + SEC);
	assert_int_equal(p.look_at, START + SEC + LOOK);
}

/* However long it takes: a host that gives it a tenth of a CPU changes nothing. */
TEST(a_guest_that_works_is_not_asked_before_it_has_worked_for_long)
{
	uint64_t run = 3 * SEC, now = START;
	struct pulse p;

	pulse_init(&p, VCPUS, now);
	pulse_news(&p, 1, now);
	assert_false(ran(&p, run, now += LOOK));
	while (run + LOOK / 10 < 3 * SEC + WORK) {
		assert_false(ran(&p, run += LOOK / 10, now += LOOK));
		assert_int_equal(p.look_at, now + LOOK);
	}
	assert_true(ran(&p, run += LOOK / 10, now += LOOK));
	assert_int_equal(pulse_read(&p, 40 * SEC, now), PULSE_BEATS);
	assert_int_equal(p.guest_ns, 40 * SEC);
	/* and then for as long again */
	assert_false(ran(&p, run + WORK - 1, now += LOOK));
	assert_true(ran(&p, run + WORK + LOOK / 2, now += LOOK));
}

/* Larger machines boot for longer, and say nothing until init runs. */
TEST(a_guest_that_boots_is_not_asked_while_its_vcpus_may_take_that_long)
{
	static const uint32_t vcpus[] = { 1, 2, 64, 512 };

	for (size_t i = 0; i < sizeof(vcpus) / sizeof(*vcpus); i++) {
		uint64_t boot = WORK + vcpus[i] * 4 * SEC;
		struct pulse p;

		pulse_init(&p, vcpus[i], START);
		assert_false(ran(&p, SEC, START + LOOK));
		assert_false(ran(&p, SEC + boot - 1, START + 2 * LOOK));
		assert_true(ran(&p, SEC + boot, START + 3 * LOOK));
		/* The clock of the machine is known now. */
		assert_int_equal(pulse_read(&p, 40 * SEC, START + 3 * LOOK), PULSE_BEATS);
		assert_false(ran(&p, SEC + boot + WORK - 1, START + 4 * LOOK));
		assert_true(ran(&p, SEC + boot + WORK, START + 5 * LOOK));
	}
}

TEST(a_guest_that_goes_on_from_a_snapshot_has_no_boot_before_it)
{
	struct pulse p, q;

	pulse_init(&p, 0, START);
	pulse_init(&q, VCPUS, START);
	pulse_rest(&q, START);
	assert_memory_equal(&p, &q, sizeof(p));
	assert_false(ran(&p, SEC, START + LOOK));
	assert_false(ran(&p, SEC + WORK - 1, START + 2 * LOOK));
	assert_true(ran(&p, SEC + WORK, START + 3 * LOOK));
}

TEST(news_give_it_all_the_time_again)
{
	struct pulse p;

	pulse_init(&p, VCPUS, START);
	pulse_news(&p, SEC, START);
	assert_false(ran(&p, 0, START + LOOK));
	assert_false(ran(&p, WORK - 1, START + 2 * LOOK));
	pulse_news(&p, 5 * SEC, START + 2 * LOOK + 1);
	assert_false(ran(&p, WORK, START + 3 * LOOK));
	assert_false(ran(&p, 2 * WORK - 1, START + 4 * LOOK));
	assert_true(ran(&p, 2 * WORK, START + 5 * LOOK));
}

/* All vCPUs sleep, and the clock goes from timer to timer: some of that is done by their thread. */
TEST(a_silent_guest_that_sleeps_is_asked_after_many_jumps)
{
	struct pulse_use u = { .run_ns = SEC, .jumps_ns = SEC };
	uint64_t now = START;
	struct pulse p;

	pulse_init(&p, VCPUS, now);
	assert_false(pulse_look(&p, &u, now += LOOK)); /* what was used before counts for nothing */
	u.run_ns += LOOK / 3;
	u.jumps_ns += JUMPS - 1;
	assert_false(pulse_look(&p, &u, now += LOOK));
	u.run_ns += LOOK / 3;
	u.jumps_ns++;
	assert_true(pulse_look(&p, &u, now += LOOK));
	assert_int_equal(pulse_read(&p, 500 * SEC, now), PULSE_BEATS);
	u.run_ns += LOOK / 3;
	u.jumps_ns += JUMPS - 1;
	assert_false(pulse_look(&p, &u, now += LOOK)); /* as many again */
	u.run_ns += LOOK / 3;
	u.jumps_ns++;
	assert_true(pulse_look(&p, &u, now += LOOK));
}

/* It was stopped, or is busy with something else: two looks, the first says what was used before. */
TEST(an_emulator_that_does_nothing_at_all_is_asked)
{
	const struct pulse_use u = { 7 * SEC, SEC, 2 * SEC };
	struct pulse p;

	pulse_init(&p, VCPUS, START);
	pulse_news(&p, 5 * SEC + 1, START);
	assert_false(pulse_look(&p, &u, START + LOOK));
	assert_true(pulse_look(&p, &u, START + 2 * LOOK));
	assert_int_equal(pulse_read(&p, 5 * SEC, START + 2 * LOOK), PULSE_BEATS);
	assert_int_equal(p.guest_ns, 5 * SEC + 1);
}

/* A host that starves it lets it do little, which is not nothing. */
TEST(an_emulator_that_does_anything_is_not_asked)
{
	const struct pulse_use hardly[] = {
		{ .run_ns = LOOK / 100000 },
		{ .wait_ns = LOOK / 100000 },
		{ .jumps_ns = LOOK / 100000 },
	};

	for (size_t i = 0; i < sizeof(hardly) / sizeof(*hardly); i++)
		for (uint64_t less = 0; less < 2; less++) {
			struct pulse_use u = { SEC, SEC, SEC };
			struct pulse p;

			pulse_init(&p, VCPUS, START);
			assert_false(pulse_look(&p, &u, START + LOOK));
			u.run_ns += hardly[i].run_ns - (hardly[i].run_ns ? less : 0);
			u.wait_ns += hardly[i].wait_ns - (hardly[i].wait_ns ? less : 0);
			u.jumps_ns += hardly[i].jumps_ns - (hardly[i].jumps_ns ? less : 0);
			assert_int_equal(pulse_look(&p, &u, START + 2 * LOOK), less);
		}
}

/* Busy or not. */
TEST(an_emulator_whose_clock_stands_hangs_after_its_time)
{
	for (uint64_t busy = 0; busy < 2; busy++) {
		uint64_t run = 0, now = START;
		enum pulse_state is = PULSE_BEATS;
		struct pulse p;

		pulse_init(&p, VCPUS, now);
		for (; is == PULSE_BEATS; now += LOOK)
			if (ran(&p, run += busy * LOOK, now))
				is = pulse_read(&p, 0, now);
		assert_int_equal(is, PULSE_HUNG);
		assert_true(now - START >= PULSE_HUNG_NS &&
			    now - START < PULSE_HUNG_NS + BOOT + LOOK);
	}
}

/* Time waited for a CPU counts as used: a host that does not run it has stopped its clock. */
TEST(a_starved_guest_does_something)
{
	struct pulse_use u = { 0 };
	uint64_t now = START;
	struct pulse p;

	pulse_init(&p, VCPUS, now);
	for (int i = 0; i < 500; i++) {
		u.wait_ns += LOOK;
		assert_false(pulse_look(&p, &u, now += LOOK));
	}
}

/* We may be the ones that were starved. */
TEST(looks_that_come_late_are_judged_by_their_distance)
{
	struct pulse p;

	pulse_init(&p, VCPUS, START);
	assert_false(ran(&p, SEC, START + 50 * SEC));
	assert_false(ran(&p, SEC + SEC / 2, START + 99 * SEC));
	assert_true(ran(&p, SEC + SEC / 2, START + 101 * SEC));
}

UNIT_MAIN(NULL, NULL)
