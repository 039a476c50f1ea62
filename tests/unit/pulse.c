/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include "harness/pulse.h"

#define SEC 1000000000ull
#define START (1000 * SEC) /* of the host's clock */
#define ASK PULSE_ASK_NS

TEST(a_guest_that_tells_its_time_is_not_asked)
{
	struct pulse p;

	pulse_init(&p, START);
	assert_int_equal(p.ask_at, START + ASK);
	for (uint64_t i = 1; i <= 100; i++) {
		pulse_news(&p, i * SEC, START + i * SEC);
		assert_int_equal(p.guest_ns, i * SEC);
		assert_int_equal(p.ask_at, START + i * SEC + ASK);
	}
}

TEST(news_of_a_time_that_is_known_is_none)
{
	struct pulse p;

	pulse_init(&p, START);
	pulse_news(&p, 5 * SEC, START + SEC);
	pulse_news(&p, 5 * SEC, START + 2 * SEC);
	pulse_news(&p, 3 * SEC, START + 2 * SEC);
	assert_int_equal(p.guest_ns, 5 * SEC);
	assert_int_equal(p.moved_at, START + SEC);
	assert_int_equal(p.ask_at, START + SEC + ASK);
}

TEST(a_silent_guest_whose_clock_moves_lives)
{
	struct pulse p;

	pulse_init(&p, START);
	for (uint64_t i = 1; i <= 1000; i++) {
		uint64_t now = START + i * ASK;

		assert_int_equal(p.ask_at, now);
		assert_int_equal(pulse_look(&p, i * SEC, 0, now), PULSE_BEATS);
		assert_int_equal(p.guest_ns, i * SEC);
	}
}

/* One look says what was used up to then, only the second what was used meanwhile. */
TEST(a_clock_that_stands_while_nothing_is_used_is_asleep)
{
	struct pulse p;

	pulse_init(&p, START);
	pulse_news(&p, 5 * SEC, START + SEC);
	assert_int_equal(pulse_look(&p, 5 * SEC, 7 * SEC, START + SEC + ASK), PULSE_BEATS);
	assert_int_equal(pulse_look(&p, 5 * SEC, 7 * SEC, START + SEC + 2 * ASK), PULSE_ASLEEP);
}

TEST(a_hundredth_of_the_time_is_work)
{
	for (uint64_t less = 0; less < 2; less++) {
		struct pulse p;

		pulse_init(&p, START);
		assert_int_equal(pulse_look(&p, 0, SEC, START + ASK), PULSE_BEATS);
		assert_int_equal(pulse_look(&p, 0, SEC + ASK / 100 - less, START + 2 * ASK),
				 less ? PULSE_ASLEEP : PULSE_BEATS);
	}
}

/* The clock tells whole seconds, so the time of the last frame can be ahead of it. */
TEST(a_clock_behind_the_news_is_not_asleep_before_it_was_seen_to_stand)
{
	struct pulse p;

	pulse_init(&p, START);
	assert_int_equal(pulse_look(&p, 4 * SEC, SEC, START + ASK), PULSE_BEATS);
	pulse_news(&p, 5 * SEC + 1, START + 2 * ASK); /* the look before does not count any more */
	assert_int_equal(pulse_look(&p, 5 * SEC, SEC, START + 3 * ASK), PULSE_BEATS);
	assert_int_equal(p.guest_ns, 5 * SEC + 1);
	assert_int_equal(pulse_look(&p, 5 * SEC, SEC, START + 4 * ASK), PULSE_ASLEEP);
}

TEST(a_busy_emulator_whose_clock_stands_hangs_after_its_time)
{
	uint64_t busy = 0, now = START;
	struct pulse p;

	pulse_init(&p, now);
	while ((now += ASK) - START < PULSE_HUNG_NS)
		assert_int_equal(pulse_look(&p, 0, busy += ASK, now), PULSE_BEATS);
	assert_int_equal(pulse_look(&p, 0, busy + ASK, now), PULSE_HUNG);
}

/* Time waited for a CPU counts as used: a host that does not run it has stopped its clock. */
TEST(a_starved_guest_is_not_asleep)
{
	uint64_t waited = 0, now = START;
	struct pulse p;

	pulse_init(&p, now);
	for (int i = 0; i < 50; i++)
		assert_int_equal(pulse_look(&p, 0, waited += ASK, now += ASK), PULSE_BEATS);
	assert_int_equal(pulse_look(&p, SEC, waited, now + ASK), PULSE_BEATS);
	assert_int_equal(p.moved_at, now + ASK);
}

/* We may be the ones that were starved. */
TEST(looks_that_come_late_are_judged_by_their_distance)
{
	struct pulse p;

	pulse_init(&p, START);
	assert_int_equal(pulse_look(&p, 0, SEC, START + 50 * SEC), PULSE_BEATS);
	assert_int_equal(pulse_look(&p, 0, SEC + SEC / 2, START + 99 * SEC), PULSE_BEATS);
	assert_int_equal(pulse_look(&p, 0, SEC + SEC / 2, START + 101 * SEC), PULSE_ASLEEP);
}

UNIT_MAIN(NULL, NULL)
