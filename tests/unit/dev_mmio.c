/* SPDX-License-Identifier: GPL-2.0-only */
/* The register file, with a device that only counts. */
#include "unit.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "dev_driver.h"

#define ACK VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER VIRTIO_CONFIG_S_DRIVER
#define FEATURES_OK VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK VIRTIO_CONFIG_S_DRIVER_OK
#define RINGS (1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_RING_F_INDIRECT_DESC)

struct counter {
	struct virtio_mmio mmio;
	unsigned int kicked[2], served, ready, reset;
	uint32_t budget;
	enum virtio_served answer;
};

static enum virtio_served serve(struct virtio_mmio *v, struct virtq *q, struct virtq_chain *c)
{
	struct counter *k = (struct counter *)v;

	if (k->answer != VIRTIO_DONE)
		return k->answer;
	k->served++;
	virtq_give(q, c->head, 0);
	return VIRTIO_DONE;
}

static bool kick(struct virtio_mmio *v, uint16_t queue)
{
	struct counter *k = (struct counter *)v;

	k->kicked[queue]++;
	return virtio_serve(v, &v->queue[queue], k->budget, serve);
}

static void ready(struct virtio_mmio *v)
{
	((struct counter *)v)->ready++;
}

static void reset(struct virtio_mmio *v)
{
	((struct counter *)v)->reset++;
}

static const struct virtio_type counter_type = {
	.name = "counter",
	.id = 42,
	.nr_queues = 2,
	.kick = kick,
	.ready = ready,
	.reset = reset,
};
static const uint8_t config[6] = { 1, 2, 3, 4, 5, 6 };

static void make(struct driver *d, struct counter *k)
{
	driver_init(d);
	*k = (struct counter){ .budget = 100 };
	virtio_mmio_init(&k->mmio, &(struct virtio_spec){
					   .type = &counter_type,
					   .mem = &d->mem,
					   .line = driver_line(d),
					   .features = 1 << 3,
					   .config = config,
					   .config_len = sizeof(config),
				   });
	d->v = &k->mmio;
}

static uint32_t status(struct driver *d, uint32_t value)
{
	driver_write(d, VIRTIO_MMIO_STATUS, value);
	return driver_read(d, VIRTIO_MMIO_STATUS);
}

static void request(struct driver *d, uint16_t q)
{
	const struct driver_buf b = { DRIVER_RAM, 8, false };

	driver_add(d, q, &b, 1);
}

TEST(it_says_what_it_is)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_DEVICE_ID), 42);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_VENDOR_ID), 0);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 256);
	driver_write(&d, VIRTIO_MMIO_QUEUE_SEL, 2);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	driver_write(&d, VIRTIO_MMIO_SHM_SEL, 0);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_SHM_LEN_HIGH), UINT32_MAX);
	assert_int_equal(k.mmio.nr_refused, 0);
	driver_fini(&d);
}

TEST(features_come_in_two_words)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_DEVICE_FEATURES), 1 << 3 | RINGS);
	driver_write(&d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_DEVICE_FEATURES), 1);
	driver_write(&d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	driver_negotiate(&d, &k.mmio, 1 << 3);
	assert_true(k.mmio.features == (1ull << VIRTIO_F_VERSION_1 | 1 << 3));
	driver_write(&d, VIRTIO_MMIO_DRIVER_FEATURES, 0); /* too late */
	assert_int_equal(k.mmio.nr_refused, 1);
	assert_true(virtio_has(&k.mmio, VIRTIO_F_VERSION_1));
	driver_fini(&d);
}

