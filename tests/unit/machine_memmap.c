/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmm.md 1.1: 1-11, 15-17; 1.10: 80-84. What the compiler can check, src/machine/memmap.c has it check;
 * here is what the table that everything else is made from says.
 */
#include "unit.h"

#include "base/io.h"
#include "machine/memmap.h"

static const struct board_range *part(enum board_part which)
{
	return &board_kvm_arm64.part[which];
}

TEST(items_1_to_11_every_window_is_where_it_has_to_be)
{
	static const struct {
		enum board_part which;
		uint64_t base, size;
		uint32_t nr, intid;
	} rows[] = {
		{ PART_GIC_DIST, 0x08000000, 0x10000, 1, 0 },
		{ PART_GIC_REDIST, 0x08010000, 0x20000, 512, 0 },
		{ PART_UART_16550, 0x0c010000, 0x1000, 2, 33 },
		{ PART_VIRTIO_MMIO, 0x0c012000, 0x1000, 4, 35 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct board_range *r = part(rows[i].which);

		assert_int_equal(r->base, rows[i].base);
		assert_int_equal(r->size, rows[i].size);
		assert_int_equal(r->nr, rows[i].nr);
		assert_int_equal(rows[i].intid ? SPI_INTID(r->irq) : 0, rows[i].intid);
		/* items 1 and 81: below RAM, the end too */
		assert_true(r->base + r->nr * r->size <= part(PART_RAM)->base);
	}
	assert_int_equal(part(PART_RAM)->base, 0x40000000);
	assert_int_equal(part(PART_UART_PL011)->nr, 0);
}

/* Whoever moves one window moves those behind it. */
TEST(item_10_windows_follow_each_other)
{
	static const enum board_part chain[] = { PART_GIC_DIST, PART_GIC_REDIST, PART_UART_16550,
						 PART_VIRTIO_MMIO };

	for (size_t i = 1; i < ARRAY_SIZE(chain); i++) {
		const struct board_range *before = part(chain[i - 1]);

		assert_int_equal(part(chain[i])->base, before->base + before->nr * before->size);
	}
}

TEST(item_11_no_two_devices_share_an_interrupt)
{
	bool taken[KVM_VGIC_IRQS] = { false };

	for (int which = 0; which < NR_BOARD_PARTS; which++) {
		const struct board_range *r = part(which);

		for (uint32_t i = 0; i < r->nr && r->irq != NO_IRQ; i++) {
			uint32_t intid = SPI_INTID(board_spi(&board_kvm_arm64, which, i));

			assert_true(intid >= 32 && intid < KVM_VGIC_IRQS);
			assert_false(taken[intid]);
			taken[intid] = true;
		}
	}
}

TEST(items_7_80_no_redistributor_reaches_a_device)
{
	const struct board_range *redist = part(PART_GIC_REDIST);

	for (uint32_t cpus = 1; cpus <= KVM_ARM64_MAX_CPUS; cpus++) {
		uint64_t end = redist->base + cpus * redist->size;

		assert_true(end <= board_at(&board_kvm_arm64, PART_UART_16550, 0));
		assert_true(end <= board_at(&board_kvm_arm64, PART_VIRTIO_MMIO, 0));
	}
}

/* A machine may have as many CPUs as a kernel made with our fragment can use, and no more. */
TEST(item_5_guest_kernels_have_room_for_as_many_cpus)
{
	const char *path = getenv("KERNEL_CONFIG"), *at;
	SCOPED(mem_free) char *text = NULL;
	size_t len;

	assert_non_null(path);
	assert_int_equal(read_file(path, 1 << 16, &text, &len, NULL), 0);
	at = strstr(text, "\nCONFIG_NR_CPUS=");
	assert_non_null(at);
	assert_int_equal(atoi(strchr(at, '=') + 1), KVM_ARM64_MAX_CPUS);
}

TEST(items_15_82_83_84_the_pmu_interrupt_is_private)
{
	assert_true(PPI_PMU < 16);
	assert_int_equal(PPI_INTID(PPI_PMU), PPI_PMU + 16);
	assert_int_equal(PPI_INTID(PPI_PMU), 23);
}

UNIT_MAIN(NULL, NULL)
