/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any machine that a topology's text, a size of memory and a host's cache register can ask for:
 * refused with a sentence, or a tree that libfdt finds nothing wrong with.
 */
#include <assert.h>
#include <libfdt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/scoped.h"
#include "machine/fdt_arm64.h"
#include "machine/memmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is in front of the text. */
struct knobs {
	uint64_t memory, cut, clidr, seed;
	uint32_t slots, flags;
};

static void check_tree(const struct fdt_board *b, const struct buf *out)
{
	uint32_t cpus = 0;
	int node;

	assert(out->len <= FDT_MAX && fdt_check_full(out->at, out->len) == 0);
	int parent = fdt_path_offset(out->at, "/cpus");
	assert(parent >= 0);
	fdt_for_each_subnode(node, out->at, parent)
		cpus += !strncmp(fdt_get_name(out->at, node, NULL), "cpu@", 4);
	assert(cpus == topo_cpus(&b->topo));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fdt_board b = { 0 };
	struct knobs k;

	if (size < sizeof(k))
		return 0;
	memcpy(&k, data, sizeof(k));
	SCOPED(mem_free) char *text = strndup((const char *)data + sizeof(k), size - sizeof(k));
	SCOPED(buf_fini) struct buf out = { 0 };
	struct err e = { 0 };
	if (!text || topo_parse(text, &b.topo, NULL) < 0)
		return 0;
	b.board = k.flags & 1 ? &board_kvm_arm64 : &board_qemu_virt;
	b.memory_bytes = k.flags & 2 ? k.memory : (uint64_t)topo_default_memory_mib(&b.topo) << 20;
	b.memory_end = k.cut;
	b.clidr = k.clidr;
	b.seed = k.seed;
	b.virtio_slots = k.slots;
	b.pmu = k.flags & 4;
	b.kaslr = k.flags & 8;
	b.bootargs = k.flags & 16 ? text : NULL;
	if (fdt_describe_arm64(&b, &out, &e) == 0)
		check_tree(&b, &out);
	else
		assert(e.text[0] && !out.len);
	return 0;
}