TEST(the_steps_of_a_driver_are_taken_in_order)
{
	static const uint32_t bad_first[] = { DRIVER, FEATURES_OK, DRIVER_OK, DRIVER | DRIVER_OK };
	struct counter k;
	struct driver d;

	make(&d, &k);
	for (size_t i = 0; i < ARRAY_SIZE(bad_first); i++)
		assert_int_equal(status(&d, bad_first[i]), 0);
	assert_int_equal(k.mmio.nr_refused, 4);
	assert_int_equal(status(&d, ACK), ACK);
	assert_int_equal(status(&d, ACK | FEATURES_OK), ACK);
	assert_int_equal(status(&d, ACK | DRIVER), ACK | DRIVER);
	assert_int_equal(status(&d, ACK | DRIVER | DRIVER_OK), ACK | DRIVER);
	assert_int_equal(status(&d, ACK), ACK | DRIVER);			/* no way back */
	assert_int_equal(status(&d, ACK | DRIVER | FEATURES_OK), ACK | DRIVER); /* no VERSION_1 */
	driver_write(&d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	driver_write(&d, VIRTIO_MMIO_DRIVER_FEATURES, 3); /* one that was not offered */
	assert_int_equal(status(&d, ACK | DRIVER | FEATURES_OK), ACK | DRIVER);
	driver_write(&d, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	assert_int_equal(status(&d, ACK | DRIVER | FEATURES_OK), ACK | DRIVER | FEATURES_OK);
	assert_int_equal(k.ready, 0);
	assert_int_equal(status(&d, ACK | DRIVER | FEATURES_OK | DRIVER_OK), 15);
	assert_int_equal(status(&d, 15), 15);
	assert_int_equal(k.ready, 1);
	assert_int_equal(status(&d, 15 | VIRTIO_CONFIG_S_FAILED), 15 | VIRTIO_CONFIG_S_FAILED);
	assert_false(virtio_running(&k.mmio));
	assert_int_equal(status(&d, 0), 0);
	assert_int_equal(k.reset, 1);
	assert_true(k.mmio.features == 0);
	driver_fini(&d);
}

TEST(queues_are_described_when_their_time_is)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NUM, 8);
	driver_write(&d, VIRTIO_MMIO_QUEUE_DESC_LOW, 64);
	driver_write(&d, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(k.mmio.nr_refused, 3);
	assert_int_equal(k.mmio.queue[0].size, 0);
	driver_negotiate(&d, &k.mmio, 0);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NUM, 0);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NUM, 3);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NUM, 512);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NUM, 65536 + 8);
	assert_int_equal(k.mmio.nr_refused, 7);
	driver_queue(&d, 1, 8);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_QUEUE_READY), 1);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NUM, 16); /* while it is ready */
	assert_int_equal(k.mmio.nr_refused, 8);
	assert_int_equal(status(&d, 15), 15);
	driver_write(&d, VIRTIO_MMIO_QUEUE_SEL, 0);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NUM, 8); /* while the device runs */
	assert_int_equal(k.mmio.nr_refused, 9);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0); /* not ready: nobody home */
	assert_int_equal(k.kicked[0], 0);
	driver_write(&d, VIRTIO_MMIO_QUEUE_SEL, 1);
	driver_write(&d, VIRTIO_MMIO_QUEUE_READY, 0); /* a queue may be stopped at any time */
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_QUEUE_READY), 0);
	request(&d, 1);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	assert_int_equal(k.served, 0);
	driver_fini(&d);
}

TEST(a_ring_outside_memory_breaks_the_device_before_it_runs)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	driver_negotiate(&d, &k.mmio, 0);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NUM, 8);
	driver_write(&d, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_true(driver_read(&d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_string_equal(
		virtio_mmio_broken(&k.mmio),
		"counter queue 0: descriptor ring at 0 is not in memory or not aligned");
	assert_int_equal(d.raised, 0); /* there is no driver to tell yet */
	assert_int_equal(status(&d, 15) & DRIVER_OK, DRIVER_OK);
	assert_int_equal(k.ready, 0);
	assert_int_equal(status(&d, 0), 0);
	assert_null(virtio_mmio_broken(&k.mmio));
	driver_fini(&d);
}

TEST(requests_wait_for_the_driver_to_be_ready)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	driver_negotiate(&d, &k.mmio, 0);
	driver_queue(&d, 0, 8);
	request(&d, 0);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(k.kicked[0], 0);
	assert_int_equal(d.raised, 0);
	status(&d, 15);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(k.served, 1);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 2);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 65536); /* not queue 0 */
	assert_int_equal(k.kicked[0], 1);
	driver_fini(&d);
}

