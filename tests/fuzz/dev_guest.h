/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that plays a script of register accesses, memory writes and ring entries against a virtio
 * device, and checks after each step what must hold whatever it does. One step is a byte that says
 * what, and operands; a script that ends in the middle of a step ends.
 */
#ifndef FUZZ_DEV_GUEST_H
#define FUZZ_DEV_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/virtio_mmio.h"

#define GUEST_RAM 0x40000000ull
#define GUEST_PIECE 0x4000u /* of each of the two pieces, which lie side by side for the guest */
#define GUEST_RING 8	    /* entries of each queue that GUEST_START makes */
#define GUEST_QUEUE(q) (GUEST_RAM + 0x200u * (q)) /* descriptors; available +0x80, used +0x100 */
#define GUEST_TABLE (GUEST_RAM + 0x1000u)	  /* where indirect tables may be */

/* Steps and their operands */
enum guest_step {
	GUEST_START,  /* u32 features: as a driver does, up to DRIVER_OK */
	GUEST_WRITE,  /* u8 register / 4, u32 value */
	GUEST_ACCESS, /* u16 offset, u8 (len, bit 7: write) */
	GUEST_POKE,   /* u16 offset in memory, u8 n, n bytes */
	GUEST_DESC, /* u8 table (queue, or 15: GUEST_TABLE), u8 index, u16 offset, u16 len, u8 flags, u8 next */
	GUEST_RAW,   /* the same two, then 16 bytes of descriptor */
	GUEST_OFFER, /* u8 queue, u8 head: into the available ring, index + 1 */
	GUEST_KICK,  /* u8 queue */
	GUEST_HOST,  /* u8, u16: what the host does, see struct guest */
	NR_GUEST_STEPS,
};

struct guest {
	struct gmem mem;
	uint8_t *ram[2];
	const uint8_t *at;
	size_t left;
	unsigned int raised;
	uint16_t avail[VIRTIO_MAX_QUEUES];
	struct virtio_mmio *v;
	void (*host)(struct guest *g, uint8_t what,
		     uint16_t arg); /* NULL: GUEST_HOST does nothing */
	void *ctx;
};

void guest_init(struct guest *g, const uint8_t *data, size_t size);
void guest_fini(struct guest *g);
struct dev_line guest_line(struct guest *g);
/* Plays the script on @v to its end. */
void guest_play(struct guest *g, struct virtio_mmio *v);

/* Takes @n bytes of the script; false: it has ended. */
bool guest_next(struct guest *g, void *to, size_t n);
/* Another CPU changes memory, while the device is at work: u16 offset, u8 value. */
void guest_meddle(struct guest *g);
/* Reads and writes each byte of [p, p + n), so that a sanitizer sees what the device was given. */
uint8_t guest_touch(void *p, size_t n);

#endif
