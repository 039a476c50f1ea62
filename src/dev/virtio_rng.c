/* SPDX-License-Identifier: GPL-2.0-only */
#include "dev/virtio_rng.h"

#include <linux/virtio_ids.h>

#include "base/scoped.h"

/* Bytes for one request and requests for one kick: Linux asks for some ten, now and then. */
#define RNG_MOST 4096
#define RNG_BUDGET 64

static enum virtio_served serve_random(struct virtio_mmio *v, struct virtq *q,
				       struct virtq_chain *c)
{
	struct virtio_rng *r = (struct virtio_rng *)v; /* its first member */
	size_t done = 0;

	for (uint16_t i = 0; i < c->nr_in && done < RNG_MOST; i++) {
		const struct iovec *to = &c->iov[c->nr_out + i];
		size_t want = MIN(to->iov_len, RNG_MOST - done);
		size_t got = r->fill(r->ctx, to->iov_base, want);

		done += MIN(got, want);
		if (got < want)
			break;
	}
	r->nr_bytes += done;
	virtq_give(q, c->head, (uint32_t)done);
	return VIRTIO_DONE;
}

static bool rng_kick(struct virtio_mmio *v, uint16_t queue)
{
	return virtio_serve(v, &v->queue[queue], RNG_BUDGET, serve_random);
}

static const struct virtio_type rng_type = {
	.name = "virtio-rng",
	.id = VIRTIO_ID_RNG,
	.nr_queues = 1,
	.kick = rng_kick,
};

void virtio_rng_init(struct virtio_rng *r, const struct rng_spec *s)
{
	*r = (struct virtio_rng){ .fill = s->fill, .ctx = s->ctx };
	virtio_mmio_init(&r->mmio, &(struct virtio_spec){
					   .type = &rng_type,
					   .mem = s->mem,
					   .line = s->line,
				   });
}
