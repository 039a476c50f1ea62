/* SPDX-License-Identifier: GPL-2.0-only */
#include "dev/virtio_mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>

#include "base/scoped.h"

#define MAGIC 0x74726976 /* "virt" */
#define VERSION 2
#define COMMON_FEATURES \
	(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_EVENT_IDX | \
	 1ull << VIRTIO_RING_F_INDIRECT_DESC)

/* The steps of a driver, each possible after the one before. */
static const uint32_t steps[] = {
	VIRTIO_CONFIG_S_ACKNOWLEDGE,
	VIRTIO_CONFIG_S_DRIVER,
	VIRTIO_CONFIG_S_FEATURES_OK,
	VIRTIO_CONFIG_S_DRIVER_OK,
};

static bool status_has(const struct virtio_mmio *v, uint32_t bit)
{
	return v->status & bit;
}

static void interrupt(struct virtio_mmio *v, uint32_t why)
{
	if (v->resetting)
		return;
	v->isr |= why;
	v->nr_interrupts++;
	/*
	 * Always, even if the guest has not acknowledged the last one: an edge may come while it is
	 * between reading and acknowledging, and one too many costs less than one lost.
	 */
	dev_raise(&v->line);
}

static void forget(struct virtio_mmio *v)
{
	v->features = 0;
	v->offered_sel = v->features_sel = v->queue_sel = 0;
	v->status = v->isr = v->more = 0;
	v->why[0] = v->broken[0] = 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(v->queue); i++)
		virtq_reset(&v->queue[i]);
}

void virtio_mmio_init(struct virtio_mmio *v, const struct virtio_spec *s)
{
	*v = (struct virtio_mmio){
		.type = s->type,
		.mem = s->mem,
		.line = s->line,
		.offered = s->features | COMMON_FEATURES,
		.config = s->config,
		.config_len = s->config_len,
	};
	for (uint32_t i = 0; i < ARRAY_SIZE(v->queue); i++) {
		v->queue[i].mem = s->mem;
		v->queue[i].why = v->why;
	}
}

bool virtio_running(const struct virtio_mmio *v)
{
	return status_has(v, VIRTIO_CONFIG_S_DRIVER_OK) &&
	       !status_has(v, VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED);
}

void virtio_config_changed(struct virtio_mmio *v)
{
	v->generation++;
	if (status_has(v, VIRTIO_CONFIG_S_DRIVER_OK))
		interrupt(v, VIRTIO_MMIO_INT_CONFIG);
}

/* The guest wrote nonsense into @q: nothing is served until it resets the device. */
static void poison(struct virtio_mmio *v, const struct virtq *q)
{
	if (status_has(v, VIRTIO_CONFIG_S_NEEDS_RESET))
		return;
	snprintf(v->broken, sizeof(v->broken), "%s queue %td: %s", v->type->name, q - v->queue,
		 v->why);
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	v->nr_poisoned++;
	v->more = 0;
	virtio_config_changed(v);
}

bool virtio_publish(struct virtio_mmio *v, struct virtq *q)
{
	if (q->broken) {
		poison(v, q);
		return false;
	}
	if (!virtq_publish(q))
		return false;
	interrupt(v, VIRTIO_MMIO_INT_VRING);
	return true;
}

void virtio_nudge(struct virtio_mmio *v)
{
	if (virtio_running(v))
		interrupt(v, VIRTIO_MMIO_INT_VRING);
}

/* False: something stopped it before the queue was empty; *more says what. */
static bool serve_waiting(struct virtio_mmio *v, struct virtq *q, uint32_t *budget,
			  virtio_serve_fn serve, bool *more)
{
	struct virtq_chain c;

	while (*budget && virtq_take(q, &c)) {
		enum virtio_served s = serve(v, q, &c);

		if (s != VIRTIO_DONE) {
			virtq_untake(q);
			*more = s == VIRTIO_AGAIN;
			return false;
		}
		(*budget)--;
	}
	*more = !*budget;
	return *budget;
}

bool virtio_serve(struct virtio_mmio *v, struct virtq *q, uint32_t budget, virtio_serve_fn serve)
{
	bool more;

	virtq_mute(q);
	while (serve_waiting(v, q, &budget, serve, &more)) {
		virtio_publish(v, q);
		if (!virtq_unmute(q))
			break;
		virtq_mute(q);
	}
	virtio_publish(v, q);
	return more;
}

void virtio_mmio_kick(struct virtio_mmio *v, uint16_t queue)
{
	if (queue >= v->type->nr_queues)
		return;
	v->more &= ~(1u << queue);
	if (!virtio_running(v) || !v->queue[queue].ready)
		return;
	if (v->type->kick(v, queue) && virtio_running(v))
		v->more |= 1u << queue;
}

static void reset(struct virtio_mmio *v)
{
	v->resetting = true;
	if (status_has(v, VIRTIO_CONFIG_S_DRIVER_OK) && v->type->reset)
		v->type->reset(v);
	v->resetting = false;
	forget(v);
}

static bool accept_features(struct virtio_mmio *v)
{
	if (v->features & ~v->offered || !virtio_has(v, VIRTIO_F_VERSION_1))
		return false;
	for (uint32_t i = 0; i < ARRAY_SIZE(v->queue); i++) {
		v->queue[i].event_idx = virtio_has(v, VIRTIO_RING_F_EVENT_IDX);
		v->queue[i].indirect = virtio_has(v, VIRTIO_RING_F_INDIRECT_DESC);
	}
	return true;
}

