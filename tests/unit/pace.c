/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "vm/pace.h"

TEST(larger_machines_get_a_higher_rate)
{
	static const struct {
		uint32_t vcpus, mips;
	} row[] = {
		{ 1, 125 }, { 4, 125 },	 { 5, 250 },   { 8, 250 },
		{ 9, 500 }, { 16, 500 }, { 17, 1000 }, { 512, 1000 },
	};
	const struct pace_wish none = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct pace p = pace_choose(row[i].vcpus, &none);

		assert_int_equal(pace_rate(&p), row[i].mips);
		assert_int_equal(p.turn_us, 0);
	}
}

/* 0 is a wish, too: the highest rate, the longest turn. */
TEST(what_is_wished_for_is_taken_and_only_that)
{
	struct pace_wish w = { .have_rate = true, .pace = { .rate_shift = 0, .turn_us = 77 } };
	struct pace p = pace_choose(2, &w);

	assert_int_equal(p.rate_shift, 0);
	assert_int_equal(p.turn_us, 0);
	w = (struct pace_wish){ .have_turn = true, .pace = { .rate_shift = 6, .turn_us = 77 } };
	p = pace_choose(2, &w);
	assert_int_equal(p.rate_shift, 3);
	assert_int_equal(p.turn_us, 77);
}

TEST(rates_are_read_as_they_are_written)
{
	static const uint32_t mips[] = { 1000, 500, 250, 125, 62, 31, 15 };

	for (uint32_t shift = 0; shift <= PACE_SHIFT_MAX; shift++) {
		struct pace p = { .rate_shift = shift };
		uint32_t back = 99;

		assert_int_equal(pace_rate(&p), mips[shift]);
		assert_int_equal(pace_parse_rate(mips[shift], &back), 0);
		assert_int_equal(back, shift);
	}
}

TEST(other_rates_are_refused)
{
	static const uint32_t mips[] = { 0, 1, 7, 14, 16, 63, 999, 1001, 2000, UINT32_MAX };
	uint32_t shift = 99;

	for (size_t i = 0; i < ARRAY_SIZE(mips); i++)
		assert_int_equal(pace_parse_rate(mips[i], &shift), -EINVAL);
	assert_int_equal(shift, 99);
}

TEST(turns_differ_by_the_seed_up_to_an_eighth_either_way)
{
	static const uint32_t turns[] = { 1, 7, 8, 100, 400, PACE_TURN_MAX_US };

	for (size_t i = 0; i < ARRAY_SIZE(turns); i++) {
		struct pace p = { .turn_us = turns[i] };
		uint32_t low = UINT32_MAX, high = 0, span = turns[i] / 4;

		for (uint64_t seed = 0; seed < 20 * (uint64_t)(span + 1); seed++) {
			uint32_t t = pace_turn(&p, seed);

			low = MIN(low, t);
			high = MAX(high, t);
		}
		assert_int_equal(low, turns[i] - turns[i] / 8);
		assert_int_equal(high, low + span);
		assert_true(low > 0 && high <= turns[i] + turns[i] / 8 + 1);
	}
}

/* Each bit of the seed counts, those that a smaller type would lose as well. */
TEST(equal_seeds_give_equal_turns_and_any_bit_of_one_matters)
{
	const struct pace p = { .turn_us = PACE_TURN_MAX_US };
	const uint64_t seeds[] = { 0, 0x1f3a, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(seeds); i++)
		for (int bit = 0; bit < 64; bit++) {
			uint64_t other = seeds[i] ^ UINT64_C(1) << bit;

			assert_int_equal(pace_turn(&p, seeds[i]), pace_turn(&p, seeds[i]));
			assert_int_not_equal(pace_turn(&p, seeds[i]), pace_turn(&p, other));
		}
}

/* Nobody asked for turns: the timer is there all the same, or the clock could jump to midnight. */
TEST(without_a_wish_it_is_the_longest_turn_for_every_seed)
{
	const struct pace p = { .turn_us = 0 };

	for (uint64_t seed = 0; seed < 1000; seed++)
		assert_int_equal(pace_turn(&p, seed * 0x123456789abcdefu), PACE_TURN_MAX_US);
}

UNIT_MAIN(NULL, NULL)
