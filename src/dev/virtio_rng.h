/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio-rng: random bytes for the guest, from wherever the owner has them. */
#ifndef DEV_VIRTIO_RNG_H
#define DEV_VIRTIO_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "dev/virtio_mmio.h"

/* Writes up to @n random bytes, returns how many; never waits. */
typedef size_t (*rng_fill_fn)(void *ctx, void *to, size_t n);

struct virtio_rng {
	struct virtio_mmio mmio;
	rng_fill_fn fill;
	void *ctx;
	uint64_t nr_bytes;
};

struct rng_spec {
	const struct gmem *mem;
	struct dev_line line;
	rng_fill_fn fill;
	void *ctx; /* borrowed for the device's life */
};

void virtio_rng_init(struct virtio_rng *r, const struct rng_spec *s);

#endif
