/* SPDX-License-Identifier: GPL-2.0-only */
/* The register file, with a device that answers each request in the way the request says. */
#include "dev_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum virtio_served serve(struct virtio_mmio *v, struct virtq *q, struct virtq_chain *c)
{
	uint8_t how = 0;

	virtq_copy_out(c, 0, &how, 1);
	if (how % 4 == VIRTIO_WAIT || how % 4 == VIRTIO_AGAIN)
		return how % 4;
	virtq_give(q, c->head, how);
	return VIRTIO_DONE;
}

static bool kick(struct virtio_mmio *v, uint16_t queue)
{
	return virtio_serve(v, &v->queue[queue], 3, serve);
}

static void host(struct guest *g, uint8_t what, uint16_t arg)
{
	if (what % 2)
		virtio_config_changed(g->v);
	else
		virtio_nudge(g->v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct virtio_type type = {
		.name = "fuzzed", .id = 1, .nr_queues = 2, .kick = kick
	};
	static const uint8_t config[7];
	struct virtio_mmio v;
	struct guest g;

	guest_init(&g, data, size);
	g.host = host;
	virtio_mmio_init(&v, &(struct virtio_spec){
				     .type = &type,
				     .mem = &g.mem,
				     .line = guest_line(&g),
				     .features = 0xff,
				     .config = config,
				     .config_len = sizeof(config),
			     });
	guest_play(&g, &v);
	guest_fini(&g);
	return 0;
}
