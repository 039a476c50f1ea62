/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/memmap.h"

#include <assert.h>

#include "machine/topology.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

const struct board board_qemu_virt = {
	.name = "qemu-virt",
	.cmdline_max = 4096,
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

const struct board board_kvm_arm64 = {
	.name = "kvm-arm64",
	.cmdline_max = KVM_ARM64_CMDLINE_MAX,
	.part = {
		[PART_GIC_DIST] = { KVM_ARM64_GIC_DIST, KVM_ARM64_GIC_DIST_SIZE, 1, NO_IRQ },
		[PART_GIC_REDIST] = { KVM_ARM64_REDIST, KVM_ARM64_REDIST_SIZE, KVM_ARM64_MAX_CPUS,
				      NO_IRQ },
		[PART_UART_16550] = { KVM_ARM64_UART, KVM_ARM64_UART_SIZE, KVM_ARM64_NR_UARTS,
				      KVM_ARM64_UART_SPI },
		[PART_VIRTIO_MMIO] = { KVM_ARM64_VIRTIO, KVM_ARM64_VIRTIO_SIZE, NR_VIRTIO_SLOTS,
				       KVM_ARM64_VIRTIO_SPI },
		[PART_RAM] = { KVM_ARM64_RAM, 255 * GIB, 1, NO_IRQ },
	},
};

/*
 * vmm.md 1.1, items 1-11, 15-17, and 1.10, items 80-84: what others rely on, in numbers once. A
 * change above that moves one of them is a change of the machine and belongs here too.
 */
#define UART(i) (KVM_ARM64_UART + (i) * KVM_ARM64_UART_SIZE)
#define VIRTIO(slot) (KVM_ARM64_VIRTIO + (slot) * KVM_ARM64_VIRTIO_SIZE)
#define UART_INTID(i) SPI_INTID(KVM_ARM64_UART_SPI + (i))
#define VIRTIO_INTID(slot) SPI_INTID(KVM_ARM64_VIRTIO_SPI + (slot))

static_assert(KVM_ARM64_RAM == 0x40000000, "item 1: RAM begins at 1 GiB");
static_assert(KVM_ARM64_DEVICES_END <= KVM_ARM64_RAM, "item 1: every window is below RAM");
static_assert(KVM_ARM64_GIC_DIST == 0x08000000 && KVM_ARM64_GIC_DIST_SIZE == 64 * KIB, "item 2");
static_assert(KVM_ARM64_REDIST == 0x08010000, "item 3: redistributors follow the distributor");
static_assert(KVM_ARM64_REDIST_SIZE == 2 * 64 * KIB, "item 4: two frames each");
static_assert(KVM_ARM64_MAX_CPUS == 512, "item 5; the configuration fragment: machine_memmap.c");
static_assert(KVM_ARM64_MAX_CPUS == TOPO_MAX_CPUS, "a topology fits or is refused early");
static_assert(KVM_ARM64_REDIST_END == 0x0c010000, "item 6");
static_assert(KVM_ARM64_UART >= KVM_ARM64_REDIST_END, "item 7: never below the redistributors");
static_assert(UART(0) == 0x0c010000, "item 7: the first UART");
static_assert(KVM_ARM64_UART_SIZE == 0x1000, "item 8: a page of the guest per UART");
static_assert(UART(1) == 0x0c011000 && UART(1) == UART(0) + KVM_ARM64_UART_SIZE, "item 9");
static_assert(KVM_ARM64_VIRTIO == UART(KVM_ARM64_NR_UARTS), "item 10: virtio follows the UARTs");
static_assert(VIRTIO(VIRTIO_SLOT_CONSOLE) == 0x0c012000, "item 10: the console");
static_assert(VIRTIO(VIRTIO_SLOT_BLOCK) == 0x0c013000, "item 10: the block device");
static_assert(VIRTIO(VIRTIO_SLOT_NET) == 0x0c014000, "item 10: the network");
static_assert(VIRTIO(VIRTIO_SLOT_RNG) == 0x0c015000, "the source of randomness");
static_assert(UART_INTID(0) == 33 && UART_INTID(1) == 34, "item 11: the UARTs");
static_assert(VIRTIO_INTID(VIRTIO_SLOT_CONSOLE) == 35, "item 11: the console");
static_assert(VIRTIO_INTID(VIRTIO_SLOT_BLOCK) == 36, "item 11: the block device");
static_assert(VIRTIO_INTID(VIRTIO_SLOT_NET) == 37, "item 11: the network");
static_assert(KVM_ARM64_VIRTIO_SPI >= KVM_ARM64_UART_SPI + KVM_ARM64_NR_UARTS,
	      "item 11: no interrupt has two owners");
static_assert(KVM_ARM64_RAM % KERNEL_ALIGN == 0, "item 12: the kernel's base");
static_assert(FDT_MAX == 2 * MIB, "item 13");
static_assert(KVM_ARM64_CMDLINE_MAX == 4096, "item 14");
static_assert(PPI_INTID(PPI_PMU) == 23, "item 15");
static_assert(PPI_PMU < 16, "item 82: a PPI");
static_assert(PPI_INTID(PPI_PMU) >= 16 && PPI_INTID(PPI_PMU) < 32, "item 83: a private interrupt");
static_assert(PPI_INTID(PPI_PMU) == PPI_PMU + 16, "item 84");
static_assert(PVTIME_SLOT == 64 && PVTIME_ALIGN % PVTIME_SLOT == 0, "item 16");
static_assert(KVM_VGIC_IRQS == 128 && KVM_VGIC_IRQS % 32 == 0 && KVM_VGIC_IRQS >= 64, "item 17");
static_assert(VIRTIO_INTID(NR_VIRTIO_SLOTS) <= KVM_VGIC_IRQS, "item 17: of all devices");
static_assert((KVM_ARM64_UART - KVM_ARM64_REDIST) / KVM_ARM64_REDIST_SIZE >= KVM_ARM64_MAX_CPUS,
	      "item 80: room for everybody's redistributor");
static_assert(KVM_ARM64_GIC_DIST < KVM_ARM64_RAM && KVM_ARM64_REDIST < KVM_ARM64_RAM &&
		      UART(1) < KVM_ARM64_RAM && VIRTIO(NR_VIRTIO_SLOTS) <= KVM_ARM64_RAM,
	      "item 81: below RAM, their ends too");
