/* SPDX-License-Identifier: GPL-2.0-only */
#include "dev/virtio_net.h"

#include <endian.h>
#include <linux/virtio_ids.h>
#include <stddef.h>
#include <string.h>

#include "base/scoped.h"

#define RX 0
#define TX 1
#define HEADER sizeof(struct virtio_net_hdr_v1)

_Static_assert(HEADER == 12, "a frame's header has 12 bytes with VERSION_1");

/* The bytes behind the header; the two buffers may be one for all we know of the guest. */
static void copy_frame(const struct virtq_chain *from, const struct virtq_chain *to)
{
	const struct virtio_net_hdr_v1 header = { .num_buffers = htole16(1) };
	struct iovec piece[VIRTQ_MAX_SEGS];
	uint16_t nr = virtq_slice(from->iov, from->nr_out, HEADER, SIZE_MAX, piece);
	size_t at = virtq_copy_in(to, 0, &header, HEADER);

	for (uint16_t i = 0; i < nr; i++)
		at += virtq_copy_in(to, at, piece[i].iov_base, piece[i].iov_len);
}

/* The next buffer to receive in. False: there is none, and the guest will notify the next. */
static bool take_buffer(struct virtq *rx, struct virtq_chain *ret)
{
	while (!virtq_take(rx, ret))
		if (!virtq_unmute(rx))
			return false;
	virtq_mute(rx);
	return true;
}

static enum virtio_served serve_frame(struct virtio_mmio *v, struct virtq *tx,
				      struct virtq_chain *c)
{
	struct virtio_net *n = (struct virtio_net *)v; /* its first member */
	struct virtq *rx = &v->queue[RX];
	struct virtq_chain to;

	if (c->out_len <= HEADER || c->out_len - HEADER > NET_MAX_FRAME) {
		n->nr_dropped++;
	} else if (!take_buffer(rx, &to)) {
		return VIRTIO_WAIT;
	} else if (to.in_len < c->out_len) {
		virtq_untake(rx);
		n->nr_dropped++;
	} else {
		copy_frame(c, &to);
		virtq_give(rx, to.head, (uint32_t)c->out_len);
		n->nr_frames++;
		n->nr_bytes += c->out_len - HEADER;
	}
	virtq_give(tx, c->head, 0);
	return VIRTIO_DONE;
}

/* Whichever queue has something new, it may be what a frame waited for. */
static bool net_kick(struct virtio_mmio *v, uint16_t queue)
{
	virtq_mute(&v->queue[RX]);
	bool more = virtio_serve(v, &v->queue[TX], VIRTQ_MAX_SIZE, serve_frame);

	virtio_publish(v, &v->queue[RX]);
	return more;
}

static void net_ready(struct virtio_mmio *v)
{
	virtq_mute(&v->queue[RX]); /* of interest when a frame waits only */
}

static const struct virtio_type net_type = {
	.name = "virtio-net",
	.id = VIRTIO_ID_NET,
	.nr_queues = 2,
	.kick = net_kick,
	.ready = net_ready,
};

void virtio_net_init(struct virtio_net *n, const struct net_spec *s)
{
	static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, 0x01 };

	*n = (struct virtio_net){ 0 };
	memcpy(n->config.mac, s->mac ? s->mac : mac, sizeof(mac));
	virtio_mmio_init(&n->mmio, &(struct virtio_spec){
					   .type = &net_type,
					   .mem = s->mem,
					   .line = s->line,
					   .features = 1ull << VIRTIO_NET_F_MAC,
					   .config = &n->config,
					   .config_len = sizeof(n->config.mac),
				   });
}
