/* SPDX-License-Identifier: GPL-2.0-only */
/* The network that leads back: frames, of which the guest has every length in its hand. */
#include "dev/virtio_net.h"

#include <stdlib.h>

#include "dev_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_net n;
	struct guest g;

	guest_init(&g, data, size);
	virtio_net_init(&n, &(struct net_spec){ .mem = &g.mem, .line = guest_line(&g) });
	guest_play(&g, &n.mmio);
	if (n.nr_bytes < n.nr_frames || n.nr_bytes > n.nr_frames * NET_MAX_FRAME)
		abort();
	guest_fini(&g);
	return 0;
}