/* False: the register may not be written now. */
static bool write_status(struct virtio_mmio *v, uint32_t value)
{
	const uint32_t had = v->status & ~(uint32_t)VIRTIO_CONFIG_S_NEEDS_RESET;

	if (!value) {
		reset(v);
		return true;
	}
	if (had & ~value)
		return false; /* a driver takes no step back but by a reset */
	v->status |= value & VIRTIO_CONFIG_S_FAILED;
	if (value & VIRTIO_CONFIG_S_FAILED)
		v->more = 0;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (!(value & steps[i]))
			return !(value & ~(v->status | VIRTIO_CONFIG_S_NEEDS_RESET));
		if (had & steps[i])
			continue;
		if (steps[i] == VIRTIO_CONFIG_S_FEATURES_OK && !accept_features(v))
			return false;
		v->status |= steps[i];
		if (steps[i] == VIRTIO_CONFIG_S_DRIVER_OK && v->type->ready && virtio_running(v))
			v->type->ready(v);
	}
	return true;
}

static bool write_features(struct virtio_mmio *v, uint32_t value)
{
	if (!status_has(v, VIRTIO_CONFIG_S_DRIVER) || status_has(v, VIRTIO_CONFIG_S_FEATURES_OK))
		return false;
	if (v->features_sel > 1)
		return !value;
	uint32_t shift = 32 * v->features_sel;

	v->features = (v->features & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
	return true;
}

static bool write_ready(struct virtio_mmio *v, struct virtq *q, uint32_t value)
{
	if (!value) {
		q->ready = false;
		return true;
	}
	if (value != 1 || q->ready)
		return false;
	if (!virtq_start(q))
		poison(v, q);
	return true;
}

static void set_half(uint64_t *at, bool high, uint32_t value)
{
	*at = high ? (*at & 0xffffffff) | (uint64_t)value << 32 : (*at & ~0xffffffffull) | value;
}

/* A queue is described between FEATURES_OK and DRIVER_OK, while it is not ready. */
static bool write_queue(struct virtio_mmio *v, uint64_t off, uint32_t value)
{
	if (v->queue_sel >= v->type->nr_queues)
		return false;
	struct virtq *q = &v->queue[v->queue_sel];

	if (off == VIRTIO_MMIO_QUEUE_READY && !value)
		return write_ready(v, q, 0);
	if (!status_has(v, VIRTIO_CONFIG_S_FEATURES_OK) ||
	    status_has(v, VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED) || q->ready)
		return false;
	switch (off) {
	case VIRTIO_MMIO_QUEUE_READY:
		return write_ready(v, q, value);
	case VIRTIO_MMIO_QUEUE_NUM:
		if (!value || value > VIRTQ_MAX_SIZE || value & (value - 1))
			return false;
		q->size = (uint16_t)value;
		return true;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&q->desc, off == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		return true;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&q->avail, off == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		return true;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&q->used, off == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		return true;
	}
	return false;
}

static bool write_register(struct virtio_mmio *v, uint64_t off, uint32_t value)
{
	switch (off) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		v->offered_sel = value;
		return true;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		return write_features(v, value);
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		v->features_sel = value;
		return true;
	case VIRTIO_MMIO_QUEUE_SEL:
		v->queue_sel = value;
		return true;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		virtio_mmio_kick(v, (uint16_t)MIN(value, UINT16_MAX));
		return true;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		v->isr &= ~value;
		return true;
	case VIRTIO_MMIO_STATUS:
		return write_status(v, value);
	case VIRTIO_MMIO_SHM_SEL:
		return true; /* there is none, whichever */
	}
	return write_queue(v, off, value);
}

void virtio_mmio_write(struct virtio_mmio *v, uint64_t off, uint64_t value, unsigned int len)
{
	if (off >= VIRTIO_MMIO_CONFIG || len != 4 || off % 4 ||
	    !write_register(v, off, (uint32_t)value))
		v->nr_refused++;
}

static uint64_t read_config(const struct virtio_mmio *v, uint64_t off, unsigned int len)
{
	uint8_t bytes[8] = { 0 };
	uint64_t value;

	if ((len != 1 && len != 2 && len != 4 && len != 8) || off >= v->config_len)
		return 0;
	memcpy(bytes, (const uint8_t *)v->config + off, MIN(len, v->config_len - off));
	memcpy(&value, bytes, sizeof(value));
	return value;
}

static uint32_t read_queue(const struct virtio_mmio *v, uint64_t off)
{
	if (v->queue_sel >= v->type->nr_queues)
		return 0;
	return off == VIRTIO_MMIO_QUEUE_NUM_MAX ? VIRTQ_MAX_SIZE : v->queue[v->queue_sel].ready;
}

uint64_t virtio_mmio_read(struct virtio_mmio *v, uint64_t off, unsigned int len)
{
	if (off >= VIRTIO_MMIO_CONFIG)
		return read_config(v, off - VIRTIO_MMIO_CONFIG, len);
	if (len != 4)
		return 0;
	switch (off) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return v->type->id;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return v->offered_sel > 1 ? 0 : (uint32_t)(v->offered >> 32 * v->offered_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
	case VIRTIO_MMIO_QUEUE_READY:
		return read_queue(v, off);
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return v->isr;
	case VIRTIO_MMIO_STATUS:
		return v->status;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX; /* no such region */
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return v->generation;
	}
	return 0; /* the vendor too: 0 */
}
