/* SPDX-License-Identifier: GPL-2.0-only */
/* Any header of a kernel and any sizes: refused with a sentence, or placed with nothing on anything. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "image/kernel.h"
#include "machine/memmap.h"
#include "machine/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	uint64_t memory, initrd, len;
	uint32_t cpus, page_shift;
	uint8_t header[KERNEL_PLACEMENT_HEADER];
};

/* In order, and all of it in RAM. */
static void check_place(const struct place *p)
{
	const struct place_range *const order[] = { &p->kernel, &p->initrd, &p->pvtime, &p->fdt };
	uint64_t at = p->ram.base;

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		assert(order[i]->base <= order[i]->end);
		if (order[i]->base == order[i]->end)
			continue;
		assert(order[i]->base >= at);
		at = order[i]->end;
	}
	assert(at <= p->ram.end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct place_want w = { .board = &board_kvm_arm64 };
	struct kernel_placement k = { 0 };
	struct err e = { 0 };
	struct input in;
	struct place p;

	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	if (kernel_placement(in.header, in.len, &k, &e) < 0) {
		assert(e.text[0]);
		return 0;
	}
	w.memory_bytes = in.memory;
	w.nr_cpus = in.cpus;
	w.initrd_size = in.initrd;
	w.host_page = in.page_shift % 3 ? UINT64_C(4096) << 2 * (in.page_shift % 3) : 0;
	w.text_offset = k.text_offset;
	w.kernel_size = k.size;
	if (place_plan(&w, &p, &e) == 0)
		check_place(&p);
	else
		assert(e.text[0]);
	return 0;
}
