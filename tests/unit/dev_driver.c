/* SPDX-License-Identifier: GPL-2.0-only */
#include "dev_driver.h"

#include "unit.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

void driver_init(struct driver *d)
{
	*d = (struct driver){ .next = DRIVER_RAM, .size = 8 };
	for (uint32_t i = 0; i < 2; i++) {
		d->ram[i] = aligned_alloc(4096, DRIVER_PIECE);
		assert_non_null(d->ram[i]);
		memset(d->ram[i], 0, DRIVER_PIECE);
		d->mem.region[i] = (struct gmem_region){ DRIVER_RAM + i * (uint64_t)DRIVER_PIECE,
							 DRIVER_PIECE, d->ram[i], i };
	}
	d->mem.nr = 2;
}

void driver_fini(struct driver *d)
{
	for (uint32_t i = 0; i < 2; i++)
		free(d->ram[i]);
}

static void raise(void *ctx)
{
	((struct driver *)ctx)->raised++;
}

struct dev_line driver_line(struct driver *d)
{
	return (struct dev_line){ raise, d };
}

uint64_t driver_alloc(struct driver *d, size_t n)
{
	uint64_t gpa = d->next;

	d->next += ALIGN_UP(n, 16);
	assert_true(d->next <= DRIVER_RAM_END);
	return gpa;
}

void driver_poke(struct driver *d, uint64_t gpa, const void *from, size_t n)
{
	assert_true(gmem_write(&d->mem, gpa, from, n));
}

void driver_peek(struct driver *d, uint64_t gpa, void *to, size_t n)
{
	assert_true(gmem_read(&d->mem, gpa, to, n));
}

uint64_t driver_put(struct driver *d, const void *from, size_t n)
{
	uint64_t gpa = driver_alloc(d, n);

	driver_poke(d, gpa, from, n);
	return gpa;
}

static void poke16(struct driver *d, uint64_t gpa, uint16_t value)
{
	driver_poke(d, gpa, &value, sizeof(value));
}

static uint16_t peek16(struct driver *d, uint64_t gpa)
{
	uint16_t value;

	driver_peek(d, gpa, &value, sizeof(value));
	return value;
}

uint32_t driver_read(struct driver *d, uint64_t off)
{
	return (uint32_t)virtio_mmio_read(d->v, off, 4);
}

void driver_write(struct driver *d, uint64_t off, uint32_t value)
{
	virtio_mmio_write(d->v, off, value, 4);
}

static void add_status(struct driver *d, uint32_t bit)
{
	driver_write(d, VIRTIO_MMIO_STATUS, driver_read(d, VIRTIO_MMIO_STATUS) | bit);
}

void driver_negotiate(struct driver *d, struct virtio_mmio *v, uint64_t features)
{
	d->v = v;
	driver_write(d, VIRTIO_MMIO_STATUS, 0);
	add_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(d, VIRTIO_CONFIG_S_DRIVER);
	features |= 1ull << VIRTIO_F_VERSION_1;
	for (uint32_t half = 0; half < 2; half++) {
		driver_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, half);
		uint32_t offered = driver_read(d, VIRTIO_MMIO_DEVICE_FEATURES);

		driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES,
			     (uint32_t)(features >> 32 * half) & offered);
	}
	add_status(d, VIRTIO_CONFIG_S_FEATURES_OK);
	assert_true(driver_read(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK);
	d->event_idx = virtio_has(v, VIRTIO_RING_F_EVENT_IDX);
}

static void write_address(struct driver *d, uint64_t off, uint64_t gpa)
{
	driver_write(d, off, (uint32_t)gpa);
	driver_write(d, off + 4, (uint32_t)(gpa >> 32));
}

