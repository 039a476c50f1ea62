/* SPDX-License-Identifier: GPL-2.0-only */
/* The network that leads back, and random numbers. */
#include "unit.h"

#include <linux/virtio_mmio.h>

#include "dev/virtio_net.h"
#include "dev/virtio_rng.h"
#include "dev_driver.h"

#define RX 0
#define TX 1
#define RINGS (1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define HEADER 12u

static struct driver d;
static struct virtio_net n;

static void make(uint64_t features)
{
	driver_init(&d);
	d.size = 16;
	virtio_net_init(&n, &(struct net_spec){ .mem = &d.mem, .line = driver_line(&d) });
	driver_start(&d, &n.mmio, features | 1 << VIRTIO_NET_F_MAC);
}

static int fini(void **state)
{
	driver_fini(&d);
	return 0;
}

static uint64_t add_buffer(uint32_t len)
{
	uint64_t at = driver_alloc(&d, len);

	driver_send(&d, RX, &(struct driver_buf){ at, len, true }, 1);
	return at;
}

/* A frame with its header in a buffer of its own, as Linux sends them. */
static void send_frame(const void *frame, uint32_t len)
{
	static const char junk[HEADER] = "junkheader!";
	const struct driver_buf b[] = {
		{ driver_put(&d, junk, HEADER), HEADER, false },
		{ len ? driver_put(&d, frame, len) : 0, len, false },
	};

	driver_send(&d, TX, b, len ? 2 : 1);
}

#define NET_TEST(name) TEST_WITH(name, NULL, fini)

NET_TEST(frames_come_back_whole_with_a_header_of_ours)
{
	static const uint8_t header[HEADER] = { [10] = 1 };
	uint8_t got[64];
	uint32_t len;

	make(RINGS);
	uint64_t at = add_buffer(64);

	send_frame("a frame", 7);
	assert_true(driver_used(&d, TX, NULL, NULL));
	assert_true(driver_used(&d, RX, NULL, &len));
	assert_int_equal(len, HEADER + 7);
	driver_peek(&d, at, got, len);
	assert_memory_equal(got, header, HEADER);
	assert_memory_equal(got + HEADER, "a frame", 7);
	assert_int_equal(n.nr_frames, 1);
	assert_int_equal(n.nr_bytes, 7);
}

NET_TEST(it_has_an_address)
{
	make(RINGS);
	assert_true(virtio_has(&n.mmio, VIRTIO_NET_F_MAC));
	assert_int_equal(virtio_mmio_read(&n.mmio, VIRTIO_MMIO_CONFIG, 1), 2);
	assert_int_equal(virtio_mmio_read(&n.mmio, VIRTIO_MMIO_CONFIG + 5, 1), 1);
	assert_int_equal(virtio_mmio_read(&n.mmio, VIRTIO_MMIO_CONFIG + 6, 2), 0);
}

NET_TEST(frames_wait_for_buffers_in_their_order)
{
	const uint64_t both[] = { 0, RINGS };

	for (size_t f = 0; f < ARRAY_SIZE(both); f++) {
		char got[HEADER + 1];

		make(both[f]);
		for (char c = 'a'; c < 'f'; c++)
			send_frame(&c, 1);
		assert_false(driver_used(&d, TX, NULL, NULL));
		for (char c = 'a'; c < 'f'; c++) {
			uint64_t at = add_buffer(HEADER + 1);

			assert_true(driver_used(&d, RX, NULL, NULL));
			assert_true(driver_used(&d, TX, NULL, NULL));
			driver_peek(&d, at, got, sizeof(got));
			assert_int_equal(got[HEADER], c);
		}
		assert_int_equal(n.nr_dropped, 0);
		unsigned int kicks = d.kicks;

		add_buffer(64); /* nobody waits any more: the first may be told, others not */
		add_buffer(64);
		add_buffer(64);
		assert_true(d.kicks <= kicks + 1);
		if (f + 1 < ARRAY_SIZE(both))
			driver_fini(&d);
	}
}

NET_TEST(what_does_not_fit_is_dropped_and_counted)
{
	make(RINGS);
	add_buffer(HEADER + 3);
	send_frame("1234", 4);
	send_frame(NULL, 0);
	assert_int_equal(n.nr_dropped, 2);
	assert_false(driver_used(&d, RX, NULL, NULL));
	send_frame("123", 3); /* the buffer is still there */
	assert_true(driver_used(&d, RX, NULL, NULL));
	const struct driver_buf big[] = { { DRIVER_SEAM - 40000, HEADER + NET_MAX_FRAME + 1,
					    false } };

	driver_send(&d, RX, &(struct driver_buf){ DRIVER_SEAM, 100000, true }, 1);
	driver_send(&d, TX, big, 1);
	assert_int_equal(n.nr_dropped, 3);
	const struct driver_buf largest[] = { { DRIVER_SEAM - 40000, HEADER + NET_MAX_FRAME,
						false } };

	driver_send(&d, TX, largest, 1); /* over itself, too */
	assert_int_equal(n.nr_dropped, 3);
	assert_int_equal(n.nr_frames, 2);
}

NET_TEST(a_broken_receive_queue_is_noticed)
{
	make(RINGS);
	driver_avail_idx(&d, RX, 1000);
	send_frame("x", 1);
	assert_string_equal(virtio_mmio_broken(&n.mmio),
			    "virtio-net queue 0: available index 1000 after 0 in a ring of 16");
}

/* Random numbers */

static size_t left; /* bytes that are to be had */

static size_t fill(void *ctx, void *to, size_t most)
{
	size_t take = MIN(most, left);

	memset(to, 'r', take);
	left -= take;
	return take;
}

static void ask(struct virtio_rng *r, uint64_t at, uint32_t len, uint32_t want)
{
	uint32_t got;

	driver_send(&d, 0, &(struct driver_buf){ at, len, true }, 1);
	assert_true(driver_used(&d, 0, NULL, &got));
	assert_int_equal(got, want);
}

NET_TEST(random_bytes_are_given_as_far_as_there_are)
{
	struct virtio_rng r;
	char got[65] = { 0 };

	driver_init(&d);
	virtio_rng_init(&r,
			&(struct rng_spec){ .mem = &d.mem, .line = driver_line(&d), .fill = fill });
	driver_start(&d, &r.mmio, RINGS);
	left = SIZE_MAX;
	ask(&r, DRIVER_SEAM - 30, 64, 64);
	driver_peek(&d, DRIVER_SEAM - 30, got, 65);
	assert_int_equal(got[63], 'r');
	assert_int_equal(got[64], 0);
	ask(&r, DRIVER_RAM + 65536, 100000, 4096); /* so much at once, whatever is asked */
	left = 5;
	ask(&r, DRIVER_SEAM, 64, 5);
	ask(&r, DRIVER_SEAM, 64, 0);
	assert_int_equal(r.nr_bytes, 64 + 4096 + 5);
	driver_send(&d, 0, &(struct driver_buf){ DRIVER_SEAM, 64, false }, 1);
	assert_true(driver_used(&d, 0, NULL, NULL)); /* nothing to write to: nothing written */
	assert_null(virtio_mmio_broken(&r.mmio));
}

UNIT_MAIN(NULL, NULL)
