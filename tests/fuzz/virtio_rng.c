/* SPDX-License-Identifier: GPL-2.0-only */
/* Random numbers, while the guest changes its rings under the device's hands. */
#include "dev/virtio_rng.h"

#include <string.h>

#include "dev_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t fill(void *ctx, void *to, size_t n)
{
	memset(to, 0xa5, n);
	guest_meddle(ctx);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_rng r;
	struct guest g;

	guest_init(&g, data, size);
	virtio_rng_init(&r,
			&(struct rng_spec){
				.mem = &g.mem, .line = guest_line(&g), .fill = fill, .ctx = &g });
	guest_play(&g, &r.mmio);
	guest_fini(&g);
	return 0;
}
