/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include "harness/pulse.h"

#define SEC 1000000000ull
#define START (1000 * SEC) /* of the host's clock */
#define LOOK PULSE_LOOK_NS
#define WORK PULSE_WORK_NS

TEST(a_guest_that_tells_its_time_is_left_alone)
{
	struct pulse p;

	pulse_init(&p, START);
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

	pulse_init(&p, START);
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

	pulse_init(&p, now);
	assert_false(pulse_look(&p, run, 0, now += LOOK));
	while (run + LOOK / 10 < 3 * SEC + WORK) {
		assert_false(pulse_look(&p, run += LOOK / 10, 0, now += LOOK));
		assert_int_equal(p.look_at, now + LOOK);
	}
	assert_true(pulse_look(&p, run += LOOK / 10, 0, now += LOOK));
	assert_int_equal(pulse_read(&p, 40 * SEC, now), PULSE_BEATS);
	assert_int_equal(p.guest_ns, 40 * SEC);
	/* and then for as long again */
	assert_false(pulse_look(&p, run + WORK - 1, 0, now += LOOK));
	assert_true(pulse_look(&p, run + WORK, 0, now += LOOK));
}

TEST(news_give_it_all_the_time_again)
{
	struct pulse p;

	pulse_init(&p, START);
	assert_false(pulse_look(&p, 0, 0, START + LOOK));
	assert_false(pulse_look(&p, WORK - 1, 0, START + 2 * LOOK));
	pulse_news(&p, 5 * SEC, START + 2 * LOOK + 1);
	assert_false(pulse_look(&p, WORK, 0, START + 3 * LOOK));
	assert_false(pulse_look(&p, 2 * WORK - 1, 0, START + 4 * LOOK));
	assert_true(pulse_look(&p, 2 * WORK, 0, START + 5 * LOOK));
}

/* One look says what was used up to then, the second what was used meanwhile; the clock is read twice. */
TEST(a_clock_that_stands_while_nothing_is_used_is_asleep)
{
	struct pulse p;

	pulse_init(&p, START);
	pulse_news(&p, 5 * SEC + 1, START);
	assert_false(pulse_look(&p, 7 * SEC, SEC, START + LOOK));
	assert_true(pulse_look(&p, 7 * SEC, SEC, START + 2 * LOOK));
	assert_int_equal(pulse_read(&p, 5 * SEC, START + 2 * LOOK), PULSE_BEATS);
	assert_true(pulse_look(&p, 7 * SEC, SEC, START + 3 * LOOK));
	assert_int_equal(pulse_read(&p, 5 * SEC, START + 3 * LOOK), PULSE_ASLEEP);
	assert_int_equal(p.guest_ns, 5 * SEC + 1);
}

TEST(an_emulator_that_was_stopped_and_goes_on_is_not)
{
	struct pulse p;

	pulse_init(&p, START);
	assert_false(pulse_look(&p, 0, 0, START + LOOK));
	assert_true(pulse_look(&p, 0, 0, START + 2 * LOOK));
	assert_int_equal(pulse_read(&p, 0, START + 2 * LOOK), PULSE_BEATS);
	assert_false(pulse_look(&p, LOOK / 2, 0, START + 3 * LOOK));
	/* once more: the first time was another one */
	assert_true(pulse_look(&p, LOOK / 2, 0, START + 4 * LOOK));
	assert_int_equal(pulse_read(&p, 3 * SEC, START + 4 * LOOK), PULSE_BEATS);
	assert_false(pulse_look(&p, LOOK / 2, 0, START + 5 * LOOK));
	assert_true(pulse_look(&p, LOOK / 2, 0, START + 6 * LOOK));
	assert_int_equal(pulse_read(&p, 3 * SEC, START + 6 * LOOK), PULSE_BEATS);
}

TEST(a_hundredth_of_the_time_is_work)
{
	for (uint64_t less = 0; less < 2; less++) {
		struct pulse p;

		pulse_init(&p, START);
		assert_false(pulse_look(&p, SEC, 0, START + LOOK));
		assert_int_equal(pulse_look(&p, SEC + LOOK / 100 - less, 0, START + 2 * LOOK),
				 less);
	}
}

TEST(a_busy_emulator_whose_clock_stands_hangs_after_its_time)
{
	uint64_t run = 0, now = START;
	enum pulse_state is = PULSE_BEATS;
	struct pulse p;

	pulse_init(&p, now);
	for (; is == PULSE_BEATS; now += LOOK)
		if (pulse_look(&p, run += LOOK, 0, now))
			is = pulse_read(&p, 0, now);
	assert_int_equal(is, PULSE_HUNG);
	assert_true(now - START >= PULSE_HUNG_NS && now - START < PULSE_HUNG_NS + WORK + LOOK);
}

/* Time waited for a CPU counts as used: a host that does not run it has stopped its clock. */
TEST(a_starved_guest_is_not_asleep)
{
	uint64_t waited = 0, now = START;
	struct pulse p;

	pulse_init(&p, now);
	for (int i = 0; i < 500; i++)
		assert_false(pulse_look(&p, 0, waited += LOOK, now += LOOK));
}

/* We may be the ones that were starved. */
TEST(looks_that_come_late_are_judged_by_their_distance)
{
	struct pulse p;

	pulse_init(&p, START);
	assert_false(pulse_look(&p, SEC, 0, START + 50 * SEC));
	assert_false(pulse_look(&p, SEC + SEC / 2, 0, START + 99 * SEC));
	assert_true(pulse_look(&p, SEC + SEC / 2, 0, START + 101 * SEC));
}

UNIT_MAIN(NULL, NULL)
