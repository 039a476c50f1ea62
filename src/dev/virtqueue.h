/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device's side of a split virtqueue (virtio 1.2, 2.7). The guest may write anything anywhere at
 * any time: each value is copied once, checked, and then used. What cannot be understood breaks the
 * queue, and a broken one yields nothing more.
 */
#ifndef DEV_VIRTQUEUE_H
#define DEV_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "machine/gmem.h"

#define VIRTQ_MAX_SIZE 256
#define VIRTQ_WHY 160
/* A buffer that lies in two of our regions takes two entries. */
#define VIRTQ_MAX_SEGS (VIRTQ_MAX_SIZE + 2 * GMEM_MAX_REGIONS)

struct virtq {
	const struct gmem *mem; /* borrowed from the device */
	uint64_t desc, avail, used;
	uint16_t size;
	bool ready;
	bool event_idx, indirect; /* as negotiated */

	uint16_t next_avail; /* the next entry of the available ring to look at */
	uint16_t next_used;  /* the next entry of the used ring to fill */
	uint16_t told_used;  /* the used index that the guest sees */
	bool muted;
	bool broken;
	char *why; /* borrowed, VIRTQ_WHY bytes: what broke the first of a device's queues */
};

/* One request: what the device may read, then what it may write, as host memory. */
struct virtq_chain {
	uint16_t head;
	uint16_t nr_out, nr_in; /* of iov[]: read first */
	size_t out_len, in_len;
	struct iovec iov[VIRTQ_MAX_SEGS];
};

/* Forgets everything but @mem and @why. */
void virtq_reset(struct virtq *q);
/* Checks size and places of the rings. False: broken. */
bool virtq_start(struct virtq *q);

/* Fetches the next request. False: there is none now, or the queue is broken. */
bool virtq_take(struct virtq *q, struct virtq_chain *ret);
/* The last one taken is put back: the next virtq_take() finds it again, as the guest has it then. */
void virtq_untake(struct virtq *q);
/* Hands @head back, with @written bytes in it. The guest sees it at virtq_publish(). */
void virtq_give(struct virtq *q, uint16_t head, uint32_t written);
/* Shows the guest all that was given. True: it wants an interrupt for it. */
bool virtq_publish(struct virtq *q);

/* Requests waiting; breaks the queue when the index cannot be. */
uint16_t virtq_waiting(struct virtq *q);
/* The guest need not notify: we look by ourselves. */
void virtq_mute(struct virtq *q);
/* The guest shall notify again. True: something came in meanwhile, which will not be notified. */
bool virtq_unmute(struct virtq *q);

/* Marks @q broken, with a sentence. False, so that callers can return it. */
bool virtq_break(struct virtq *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Copies from the readable part at @off; false if it is shorter. Each byte is read once. */
bool virtq_copy_out(const struct virtq_chain *c, size_t off, void *to, size_t n);
/* Copies to the writable part at @off, as much as fits; returns how much. */
size_t virtq_copy_in(const struct virtq_chain *c, size_t off, const void *from, size_t n);
/* The part [off, off + n) of @nr pieces, as pieces in @to, which has room for as many; returns their number. */
uint16_t virtq_slice(const struct iovec *iov, uint16_t nr, size_t off, size_t n, struct iovec *to);

#endif
