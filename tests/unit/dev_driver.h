/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's side of a virtio device, small: memory in two pieces that are one for the guest, rings,
 * and what Linux's drivers do to the registers. It can also write what no driver would.
 */
#ifndef UNIT_DEV_DRIVER_H
#define UNIT_DEV_DRIVER_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/virtio_mmio.h"

#define DRIVER_RAM 0x40000000ull
#define DRIVER_PIECE (512u << 10) /* of each of the two */
#define DRIVER_SEAM (DRIVER_RAM + DRIVER_PIECE)
#define DRIVER_RAM_END (DRIVER_SEAM + DRIVER_PIECE)

struct driver_ring {
	uint16_t size;
	uint64_t desc, avail, used;
	uint16_t next_desc; /* descriptors are taken in turn */
	uint16_t avail_idx, told_avail;
	uint16_t last_used;
};

struct driver {
	struct gmem mem;
	uint8_t *ram[2];
	uint64_t next; /* free memory begins here */
	struct virtio_mmio *v;
	uint16_t size; /* of the rings that driver_start() makes */
	bool event_idx;
	struct driver_ring ring[VIRTIO_MAX_QUEUES];
	unsigned int raised;		 /* pulses of the line */
	unsigned int kicks, kicks_saved; /* by driver_kick() */
};

struct driver_buf {
	uint64_t gpa;
	uint32_t len;
	bool in; /* for the device to write */
};

void driver_init(struct driver *d);
void driver_fini(struct driver *d);
struct dev_line driver_line(struct driver *d);

uint64_t driver_alloc(struct driver *d, size_t n);
void driver_poke(struct driver *d, uint64_t gpa, const void *from, size_t n);
void driver_peek(struct driver *d, uint64_t gpa, void *to, size_t n);
uint64_t driver_put(struct driver *d, const void *from, size_t n); /* alloc and poke */

uint32_t driver_read(struct driver *d, uint64_t off);
void driver_write(struct driver *d, uint64_t off, uint32_t value);

/* Up to FEATURES_OK, then queues, then DRIVER_OK. @features: what to ask for of what is offered. */
void driver_negotiate(struct driver *d, struct virtio_mmio *v, uint64_t features);
void driver_queue(struct driver *d, uint16_t q, uint16_t size);
void driver_start(struct driver *d, struct virtio_mmio *v, uint64_t features);

/* Descriptors without and with a table of their own; not yet shown. Returns the head. */
uint16_t driver_add(struct driver *d, uint16_t q, const struct driver_buf *b, uint16_t nr);
uint16_t driver_add_indirect(struct driver *d, uint16_t q, const struct driver_buf *b, uint16_t nr);
/* Writes one descriptor, one entry of the available ring, and its index. */
void driver_desc(struct driver *d, uint64_t table, uint16_t at, struct vring_desc desc);
void driver_offer(struct driver *d, uint16_t q, uint16_t head);
void driver_avail_idx(struct driver *d, uint16_t q, uint16_t idx);

/* Notifies if the device wants that. */
bool driver_kick(struct driver *d, uint16_t q);
/* Add, and kick. */
void driver_send(struct driver *d, uint16_t q, const struct driver_buf *b, uint16_t nr);

/* The next used buffer; asks for an interrupt for the one after it, as a driver with callbacks on. */
bool driver_used(struct driver *d, uint16_t q, uint32_t *head, uint32_t *len);
/* Where the guest wants the next interrupt (EVENT_IDX). */
void driver_used_event(struct driver *d, uint16_t q, uint16_t idx);
/* Reads and acknowledges the interrupt status. */
uint32_t driver_irq(struct driver *d);

#endif
