/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-net without a network: each frame that the guest sends comes back to it, whole and in order.
 * A frame waits until the guest has a buffer for it.
 */
#ifndef DEV_VIRTIO_NET_H
#define DEV_VIRTIO_NET_H

#include <linux/virtio_net.h>
#include <stdint.h>

#include "dev/virtio_mmio.h"

/* An Ethernet header with two VLAN tags and the largest IP packet. */
#define NET_MAX_FRAME 65557

struct virtio_net {
	struct virtio_mmio mmio;
	struct virtio_net_config config;
	uint64_t nr_frames, nr_bytes; /* that came back */
	uint64_t nr_dropped; /* longer than NET_MAX_FRAME or than the guest's buffer, or empty */
};

struct net_spec {
	const struct gmem *mem;
	struct dev_line line;
	const uint8_t *mac; /* six bytes; NULL = 02:00:00:00:00:01 */
};

void virtio_net_init(struct virtio_net *n, const struct net_spec *s);

#endif
