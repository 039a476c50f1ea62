/* SPDX-License-Identifier: GPL-2.0-only */
/* The ring walk, with a queue of its own: what drivers do, and what they must not. */
#include "unit.h"

#include "dev/virtqueue.h"
#include "dev_driver.h"

struct ring {
	struct driver d;
	struct virtq q;
	char why[VIRTQ_WHY];
};

static void start(struct ring *r, uint16_t size)
{
	*r = (struct ring){ 0 };
	driver_init(&r->d);
	r->d.ring[0] = (struct driver_ring){
		.size = size,
		.desc = driver_alloc(&r->d, 16u * size),
		.avail = driver_alloc(&r->d, 6 + 2u * size),
		.used = driver_alloc(&r->d, 6 + 8u * size),
	};
	r->q = (struct virtq){
		.mem = &r->d.mem,
		.why = r->why,
		.size = size,
		.indirect = true,
		.desc = r->d.ring[0].desc,
		.avail = r->d.ring[0].avail,
		.used = r->d.ring[0].used,
	};
	assert_true(virtq_start(&r->q));
}

static void fini(struct ring *r)
{
	driver_fini(&r->d);
}

static void desc(struct ring *r, uint16_t at, uint64_t addr, uint32_t len, unsigned int flags,
		 unsigned int next)
{
	driver_desc(&r->d, r->q.desc, at,
		    (struct vring_desc){ addr, len, (uint16_t)flags, (uint16_t)next });
}

/* The request at @head breaks the queue, which then says @why and yields nothing more. */
static void breaks(struct ring *r, uint16_t head, const char *why)
{
	struct virtq_chain c;

	driver_offer(&r->d, 0, head);
	assert_false(virtq_take(&r->q, &c));
	assert_true(r->q.broken);
	if (!strstr(r->why, why))
		fail_msg("\"%s\" does not say \"%s\"", r->why, why);
	assert_false(virtq_take(&r->q, &c));
	assert_false(virtq_publish(&r->q));
	assert_false(virtq_unmute(&r->q));
	fini(r);
}

TEST(a_request_comes_and_goes)
{
	struct virtq_chain c;
	struct ring r;
	char text[8] = { 0 };
	uint32_t head, len;

	start(&r, 4);
	assert_false(virtq_take(&r.q, &c));
	const struct driver_buf b[] = {
		{ driver_put(&r.d, "abc", 3), 3, false },
		{ driver_put(&r.d, "defg", 4), 4, false },
		{ driver_alloc(&r.d, 5), 5, true },
	};
	uint16_t id = driver_add(&r.d, 0, b, 3);

	assert_true(virtq_take(&r.q, &c));
	assert_int_equal(c.nr_out, 2);
	assert_int_equal(c.nr_in, 1);
	assert_int_equal(c.out_len, 7);
	assert_int_equal(c.in_len, 5);
	assert_true(virtq_copy_out(&c, 2, text, 4));
	assert_string_equal(text, "cdef");
	assert_false(virtq_copy_out(&c, 4, text, 4));
	assert_false(virtq_copy_out(&c, SIZE_MAX, text, 2));
	assert_int_equal(virtq_copy_in(&c, 1, "12345", 5), 4);
	virtq_give(&r.q, c.head, 5);
	assert_false(driver_used(&r.d, 0, NULL, NULL)); /* not shown yet */
	assert_true(virtq_publish(&r.q));
	assert_false(virtq_publish(&r.q)); /* nothing new */
	assert_true(driver_used(&r.d, 0, &head, &len));
	assert_int_equal(head, id);
	assert_int_equal(len, 5);
	driver_peek(&r.d, b[2].gpa, text, 5);
	assert_memory_equal(text + 1, "1234", 4);
	fini(&r);
}

TEST(indices_go_round_for_ever)
{
	struct virtq_chain c;
	struct ring r;

	start(&r, 4);
	const struct driver_buf b = { driver_alloc(&r.d, 8), 8, true };

	for (uint32_t i = 0; i < 3 * 65536; i++) {
		uint16_t id = driver_add(&r.d, 0, &b, 1);
		uint32_t head;

		assert_true(virtq_take(&r.q, &c));
		virtq_give(&r.q, c.head, 0);
		assert_true(virtq_publish(&r.q));
		assert_true(driver_used(&r.d, 0, &head, NULL));
		assert_int_equal(head, id);
	}
	assert_int_equal(virtq_waiting(&r.q), 0);
	fini(&r);
}

TEST(what_was_put_back_comes_again)
{
	struct virtq_chain c;
	struct ring r;

	start(&r, 4);
	const struct driver_buf b = { driver_alloc(&r.d, 8), 8, true };

	driver_add(&r.d, 0, &b, 1);
	driver_add(&r.d, 0, &b, 1);
	for (int i = 0; i < 3; i++) {
		assert_true(virtq_take(&r.q, &c));
		assert_int_equal(c.head, 0);
		virtq_untake(&r.q);
	}
	assert_int_equal(virtq_waiting(&r.q), 2);
	fini(&r);
}

