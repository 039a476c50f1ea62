/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio-blk on a file. Requests are served when they are notified, one after the other. */
#ifndef DEV_VIRTIO_BLK_H
#define DEV_VIRTIO_BLK_H

#include <linux/virtio_blk.h>
#include <stdbool.h>
#include <stdint.h>

#include "dev/virtio_mmio.h"

#define BLK_SECTOR 512
#define BLK_SEG_MAX 128
#define BLK_SIZE_MAX (1u << 20)

struct virtio_blk {
	struct virtio_mmio mmio;
	struct virtio_blk_config config;
	int fd; /* borrowed */
	bool read_only;
	uint64_t sectors;
	char serial[VIRTIO_BLK_ID_BYTES];
	size_t budget; /* bytes that the kick at hand may still move */
	uint64_t nr_reads, nr_writes, nr_flushes, nr_errors;
};

struct blk_spec {
	const struct gmem *mem;
	struct dev_line line;
	int fd;		/* borrowed for the device's life */
	uint64_t bytes; /* of the disk; what is no whole sector at its end is not there */
	bool read_only;
	const char *serial; /* at most VIRTIO_BLK_ID_BYTES of it are shown; NULL = "" */
};

void virtio_blk_init(struct virtio_blk *b, const struct blk_spec *s);

#endif