void driver_queue(struct driver *d, uint16_t q, uint16_t size)
{
	struct driver_ring *r = &d->ring[q];

	*r = (struct driver_ring){
		.size = size,
		.desc = driver_alloc(d, 16u * size),
		.avail = driver_alloc(d, 6 + 2u * size),
		.used = driver_alloc(d, 6 + 8u * size),
	};
	poke16(d, r->avail + 2, 0);
	poke16(d, r->used, 0);
	poke16(d, r->used + 2, 0);
	driver_write(d, VIRTIO_MMIO_QUEUE_SEL, q);
	assert_int_equal(driver_read(d, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_true(driver_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX) >= size);
	driver_write(d, VIRTIO_MMIO_QUEUE_NUM, size);
	write_address(d, VIRTIO_MMIO_QUEUE_DESC_LOW, r->desc);
	write_address(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, r->avail);
	write_address(d, VIRTIO_MMIO_QUEUE_USED_LOW, r->used);
	driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
}

void driver_start(struct driver *d, struct virtio_mmio *v, uint64_t features)
{
	driver_negotiate(d, v, features);
	for (uint16_t q = 0; q < v->type->nr_queues; q++)
		driver_queue(d, q, d->size);
	add_status(d, VIRTIO_CONFIG_S_DRIVER_OK);
	assert_true(virtio_running(v));
}

void driver_desc(struct driver *d, uint64_t table, uint16_t at, struct vring_desc desc)
{
	driver_poke(d, table + 16u * at, &desc, sizeof(desc));
}

void driver_avail_idx(struct driver *d, uint16_t q, uint16_t idx)
{
	poke16(d, d->ring[q].avail + 2, idx);
	d->ring[q].avail_idx = idx;
}

void driver_offer(struct driver *d, uint16_t q, uint16_t head)
{
	struct driver_ring *r = &d->ring[q];

	poke16(d, r->avail + 4 + 2u * (r->avail_idx % r->size), head);
	driver_avail_idx(d, q, (uint16_t)(r->avail_idx + 1));
}

static uint16_t flags_of(const struct driver_buf *b, bool last)
{
	return (uint16_t)((b->in ? VRING_DESC_F_WRITE : 0) | (last ? 0 : VRING_DESC_F_NEXT));
}

uint16_t driver_add(struct driver *d, uint16_t q, const struct driver_buf *b, uint16_t nr)
{
	struct driver_ring *r = &d->ring[q];
	uint16_t head = r->next_desc;

	for (uint16_t i = 0; i < nr; i++) {
		uint16_t at = r->next_desc;

		r->next_desc = (uint16_t)((at + 1) % r->size);
		driver_desc(d, r->desc, at,
			    (struct vring_desc){ b[i].gpa, b[i].len, flags_of(&b[i], i + 1 == nr),
						 r->next_desc });
	}
	driver_offer(d, q, head);
	return head;
}

uint16_t driver_add_indirect(struct driver *d, uint16_t q, const struct driver_buf *b, uint16_t nr)
{
	struct driver_ring *r = &d->ring[q];
	uint16_t head = r->next_desc;
	uint64_t table = driver_alloc(d, 16u * nr);

	for (uint16_t i = 0; i < nr; i++)
		driver_desc(d, table, i,
			    (struct vring_desc){ b[i].gpa, b[i].len, flags_of(&b[i], i + 1 == nr),
						 (uint16_t)(i + 1) });
	r->next_desc = (uint16_t)((head + 1) % r->size);
	driver_desc(d, r->desc, head,
		    (struct vring_desc){ table, 16u * nr, VRING_DESC_F_INDIRECT, 0 });
	driver_offer(d, q, head);
	return head;
}

bool driver_kick(struct driver *d, uint16_t q)
{
	struct driver_ring *r = &d->ring[q];
	uint16_t old = r->told_avail, now = r->avail_idx;

	r->told_avail = now;
	if (d->event_idx ? !vring_need_event(peek16(d, r->used + 4 + 8u * r->size), now, old)
			 : peek16(d, r->used) & VRING_USED_F_NO_NOTIFY) {
		d->kicks_saved++;
		return false;
	}
	d->kicks++;
	driver_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, q);
	return true;
}

void driver_send(struct driver *d, uint16_t q, const struct driver_buf *b, uint16_t nr)
{
	driver_add(d, q, b, nr);
	driver_kick(d, q);
}

void driver_used_event(struct driver *d, uint16_t q, uint16_t idx)
{
	poke16(d, d->ring[q].avail + 4 + 2u * d->ring[q].size, idx);
}

bool driver_used(struct driver *d, uint16_t q, uint32_t *head, uint32_t *len)
{
	struct driver_ring *r = &d->ring[q];
	struct vring_used_elem el;

	if (peek16(d, r->used + 2) == r->last_used)
		return false;
	driver_peek(d, r->used + 4 + 8u * (r->last_used % r->size), &el, sizeof(el));
	r->last_used++;
	if (d->event_idx)
		driver_used_event(d, q, r->last_used);
	if (head)
		*head = el.id;
	if (len)
		*len = el.len;
	return true;
}

uint32_t driver_irq(struct driver *d)
{
	uint32_t isr = driver_read(d, VIRTIO_MMIO_INTERRUPT_STATUS);

	driver_write(d, VIRTIO_MMIO_INTERRUPT_ACK, isr);
	return isr;
}