TEST(a_buffer_may_lie_in_two_regions)
{
	struct virtq_chain c;
	struct ring r;
	char text[9] = { 0 };

	start(&r, 4);
	const struct driver_buf b[] = {
		{ DRIVER_SEAM - 3, 8, false },
		{ DRIVER_SEAM - 100, 200, true },
	};

	driver_poke(&r.d, DRIVER_SEAM - 3, "abcdefgh", 8);
	driver_add(&r.d, 0, b, 2);
	assert_true(virtq_take(&r.q, &c));
	assert_int_equal(c.nr_out, 2);
	assert_int_equal(c.nr_in, 2);
	assert_int_equal(c.out_len, 8);
	assert_true(virtq_copy_out(&c, 0, text, 8));
	assert_string_equal(text, "abcdefgh");
	assert_int_equal(virtq_copy_in(&c, 99, "xy", 2), 2);
	driver_peek(&r.d, DRIVER_SEAM - 1, text, 2);
	assert_memory_equal(text, "xy", 2);
	fini(&r);
}

TEST(an_indirect_table_may_be_longer_than_the_ring)
{
	struct driver_buf b[32];
	struct virtq_chain c;
	struct ring r;

	start(&r, 4);
	for (size_t i = 0; i < ARRAY_SIZE(b); i++)
		b[i] = (struct driver_buf){ driver_alloc(&r.d, 16), 16, i >= 10 };
	driver_add_indirect(&r.d, 0, b, ARRAY_SIZE(b));
	assert_true(virtq_take(&r.q, &c));
	assert_int_equal(c.nr_out, 10);
	assert_int_equal(c.nr_in, 22);
	fini(&r);
}

TEST(a_table_may_follow_plain_descriptors)
{
	struct virtq_chain c;
	struct ring r;
	uint64_t at, table;

	start(&r, 4);
	at = driver_alloc(&r.d, 16);
	table = driver_alloc(&r.d, 16);
	driver_desc(&r.d, table, 0, (struct vring_desc){ at, 4, VRING_DESC_F_WRITE, 0 });
	desc(&r, 0, at, 8, VRING_DESC_F_NEXT, 2);
	desc(&r, 2, table, 16, VRING_DESC_F_INDIRECT, 0);
	driver_offer(&r.d, 0, 0);
	assert_true(virtq_take(&r.q, &c));
	assert_int_equal(c.out_len, 8);
	assert_int_equal(c.in_len, 4);
	fini(&r);
}

TEST(break_head_outside_the_table)
{
	struct ring r;

	start(&r, 4);
	breaks(&r, 4, "descriptor 4 of a table of 4");
}

TEST(break_next_outside_the_table)
{
	struct ring r;

	start(&r, 4);
	desc(&r, 0, DRIVER_RAM, 1, VRING_DESC_F_NEXT, 65535);
	breaks(&r, 0, "descriptor 65535 of a table of 4");
}

TEST(break_chain_that_goes_in_circles)
{
	struct ring r;

	start(&r, 4);
	desc(&r, 0, DRIVER_RAM, 1, VRING_DESC_F_NEXT, 1);
	desc(&r, 1, DRIVER_RAM, 1, VRING_DESC_F_NEXT, 0);
	breaks(&r, 0, "does not end");
}

TEST(break_circle_across_regions)
{
	struct ring r;

	start(&r, 4);
	desc(&r, 0, DRIVER_SEAM - 1, 2, VRING_DESC_F_NEXT, 0); /* two pieces a turn */
	breaks(&r, 0, "pieces");
}

TEST(break_buffer_beyond_memory)
{
	static const struct {
		uint64_t at;
		uint32_t len;
	} bad[] = {
		{ 0, 1 },
		{ DRIVER_RAM - 1, 2 },
		{ DRIVER_RAM_END - 1, 2 },
		{ DRIVER_RAM_END, 1 },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, UINT32_MAX },
		{ DRIVER_RAM, UINT32_MAX },
		{ UINT64_MAX - 3, 8 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ring r;

		start(&r, 4);
		desc(&r, 0, bad[i].at, bad[i].len, 0, 0);
		breaks(&r, 0, "is not in memory");
	}
}

TEST(break_empty_buffer)
{
	struct ring r;

	start(&r, 4);
	desc(&r, 0, DRIVER_RAM, 0, 0, 0);
	breaks(&r, 0, "empty buffer");
}

