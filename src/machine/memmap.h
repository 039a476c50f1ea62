/* SPDX-License-Identifier: GPL-2.0-only */
/* Where everything of a board is: the only place that knows an address or an interrupt number. */
#ifndef MACHINE_MEMMAP_H
#define MACHINE_MEMMAP_H

#include <stddef.h>
#include <stdint.h>

enum board_part {
	PART_GIC_DIST,
	PART_GIC_REDIST,      /* one frame pair per CPU */
	PART_GIC_REDIST_MORE, /* for the CPUs that found no place in the first */
	PART_UART_PL011,
	PART_RTC_PL031, /* not in the device tree: for the host to read */
	PART_VIRTIO_MMIO,
	PART_RAM,
	NR_BOARD_PARTS,
};

/* @nr equal things of @size bytes side by side; nr = 0: the board has none. */
struct board_range {
	uint64_t base;
	uint64_t size;
	uint32_t nr;
	uint32_t irq; /* SPI of the first one, the others follow; NO_IRQ if it has none */
};
#define NO_IRQ UINT32_MAX

/* Adding a board is adding one of these to memmap.c. */
struct board {
	const char *name;
	struct board_range part[NR_BOARD_PARTS];
};

/* QEMU's -M virt-10.0,gic-version=3 with up to 255 GiB of RAM. */
extern const struct board board_qemu_virt;

#endif
