/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include "machine/gmem.h"

static uint8_t low[16], high[16];

/* For the guest one piece, [100, 132); for us two, and the wrong way round. Then a hole. */
static const struct gmem two = {
	.region = {
		{ .gpa = 116, .len = sizeof(high), .host = high, .node = 1 },
		{ .gpa = 100, .len = sizeof(low), .host = low, .node = 0 },
	},
	.nr = 2,
};

TEST(a_pointer_is_into_one_region_or_none)
{
	assert_ptr_equal(gmem_at(&two, 100, 16), low);
	assert_ptr_equal(gmem_at(&two, 131, 1), high + 15);
	assert_null(gmem_at(&two, 99, 1));
	assert_null(gmem_at(&two, 132, 1));
	assert_null(gmem_at(&two, 115, 2));
	assert_null(gmem_at(&two, 100, 0));
	assert_null(gmem_at(&two, 101, UINT64_MAX));
	assert_null(gmem_at(&two, UINT64_MAX, 1));
	assert_null(gmem_at(&(struct gmem){ 0 }, 0, 1));
}

TEST(a_copy_goes_on_in_the_next_region)
{
	uint8_t from[32], to[32] = { 0 };

	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i + 1);
	assert_true(gmem_write(&two, 100, from, sizeof(from)));
	assert_memory_equal(low, from, 16);
	assert_memory_equal(high, from + 16, 16);
	assert_true(gmem_read(&two, 100, to, sizeof(to)));
	assert_memory_equal(to, from, sizeof(to));
	assert_true(gmem_read(&two, 5, to, 0));
}

TEST(a_copy_that_leaves_ram_changes_nothing)
{
	uint8_t from[40], to[40], before[32];

	memset(from, 0xee, sizeof(from));
	memset(to, 0x11, sizeof(to));
	memcpy(before, low, 16);
	memcpy(before + 16, high, 16);
	assert_false(gmem_write(&two, 101, from, 32));
	assert_false(gmem_write(&two, 99, from, 4));
	assert_memory_equal(low, before, 16);
	assert_memory_equal(high, before + 16, 16);
	assert_false(gmem_read(&two, 131, to, 2));
	assert_int_equal(to[0], 0x11);
}

TEST(a_region_at_the_end_of_addresses_does_not_wrap)
{
	struct gmem m = { .region = { { .gpa = UINT64_MAX - 15, .len = 16, .host = low } },
			  .nr = 1 };
	uint8_t to[32];

	assert_ptr_equal(gmem_at(&m, UINT64_MAX, 1), low + 15);
	assert_null(gmem_at(&m, UINT64_MAX, 2));
	assert_false(gmem_read(&m, UINT64_MAX - 15, to, 32));
}

UNIT_MAIN(NULL, NULL)
