/* SPDX-License-Identifier: GPL-2.0-only */
#include "dev_guest.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"

#define STEPS 4000 /* of one script, whatever its size */

void guest_init(struct guest *g, const uint8_t *data, size_t size)
{
	*g = (struct guest){ .at = data, .left = size };
	for (uint32_t i = 0; i < 2; i++) {
		g->ram[i] = aligned_alloc(4096, GUEST_PIECE);
		if (!g->ram[i])
			abort();
		memset(g->ram[i], 0, GUEST_PIECE);
		g->mem.region[i] = (struct gmem_region){ GUEST_RAM + (uint64_t)i * GUEST_PIECE,
							 GUEST_PIECE, g->ram[i], i };
	}
	g->mem.nr = 2;
}

void guest_fini(struct guest *g)
{
	free(g->ram[0]);
	free(g->ram[1]);
}

static void raise(void *ctx)
{
	((struct guest *)ctx)->raised++;
}

struct dev_line guest_line(struct guest *g)
{
	return (struct dev_line){ raise, g };
}

bool guest_next(struct guest *g, void *to, size_t n)
{
	if (n > g->left) {
		g->left = 0;
		return false;
	}
	memcpy(to, g->at, n);
	g->at += n;
	g->left -= n;
	return true;
}

void guest_meddle(struct guest *g)
{
	struct __attribute__((packed)) {
		uint16_t off;
		uint8_t value;
	} s;

	if (guest_next(g, &s, sizeof(s)))
		gmem_write(&g->mem, GUEST_RAM + s.off, &s.value, 1);
}

uint8_t guest_touch(void *p, size_t n)
{
	volatile uint8_t *at = p;
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum = (uint8_t)(sum + at[i]);
		at[i] = sum;
	}
	return sum;
}

/* Steps */

static void write_reg(struct guest *g, uint64_t off, uint32_t value)
{
	virtio_mmio_write(g->v, off, value, 4);
}

static void make_queue(struct guest *g, uint16_t q)
{
	const uint64_t at[] = { GUEST_QUEUE(q), GUEST_QUEUE(q) + 0x80, GUEST_QUEUE(q) + 0x100 };

	g->avail[q] = 0;
	gmem_write(&g->mem, at[1] + 2, &g->avail[q], 2);
	write_reg(g, VIRTIO_MMIO_QUEUE_SEL, q);
	write_reg(g, VIRTIO_MMIO_QUEUE_NUM, GUEST_RING);
	for (uint32_t i = 0; i < 3; i++)
		write_reg(g, VIRTIO_MMIO_QUEUE_DESC_LOW + 0x10 * i, (uint32_t)at[i]);
	write_reg(g, VIRTIO_MMIO_QUEUE_READY, 1);
}

