/* SPDX-License-Identifier: GPL-2.0-only */
/* The disk: nothing is written beyond its end, nor at all when it is read-only. */
#include "dev/virtio_blk.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "dev_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECTORS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct virtio_blk b;
	struct guest g;
	struct stat st;

	if (fd < 0)
		fd = anon_file("disk", NULL);
	if (fd < 0 || ftruncate(fd, 0) < 0 || ftruncate(fd, (SECTORS - 1) * BLK_SECTOR) < 0)
		abort();
	guest_init(&g, data, size);
	virtio_blk_init(&b, &(struct blk_spec){
				    .mem = &g.mem,
				    .line = guest_line(&g),
				    .fd = fd,
				    .bytes = SECTORS * BLK_SECTOR,
				    .read_only = size % 2,
				    .serial = "fuzz",
			    });
	guest_play(&g, &b.mmio);
	if (fstat(fd, &st) < 0 || st.st_size > SECTORS * BLK_SECTOR ||
	    (b.read_only && st.st_size != (SECTORS - 1) * BLK_SECTOR))
		abort();
	guest_fini(&g);
	return 0;
}