TEST(break_readable_behind_writable)
{
	struct ring r;

	start(&r, 4);
	desc(&r, 0, DRIVER_RAM, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	desc(&r, 1, DRIVER_RAM, 1, 0, 0);
	breaks(&r, 0, "buffer to read behind");
}

TEST(break_indirect_where_none_may_be)
{
	struct ring r;
	uint64_t table;

	start(&r, 4); /* a table in a table */
	table = driver_alloc(&r.d, 16);
	driver_desc(&r.d, table, 0, (struct vring_desc){ table, 16, VRING_DESC_F_INDIRECT, 0 });
	desc(&r, 0, table, 16, VRING_DESC_F_INDIRECT, 0);
	breaks(&r, 0, "indirect descriptor where none");
	start(&r, 4); /* with something behind it */
	desc(&r, 0, DRIVER_RAM, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1);
	breaks(&r, 0, "indirect descriptor where none");
	start(&r, 4); /* not negotiated, though there is nothing wrong with the table */
	r.q.indirect = false;
	table = driver_alloc(&r.d, 16);
	driver_desc(&r.d, table, 0, (struct vring_desc){ table, 16, 0, 0 });
	desc(&r, 0, table, 16, VRING_DESC_F_INDIRECT, 0);
	breaks(&r, 0, "indirect descriptor where none");
}

TEST(break_indirect_table_of_no_size_or_place)
{
	static const uint32_t sizes[] = { 0, 1, 15, 17, UINT32_MAX };
	struct ring r;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		start(&r, 4);
		desc(&r, 0, DRIVER_RAM, sizes[i], VRING_DESC_F_INDIRECT, 0);
		breaks(&r, 0, "indirect table of");
	}
	start(&r, 4);
	desc(&r, 0, UINT64_MAX - 15, 32, VRING_DESC_F_INDIRECT, 0);
	breaks(&r, 0, "indirect table of");
	start(&r, 4);
	desc(&r, 0, DRIVER_RAM_END, 16, VRING_DESC_F_INDIRECT, 0);
	breaks(&r, 0, "is not in memory");
}

TEST(break_available_index_that_cannot_be)
{
	static const uint16_t bad[] = { 5, 0x8000, 0xffff };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct virtq_chain c;
		struct ring r;

		start(&r, 4);
		driver_avail_idx(&r.d, 0, bad[i]);
		assert_false(virtq_take(&r.q, &c));
		assert_true(r.q.broken);
		assert_non_null(strstr(r.why, "available index"));
		fini(&r);
	}
}

TEST(break_rings_outside_memory_or_crooked)
{
	struct ring r;

	start(&r, 4);
	const struct virtq good = r.q;
	struct virtq bad[] = { good, good, good, good, good, good, good, good };

	bad[0].desc = DRIVER_RAM_END - 63;
	bad[1].desc += 8;
	bad[2].avail = DRIVER_RAM_END - 12;
	bad[3].avail += 1;
	bad[4].used = DRIVER_SEAM - 4; /* in two regions: Linux's never are */
	bad[5].used += 2;
	bad[6].size = 6;
	bad[7].desc = UINT64_MAX - 15;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		bad[i].ready = false;
		assert_false(virtq_start(&bad[i]));
		assert_true(bad[i].broken);
		assert_false(bad[i].ready);
	}
	virtq_reset(&bad[0]);
	assert_false(bad[0].broken);
	assert_ptr_equal(bad[0].mem, &r.d.mem);
	fini(&r);
}

/* The first sentence stays: it is the one that names the cause. */
TEST(only_the_first_break_is_told)
{
	struct ring r;

	start(&r, 4);
	assert_false(virtq_break(&r.q, "first"));
	assert_false(virtq_break(&r.q, "second"));
	assert_string_equal(r.why, "first");
	fini(&r);
}

TEST(flags_save_interrupts_and_kicks)
{
	struct virtq_chain c;
	struct ring r;
	uint16_t no_interrupt = VRING_AVAIL_F_NO_INTERRUPT;

	start(&r, 4);
	const struct driver_buf b = { driver_alloc(&r.d, 8), 8, true };

	driver_poke(&r.d, r.q.avail, &no_interrupt, 2);
	driver_add(&r.d, 0, &b, 1);
	assert_true(virtq_take(&r.q, &c));
	virtq_give(&r.q, c.head, 0);
	assert_false(virtq_publish(&r.q));
	assert_true(driver_used(&r.d, 0, NULL, NULL)); /* there all the same */
	virtq_mute(&r.q);
	driver_add(&r.d, 0, &b, 1);
	assert_true(virtq_unmute(&r.q)); /* what came in between is not missed */
	assert_true(virtq_take(&r.q, &c));
	assert_false(virtq_unmute(&r.q));
	fini(&r);
}

TEST(event_indices_save_interrupts)
{
	struct virtq_chain c;
	struct ring r;

	start(&r, 8);
	r.q.event_idx = true;
	const struct driver_buf b = { driver_alloc(&r.d, 8), 8, true };

	for (int i = 0; i < 8; i++)
		driver_add(&r.d, 0, &b, 1);
	driver_used_event(&r.d, 0, 4); /* wake me for the fifth */
	for (int i = 0; i < 8; i++) {
		assert_true(virtq_take(&r.q, &c));
		virtq_give(&r.q, c.head, 0);
		assert_int_equal(virtq_publish(&r.q), i == 4);
	}
	fini(&r);
}

UNIT_MAIN(NULL, NULL)
