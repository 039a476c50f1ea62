/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/qemu/board.h"

#include <assert.h>
#include <stdbool.h>

#include "base/scoped.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* 0xa0000 to 1 MiB is video memory and ROM; the rest follows max-ram-below-4g. */
static const struct ram_window ram_x86[] = {
	{ .gpa = 0, .len = 0xa0000 },
	{ .gpa = MIB, .len = 2 * GIB - MIB, .skip = MIB - 0xa0000 },
	{ .gpa = 4 * GIB, .len = UINT64_MAX },
};

static const char *const no_modules[] = { NULL };

static const struct qemu_board boards[NR_ARCHES] = {
	[ARCH_X86_64] = {
		.machine = "q35,max-ram-below-4g=2G,usb=off,vmport=off,smbus=off,sata=off,hpet=off,"
			   "dump-guest-core=off,mem-merge=off",
		.cpu_tcg = "max,la57=off",
		.cpu_kvm = "host,la57=off",
		.serial_bus = "virtio-serial-pci",
		.words = "console=ttyS0 panic=-1 cryptomgr.notests=1",
		.words_verbose = "earlycon=uart8250,io,0x3f8",
		.modules = no_modules,
		.max_cpus = 255, /* more APIC ids need an emulated IOMMU */
		.max_memory = 512 * GIB,
		.ram = ram_x86,
		.nr_ram = ARRAY_SIZE(ram_x86),
	},
};

const struct qemu_board *qemu_board(enum arch a)
{
	assert(a < NR_ARCHES);
	return &boards[a];
}