static void step_start(struct guest *g)
{
	uint32_t features;

	if (!guest_next(g, &features, sizeof(features)))
		return;
	write_reg(g, VIRTIO_MMIO_STATUS, 0);
	write_reg(g, VIRTIO_MMIO_STATUS, 1);
	write_reg(g, VIRTIO_MMIO_STATUS, 3);
	write_reg(g, VIRTIO_MMIO_DRIVER_FEATURES, features & (uint32_t)g->v->offered);
	write_reg(g, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write_reg(g, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	write_reg(g, VIRTIO_MMIO_STATUS, 11);
	for (uint16_t q = 0; q < g->v->type->nr_queues; q++)
		make_queue(g, q);
	write_reg(g, VIRTIO_MMIO_STATUS, 15);
	if (!virtio_running(g->v))
		abort();
}

static void step_write(struct guest *g)
{
	struct __attribute__((packed)) {
		uint8_t reg;
		uint32_t value;
	} s;

	if (guest_next(g, &s, sizeof(s)))
		write_reg(g, 4u * s.reg, s.value);
}

static void step_access(struct guest *g)
{
	struct __attribute__((packed)) {
		uint16_t off;
		uint8_t len;
	} s;

	if (!guest_next(g, &s, sizeof(s)))
		return;
	if (s.len & 0x80)
		virtio_mmio_write(g->v, s.off, s.off, s.len & 0x7f);
	else
		virtio_mmio_read(g->v, s.off, s.len);
}

static void step_poke(struct guest *g)
{
	struct __attribute__((packed)) {
		uint16_t off;
		uint8_t n;
	} s;
	uint8_t bytes[255];

	if (guest_next(g, &s, sizeof(s)) && guest_next(g, bytes, s.n))
		gmem_write(&g->mem, GUEST_RAM + s.off, bytes, s.n);
}

static void put_desc(struct guest *g, uint8_t table, uint8_t index, const struct vring_desc *d)
{
	uint64_t at = table % 16 == 15 ? GUEST_TABLE : GUEST_QUEUE(table % VIRTIO_MAX_QUEUES);

	gmem_write(&g->mem, at + 16u * index, d, sizeof(*d));
}

static void step_desc(struct guest *g)
{
	struct __attribute__((packed)) {
		uint8_t table, index;
		uint16_t off, len;
		uint8_t flags, next;
	} s;

	if (!guest_next(g, &s, sizeof(s)))
		return;
	put_desc(g, s.table, s.index,
		 &(struct vring_desc){ GUEST_RAM + s.off, s.len, s.flags, s.next });
}

static void step_raw(struct guest *g)
{
	struct __attribute__((packed)) {
		uint8_t table, index;
		struct vring_desc d;
	} s;

	if (guest_next(g, &s, sizeof(s))) {
		struct vring_desc d = s.d;

		put_desc(g, s.table, s.index, &d);
	}
}

static void step_offer(struct guest *g)
{
	struct {
		uint8_t queue, head;
	} s;

	if (!guest_next(g, &s, sizeof(s)))
		return;
	uint16_t q = s.queue % VIRTIO_MAX_QUEUES, head = s.head;
	uint64_t ring = GUEST_QUEUE(q) + 0x80;

	gmem_write(&g->mem, ring + 4 + 2u * (g->avail[q]++ % GUEST_RING), &head, 2);
	gmem_write(&g->mem, ring + 2, &g->avail[q], 2);
}

static void step_kick(struct guest *g)
{
	uint8_t queue;

	if (guest_next(g, &queue, 1))
		virtio_mmio_kick(g->v, queue);
}

static void step_host(struct guest *g)
{
	struct __attribute__((packed)) {
		uint8_t what;
		uint16_t arg;
	} s;

	if (guest_next(g, &s, sizeof(s)) && g->host)
		g->host(g, s.what, s.arg);
}

static void (*const steps[NR_GUEST_STEPS])(struct guest *g) = {
	[GUEST_START] = step_start, [GUEST_WRITE] = step_write, [GUEST_ACCESS] = step_access,
	[GUEST_POKE] = step_poke,   [GUEST_DESC] = step_desc,	[GUEST_RAW] = step_raw,
	[GUEST_OFFER] = step_offer, [GUEST_KICK] = step_kick,	[GUEST_HOST] = step_host,
};

/* What holds after each step */

static void check_status(const struct virtio_mmio *v)
{
	static const uint32_t order[] = { 1, 2, 8, 4 };
	bool may = true;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (v->status & order[i] && !may)
			abort();
		may = v->status & order[i];
	}
	if (v->status & VIRTIO_CONFIG_S_FEATURES_OK &&
	    (v->features & ~v->offered || !virtio_has(v, VIRTIO_F_VERSION_1)))
		abort();
	if (!(v->status & VIRTIO_CONFIG_S_NEEDS_RESET) != !virtio_mmio_broken(v))
		abort();
	if (v->isr & ~(uint32_t)(VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG))
		abort();
	if (virtio_mmio_pending(v) && !virtio_running(v))
		abort();
}

static void check_queue(const struct virtio_mmio *v, const struct virtq *q)
{
	if (!q->ready)
		return;
	if (!(v->status & VIRTIO_CONFIG_S_FEATURES_OK) || !q->size || q->size & (q->size - 1))
		abort();
	/* Given back no more than was taken, and shown no more than was given. */
	if ((uint16_t)(q->next_avail - q->next_used) > q->size)
		abort();
	if (!q->broken && virtio_running(v) && q->told_used != q->next_used)
		abort();
}

static void check(const struct guest *g, unsigned int raised_before, uint64_t told_before)
{
	const struct virtio_mmio *v = g->v;

	check_status(v);
	for (uint32_t i = 0; i < ARRAY_SIZE(v->queue); i++)
		check_queue(v, &v->queue[i]);
	if (g->raised - raised_before != v->nr_interrupts - told_before)
		abort();
	/* An interrupt has a reason that the guest can read, unless it has reset the device. */
	if (g->raised != raised_before && !v->isr && v->status)
		abort();
}

void guest_play(struct guest *g, struct virtio_mmio *v)
{
	uint8_t step;

	g->v = v;
	for (int i = 0; i < STEPS && guest_next(g, &step, 1); i++) {
		unsigned int raised = g->raised;
		uint64_t told = v->nr_interrupts;

		steps[step % NR_GUEST_STEPS](g);
		check(g, raised, told);
	}
}