TEST(a_broken_queue_stops_the_device_until_reset)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	driver_start(&d, &k.mmio, 0);
	driver_avail_idx(&d, 1, 100);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	assert_int_equal(k.mmio.nr_poisoned, 1);
	assert_true(driver_read(&d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(driver_irq(&d), VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(d.raised, 1);
	assert_string_equal(virtio_mmio_broken(&k.mmio),
			    "counter queue 1: available index 100 after 0 in a ring of 8");
	request(&d, 0);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	assert_int_equal(k.served, 0);
	assert_int_equal(k.mmio.nr_poisoned, 1);
	assert_int_equal(d.raised, 1);
	driver_start(&d, &k.mmio, 0);
	request(&d, 1);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	assert_int_equal(k.served, 1);
	assert_int_equal(k.mmio.nr_poisoned, 1);
	driver_fini(&d);
}

/* What vm_interrupt() of Linux may be doing while the device has something new to say. */
TEST(no_interrupt_is_lost_between_reading_and_acknowledging)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	driver_start(&d, &k.mmio, 0);
	request(&d, 0);
	driver_kick(&d, 0);
	assert_int_equal(d.raised, 1);
	uint32_t isr = driver_read(&d, VIRTIO_MMIO_INTERRUPT_STATUS);

	assert_int_equal(isr, VIRTIO_MMIO_INT_VRING);
	request(&d, 0); /* by another CPU: before the acknowledgement, so an edge of its own */
	driver_kick(&d, 0);
	assert_int_equal(d.raised, 2);
	virtio_config_changed(&k.mmio);
	assert_int_equal(d.raised, 3);
	driver_write(&d, VIRTIO_MMIO_INTERRUPT_ACK, isr);
	assert_true(driver_used(&d, 0, NULL, NULL)); /* looked for after the acknowledgement */
	assert_true(driver_used(&d, 0, NULL, NULL));
	assert_int_equal(driver_irq(&d), VIRTIO_MMIO_INT_CONFIG); /* was not acknowledged with it */
	assert_int_equal(driver_irq(&d), 0);
	driver_fini(&d);
}

TEST(work_of_one_kick_is_bounded_and_goes_on_by_itself)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	driver_start(&d, &k.mmio, 0);
	k.budget = 3;
	for (int i = 0; i < 8; i++)
		request(&d, 0);
	driver_write(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	assert_int_equal(k.served, 3);
	assert_int_equal(virtio_mmio_pending(&k.mmio), 1);
	assert_false(driver_kick(&d, 0)); /* not needed: we come back */
	virtio_mmio_kick(&k.mmio, 0);
	virtio_mmio_kick(&k.mmio, 0);
	assert_int_equal(k.served, 8);
	assert_int_equal(virtio_mmio_pending(&k.mmio), 0);
	request(&d, 0);
	assert_true(driver_kick(&d, 0)); /* needed again */
	assert_int_equal(k.served, 9);
	status(&d, 0);
	assert_int_equal(virtio_mmio_pending(&k.mmio), 0);
	driver_fini(&d);
}

/* Else whoever looks at the mask would kick for ever. */
TEST(work_that_was_left_over_ends_with_its_queue)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	for (int how = 0; how < 2; how++) {
		driver_start(&d, &k.mmio, 0);
		k.budget = 1;
		request(&d, 0);
		request(&d, 0);
		driver_kick(&d, 0);
		assert_int_equal(virtio_mmio_pending(&k.mmio), 1);
		driver_write(&d, VIRTIO_MMIO_QUEUE_SEL, 0);
		if (how)
			driver_write(&d, VIRTIO_MMIO_QUEUE_READY, 0);
		else
			status(&d, 15 | VIRTIO_CONFIG_S_FAILED);
		virtio_mmio_kick(&k.mmio, 0);
		assert_int_equal(virtio_mmio_pending(&k.mmio), 0);
	}
	driver_fini(&d);
}

