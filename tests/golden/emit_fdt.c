/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes the device tree of one shape to standard output: emit_fdt SHAPE full|plain [kvm [CLIDR]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/scoped.h"
#include "machine/cmdline.h"
#include "machine/fdt_arm64.h"
#include "machine/memmap.h"
#include "machine/place.h"

static int fail(const struct err *e)
{
	fprintf(stderr, "emit_fdt: %s\n", e->text);
	return 1;
}

static void fill_qemu(struct fdt_board *b)
{
	b->bootargs = "console=ttyAMA0";
	b->initrd_start = 0x48000000;
	b->initrd_end = 0x48001234;
	b->virtio_slots = UINT32_MAX;
}

/* As a machine of ours is put together. */
static int fill_kvm(struct fdt_board *b, struct buf *words, struct err *e)
{
	const struct place_want w = {
		.board = b->board,
		.memory_bytes = b->memory_bytes,
		.nr_cpus = topo_cpus(&b->topo),
		.kernel_size = 40 << 20,
		.initrd_size = 0x1234,
	};
	struct place p;
	int r = place_plan(&w, &p, e);

	if (r < 0)
		return r;
	cmdline_arm64(b->board, false, NULL, words);
	b->bootargs = buf_str(words);
	b->initrd_start = p.initrd.base;
	b->initrd_end = p.initrd.end;
	b->memory_end = p.pvtime.base;
	b->virtio_slots = (1u << NR_VIRTIO_SLOTS) - 1;
	b->idle_uarts = 2;
	return 0;
}

int main(int argc, char **argv)
{
	SCOPED(buf_fini) struct buf out = { 0 }, words = { 0 };
	struct fdt_board b = { .board = &board_qemu_virt, .seed = 1, .pmu = true };
	struct err e = { .text = "emit_fdt SHAPE full|plain [kvm [CLIDR]]" };
	bool kvm = argc > 3, full;

	if (argc < 3 || topo_parse(argv[1], &b.topo, &e) < 0)
		return fail(&e);
	full = !strcmp(argv[2], "full");
	b.memory_bytes = (uint64_t)topo_default_memory_mib(&b.topo) << 20;
	b.board = kvm ? &board_kvm_arm64 : b.board;
	b.pmu = full || !kvm;
	b.kaslr = full;
	b.clidr = argc > 4 ? strtoull(argv[4], NULL, 0) : 0;
	if (full && kvm && fill_kvm(&b, &words, &e) < 0)
		return fail(&e);
	if (full && !kvm)
		fill_qemu(&b);
	if (fdt_describe_arm64(&b, &out, &e) < 0)
		return fail(&e);
	return fwrite(out.at, 1, out.len, stdout) == out.len ? 0 : 1;
}
