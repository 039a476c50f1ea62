/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The register file of a virtio device (virtio 1.2, 4.2, version 2) and what all device models share.
 * A model is a const struct virtio_type and an object that begins with a struct virtio_mmio.
 */
#ifndef DEV_VIRTIO_MMIO_H
#define DEV_VIRTIO_MMIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/line.h"
#include "dev/virtqueue.h"

#define VIRTIO_MAX_QUEUES 6

struct virtio_mmio;

/*
 * A device model. To add one: this, a struct that begins with struct virtio_mmio, and an init that
 * calls virtio_mmio_init(). The hooks are called with a running device (DRIVER_OK) only.
 */
struct virtio_type {
	const char *name; /* begins the sentence of a broken device */
	uint32_t id;	  /* linux/virtio_ids.h */
	uint16_t nr_queues;
	/* @queue may have something new. True: there is more than one call may do. */
	bool (*kick)(struct virtio_mmio *v, uint16_t queue);
	void (*ready)(struct virtio_mmio *v); /* just reached DRIVER_OK; NULL = nothing to do */
	void (*reset)(struct virtio_mmio *v); /* about to forget all; NULL = nothing to do */
};

struct virtio_mmio {
	const struct virtio_type *type;
	const struct gmem *mem; /* borrowed */
	struct dev_line line;
	uint64_t offered;   /* features; those every device has are in it */
	const void *config; /* borrowed; reads beyond are 0, writes do nothing */
	size_t config_len;

	uint64_t features; /* what the driver asked for */
	uint32_t offered_sel, features_sel, queue_sel;
	uint32_t status;
	uint32_t isr;
	uint32_t generation;
	bool resetting; /* nobody listens to interrupts any more */
	uint32_t more;	/* queues that want another kick, see virtio_mmio_pending() */
	struct virtq queue[VIRTIO_MAX_QUEUES];

	char why[VIRTQ_WHY];	     /* what a queue says of its break */
	char broken[VIRTQ_WHY + 40]; /* why NEEDS_RESET is set, else "" */
	uint64_t nr_poisoned;	     /* times a queue was broken by what the guest wrote */
	uint64_t nr_refused;	     /* register writes that were out of turn */
	uint64_t nr_interrupts;
};

struct virtio_spec {
	const struct virtio_type *type;
	const struct gmem *mem;
	struct dev_line line;
	uint64_t
		features; /* of the model; VERSION_1, EVENT_IDX and INDIRECT_DESC come by themselves */
	const void *config; /* borrowed for the device's life */
	size_t config_len;
};

void virtio_mmio_init(struct virtio_mmio *v, const struct virtio_spec *s);

/* The registers: 32 bits at aligned offsets; configuration space: 1, 2, 4 or 8 bytes anywhere. */
uint64_t virtio_mmio_read(struct virtio_mmio *v, uint64_t off, unsigned int len);
void virtio_mmio_write(struct virtio_mmio *v, uint64_t off, uint64_t value, unsigned int len);

/* The guest has notified @queue (from an ioeventfd). Ignored unless the device runs. */
void virtio_mmio_kick(struct virtio_mmio *v, uint16_t queue);
/*
 * Queues (bit mask) where work was left over, to bound one call: they want virtio_mmio_kick() soon,
 * and the guest will not notify them. To be looked at after virtio_mmio_write() and
 * virtio_mmio_kick(); and all queues should be kicked once before a machine that stopped is let go.
 */
static inline uint32_t virtio_mmio_pending(const struct virtio_mmio *v)
{
	return v->more;
}
/* The sentence of a device that the guest broke, NULL while it works. */
static inline const char *virtio_mmio_broken(const struct virtio_mmio *v)
{
	return v->broken[0] ? v->broken : NULL;
}

/* For models. */
enum virtio_served {
	VIRTIO_DONE,  /* the request was given back */
	VIRTIO_WAIT,  /* it stays where it is until the model kicks the queue by itself */
	VIRTIO_AGAIN, /* it stays, and another kick is wanted: enough for one call */
};
typedef enum virtio_served (*virtio_serve_fn)(struct virtio_mmio *v, struct virtq *q,
					      struct virtq_chain *c);
/* Serves at most @budget requests of @q, with the guest's notifications off meanwhile. As kick(). */
bool virtio_serve(struct virtio_mmio *v, struct virtq *q, uint32_t budget, virtio_serve_fn serve);

bool virtio_running(const struct virtio_mmio *v);
static inline bool virtio_has(const struct virtio_mmio *v, unsigned int feature)
{
	return v->features >> feature & 1;
}
/*
 * Shows the guest what was given to @q and interrupts it if it wants; true if so. Ends each use of a
 * queue, as this is where one that broke is noticed.
 */
bool virtio_publish(struct virtio_mmio *v, struct virtq *q);
/* Interrupts for the queues although the guest did not ask. */
void virtio_nudge(struct virtio_mmio *v);
void virtio_config_changed(struct virtio_mmio *v);

#endif