TEST(a_device_that_waits_is_not_notified)
{
	const uint64_t both[] = { 0, RINGS };

	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		struct counter k;
		struct driver d;

		make(&d, &k);
		driver_start(&d, &k.mmio, both[i]);
		k.answer = VIRTIO_WAIT;
		request(&d, 0);
		assert_true(driver_kick(&d, 0));
		request(&d, 0);
		assert_false(driver_kick(&d, 0));
		assert_int_equal(virtio_mmio_pending(&k.mmio), 0);
		assert_int_equal(d.raised, 0);
		k.answer = VIRTIO_DONE;
		virtio_mmio_kick(&k.mmio, 0);
		assert_int_equal(k.served, 2);
		assert_int_equal(d.raised, 1);
		request(&d, 0);
		assert_true(driver_kick(&d, 0));
		driver_fini(&d);
	}
}

TEST(one_interrupt_answers_a_batch)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	driver_start(&d, &k.mmio, RINGS);
	for (int i = 0; i < 6; i++)
		request(&d, 0);
	driver_kick(&d, 0);
	assert_int_equal(d.raised, 1);
	request(&d, 0);
	driver_kick(&d, 0);
	assert_int_equal(d.raised, 1); /* the guest has not begun with the batch */
	for (int i = 0; i < 7; i++)
		assert_true(driver_used(&d, 0, NULL, NULL));
	request(&d, 0);
	driver_kick(&d, 0);
	assert_int_equal(d.raised, 2);
	driver_fini(&d);
}

TEST(configuration_is_read_at_any_width)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	const uint64_t at = VIRTIO_MMIO_CONFIG;

	assert_int_equal(virtio_mmio_read(&k.mmio, at, 1), 1);
	assert_int_equal(virtio_mmio_read(&k.mmio, at + 1, 2), 0x0302);
	assert_int_equal(virtio_mmio_read(&k.mmio, at + 4, 4), 0x0605);
	assert_true(virtio_mmio_read(&k.mmio, at, 8) == 0x060504030201);
	assert_int_equal(virtio_mmio_read(&k.mmio, at + 5, 4), 6);
	assert_int_equal(virtio_mmio_read(&k.mmio, at + 6, 4), 0);
	assert_int_equal(virtio_mmio_read(&k.mmio, UINT64_MAX, 4), 0);
	assert_int_equal(virtio_mmio_read(&k.mmio, at, 3), 0);
	virtio_mmio_write(&k.mmio, at, 0xff, 1);
	assert_int_equal(virtio_mmio_read(&k.mmio, at, 1), 1);
	driver_fini(&d);
}

TEST(registers_are_words)
{
	struct counter k;
	struct driver d;

	make(&d, &k);
	assert_int_equal(virtio_mmio_read(&k.mmio, VIRTIO_MMIO_MAGIC_VALUE, 1), 0);
	assert_int_equal(virtio_mmio_read(&k.mmio, VIRTIO_MMIO_MAGIC_VALUE, 8), 0);
	assert_int_equal(virtio_mmio_read(&k.mmio, VIRTIO_MMIO_MAGIC_VALUE + 2, 4), 0);
	virtio_mmio_write(&k.mmio, VIRTIO_MMIO_STATUS, ACK, 1);
	virtio_mmio_write(&k.mmio, VIRTIO_MMIO_STATUS + 1, ACK, 4);
	assert_int_equal(driver_read(&d, VIRTIO_MMIO_STATUS), 0);
	for (uint64_t off = 0; off < VIRTIO_MMIO_CONFIG; off += 4) {
		driver_read(&d, off);
		driver_write(&d, off, 0);
	}
	driver_fini(&d);
}

UNIT_MAIN(NULL, NULL)
