/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes the device tree of one shape to standard output: emit_fdt SHAPE full|plain */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/scoped.h"
#include "machine/fdt_arm64.h"
#include "machine/memmap.h"

int main(int argc, char **argv)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct fdt_board b = { .board = &board_qemu_virt, .seed = 1, .pmu = true };
	struct err e = { 0 };

	if (argc != 3 || topo_parse(argv[1], &b.topo, &e) < 0) {
		fprintf(stderr, "emit_fdt: %s\n", e.text);
		return 1;
	}
	b.memory_bytes = (uint64_t)topo_default_memory_mib(&b.topo) << 20;
	if (!strcmp(argv[2], "full")) {
		b.bootargs = "console=ttyAMA0";
		b.initrd_start = 0x48000000;
		b.initrd_end = 0x48001234;
		b.kaslr = true;
		b.virtio_slots = UINT32_MAX;
	}
	if (fdt_describe_arm64(&b, &out, &e) < 0) {
		fprintf(stderr, "emit_fdt: %s\n", e.text);
		return 1;
	}
	return fwrite(out.at, 1, out.len, stdout) == out.len ? 0 : 1;
}
