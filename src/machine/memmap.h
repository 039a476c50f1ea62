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
	PART_UART_16550, /* the first one is the kernel's console */
	PART_RTC_PL031,	 /* not in the device tree: for the host to read */
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
	uint32_t cmdline_max; /* bytes of a kernel command line, without its NUL */
	struct board_range part[NR_BOARD_PARTS];
};

/* Interrupts in the global namespace, which is also that of GSIs: SPIs and a CPU's own PPIs. */
#define SPI_INTID(spi) ((spi) + 32u)
#define PPI_INTID(ppi) ((ppi) + 16u)
#define PPI_PMU 7u /* the same on every machine with a GIC (Arm BSA) */

/* QEMU's -M virt-10.0,gic-version=3 with up to 255 GiB of RAM. */
extern const struct board board_qemu_virt;

/*
 * Our own VMM on arm64. Only the first address is chosen; each window begins where the one before
 * it ends, with room for the redistributors of as many CPUs as there can be. KVM claims these on
 * its own bus, so a device page below one of them would never reach us.
 */
#define KVM_ARM64_MAX_CPUS 512u /* NR_CPUS of the guest kernels we build */
#define KVM_ARM64_GIC_DIST 0x08000000u
#define KVM_ARM64_GIC_DIST_SIZE 0x10000u
#define KVM_ARM64_REDIST (KVM_ARM64_GIC_DIST + KVM_ARM64_GIC_DIST_SIZE)
#define KVM_ARM64_REDIST_SIZE 0x20000u /* an RD frame and an SGI/PPI frame, 64 KiB each */
#define KVM_ARM64_REDIST_END (KVM_ARM64_REDIST + KVM_ARM64_MAX_CPUS * KVM_ARM64_REDIST_SIZE)
#define KVM_ARM64_NR_UARTS 2u
#define KVM_ARM64_UART KVM_ARM64_REDIST_END
#define KVM_ARM64_UART_SIZE 0x1000u
#define KVM_ARM64_VIRTIO (KVM_ARM64_UART + KVM_ARM64_NR_UARTS * KVM_ARM64_UART_SIZE)
#define KVM_ARM64_VIRTIO_SIZE 0x1000u
#define KVM_ARM64_DEVICES_END (KVM_ARM64_VIRTIO + NR_VIRTIO_SLOTS * KVM_ARM64_VIRTIO_SIZE)
#define KVM_ARM64_RAM 0x40000000u

#define KVM_ARM64_UART_SPI 1u
#define KVM_ARM64_VIRTIO_SPI (KVM_ARM64_UART_SPI + KVM_ARM64_NR_UARTS)
#define KVM_VGIC_IRQS 128u /* intids of the interrupt controller, a multiple of 32 */

#define PVTIME_SLOT 64u	       /* stolen time of a CPU; KVM wants it aligned to its size */
#define PVTIME_ALIGN 0x10000u  /* of the whole area: the largest page a kernel may have */
#define FDT_MAX 0x200000u      /* Documentation/arch/arm64/booting.rst */
#define KERNEL_ALIGN 0x200000u /* of the base that text_offset is added to */
#define KVM_ARM64_CMDLINE_MAX 4096u

/* What is in which virtio window; fixes address and interrupt. */
enum virtio_slot {
	VIRTIO_SLOT_CONSOLE,
	VIRTIO_SLOT_BLOCK,
	VIRTIO_SLOT_NET,
	VIRTIO_SLOT_RNG,
	NR_VIRTIO_SLOTS,
};

extern const struct board board_kvm_arm64;

/* Address and SPI of thing @i of a range. */
static inline uint64_t board_at(const struct board *b, enum board_part which, uint32_t i)
{
	return b->part[which].base + i * b->part[which].size;
}
static inline uint32_t board_spi(const struct board *b, enum board_part which, uint32_t i)
{
	return b->part[which].irq + i;
}

#endif
