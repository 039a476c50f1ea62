/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/memmap.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

const struct board board_qemu_virt = {
	.name = "qemu-virt",
	.part = {
		[PART_GIC_DIST] = { 0x08000000, 64 * KIB, 1, NO_IRQ },
		[PART_GIC_REDIST] = { 0x080a0000, 128 * KIB, 123, NO_IRQ },
		[PART_UART_PL011] = { 0x09000000, 4 * KIB, 1, 1 },
		[PART_RTC_PL031] = { 0x09010000, 4 * KIB, 1, 2 },
		[PART_VIRTIO_MMIO] = { 0x0a000000, 512, 32, 16 },
		[PART_RAM] = { 0x40000000, 255 * GIB, 1, NO_IRQ },
		[PART_GIC_REDIST_MORE] = { 0x4000000000, 128 * KIB, 512, NO_IRQ },
	},
};
