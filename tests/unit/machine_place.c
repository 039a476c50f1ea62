/* SPDX-License-Identifier: GPL-2.0-only */
/* vmm.md 1.1: 7, 12, 13, 16; 1.9: 71, 72; 26.2: nothing lies on anything else. */
#include "unit.h"

#include <errno.h>

#include "base/err.h"
#include "machine/gmem.h"
#include "machine/memmap.h"
#include "machine/place.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct place_want want(uint64_t mib, uint32_t cpus)
{
	return (struct place_want){
		.board = &board_kvm_arm64,
		.memory_bytes = mib * MIB,
		.nr_cpus = cpus,
		.kernel_size = 40 * MIB,
		.initrd_size = 3 * MIB + 17,
		.host_page = 4096,
	};
}

static struct place plan(const struct place_want *w)
{
	struct err e = { 0 };
	struct place p;

	if (place_plan(w, &p, &e) < 0)
		fail_msg("%s", e.text);
	return p;
}

static void assert_refused(const struct place_want *w, const char *why)
{
	struct place p = { .ram = { 1, 2 } };
	struct err e = { 0 };

	assert_int_equal(place_plan(w, &p, &e), -EINVAL);
	assert_string_equal(e.text, why);
	assert_int_equal(p.ram.base, 1); /* untouched */
}

TEST(item_12_the_kernel_is_at_its_offset_behind_the_start_of_ram)
{
	struct place_want w = want(256, 1);

	assert_int_equal(plan(&w).kernel.base, 0x40000000);
	assert_int_equal(plan(&w).kernel.base % KERNEL_ALIGN, 0);
	w.text_offset = 0x80000;
	assert_int_equal(plan(&w).kernel.base, 0x40080000);
	assert_int_equal(plan(&w).kernel.end, 0x40080000 + 40 * MIB);
}

TEST(item_13_the_device_tree_is_at_the_end_of_ram)
{
	static const uint64_t mib[] = { 64, 65, 128, 257, 1024, 4096, 255 * 1024 };

	for (size_t i = 0; i < ARRAY_SIZE(mib); i++) {
		struct place_want w = want(mib[i], 1);

		assert_int_equal(plan(&w).fdt.base, 0x40000000 + (mib[i] - 2) * MIB);
		assert_int_equal(plan(&w).fdt.end, plan(&w).ram.end);
		w.memory_bytes -= 5; /* no whole page: still aligned */
		assert_int_equal(plan(&w).fdt.base % 8, 0);
		assert_true(plan(&w).fdt.end <= plan(&w).ram.end);
	}
}

/* The order of vmm.md 2.1, aligned as KVM and the kernel want it. */
static void check_order(const struct place_want *w, const struct place *p)
{
	assert_true(p->ram.base <= p->kernel.base);
	assert_true(p->kernel.end <= p->initrd.base);
	assert_true(p->initrd.end <= p->pvtime.base);
	assert_true(p->pvtime.end <= p->fdt.base);
	assert_true(p->fdt.end <= p->ram.end);
	assert_int_equal(p->fdt.end - p->fdt.base, FDT_MAX);
	assert_int_equal(p->initrd.end - p->initrd.base, w->initrd_size);
	assert_int_equal(p->initrd.base % w->host_page, 0);
	/* item 72: as vmm.md 2.1 computes it */
	assert_int_equal(p->pvtime.base, (p->fdt.base - 64 * w->nr_cpus) & ~UINT64_C(0xffff));
	for (uint32_t i = 0; i < w->nr_cpus; i++) {
		assert_int_equal(place_pvtime_of(p, i) % PVTIME_SLOT, 0);
		assert_true(place_pvtime_of(p, i) >= p->pvtime.base + i * PVTIME_SLOT);
		assert_true(place_pvtime_of(p, i) + PVTIME_SLOT <= p->pvtime.end);
	}
}

TEST(items_7_16_71_72_every_machine_has_everything_in_order)
{
	static const uint64_t mib[] = { 64, 100, 256, 1023, 1024, 4097, 33 * 1024, 255 * 1024 };
	static const uint64_t page[] = { 4096, 16384, 65536 };

	for (uint32_t cpus = 1; cpus <= KVM_ARM64_MAX_CPUS; cpus++) {
		for (size_t i = 0; i < ARRAY_SIZE(mib); i++) {
			struct place_want w = want(mib[i], cpus);

			w.host_page = page[(cpus + i) % ARRAY_SIZE(page)];
			w.text_offset = cpus % 3 * 0x80000;
			w.initrd_size = 1 + cpus * 12345;
			struct place p = plan(&w);
			check_order(&w, &p);
		}
	}
}

TEST(items_7_85_redistributors_reach_the_first_uart_and_no_further)
{
	struct place_want w = want(256, KVM_ARM64_MAX_CPUS);

	plan(&w);
	w.nr_cpus++;
	assert_refused(&w,
		       "board kvm-arm64 with 256 MiB of memory and 513 CPUs: UART 0 (0xc010000 to "
		       "0xc011000) and interrupt redistributors (0x8010000 to 0xc030000) overlap");
}

TEST(an_initrd_stays_in_the_window_that_covers_the_kernel)
{
	struct place_want w = want(100 * 1024, 4);

	assert_true(plan(&w).initrd.end <= 0x40000000 + 32 * GIB);
	w.initrd_size = 0;
	assert_int_equal(plan(&w).initrd.base, plan(&w).initrd.end);
}

TEST(an_initrd_of_any_host_is_aligned_for_any_host)
{
	struct place_want w = want(256, 4);

	w.host_page = 0;
	assert_int_equal(plan(&w).initrd.base % 65536, 0);
}

TEST(without_kernel_and_initrd_there_is_a_place_for_the_rest)
{
	struct place_want w = want(64, 4);

	w.kernel_size = w.initrd_size = 0;
	assert_true(plan(&w).pvtime.end <= plan(&w).fdt.base);
}

TEST(what_does_not_fit_is_named_with_what_is_in_its_way)
{
	struct place_want w = want(64, 2);

	w.initrd_size = 24 * MIB;
	assert_refused(&w,
		       "board kvm-arm64 with 64 MiB of memory and 2 CPUs: kernel (0x40000000 to "
		       "0x42800000) and initrd (0x425f0000 to 0x43df0000) overlap");
	w.initrd_size = 65 * MIB;
	assert_refused(&w,
		       "board kvm-arm64 with 64 MiB of memory: no room for an initrd of 68157440 "
		       "bytes");
	w.initrd_size = UINT64_MAX;
	assert_refused(&w, "board kvm-arm64 with 64 MiB of memory: no room for an initrd of "
			   "18446744073709551615 bytes");
	w = want(1, 1);
	assert_refused(&w,
		       "board kvm-arm64 with 1 MiB of memory: no room for a device tree of 2097152 "
		       "bytes");
	w = want(2, 1);
	assert_refused(&w,
		       "board kvm-arm64 with 2 MiB of memory: no room for stolen time of 64 bytes");
	w = want(32, 1);
	w.initrd_size = 0;
	assert_refused(&w,
		       "board kvm-arm64 with 32 MiB of memory and 1 CPUs: kernel (0x40000000 to "
		       "0x42800000) and stolen time (0x41df0000 to 0x41df0040) overlap");
	w = want(256 * 1024, 1);
	assert_refused(&w, "board kvm-arm64: 262144 MiB of memory are more than its 261120 MiB");
	w = want(64, 1);
	w.text_offset = UINT64_MAX - 5;
	assert_refused(&w,
		       "board kvm-arm64 with 64 MiB of memory: no room for a kernel of 41943040 "
		       "bytes");
	w.text_offset = 100 * MIB;
	w.initrd_size = 0;
	assert_refused(&w, "board kvm-arm64 with 64 MiB of memory: the kernel (0x46400000 to "
			   "0x48c00000) is not all in RAM");
}

/* RAM as it was registered: two nodes, the second one in front of the first in the table. */
static struct gmem nodes(uint64_t first_mib, uint64_t second_mib)
{
	return (struct gmem){
		.region = {
			{ .gpa = 0x40000000 + first_mib * MIB, .len = second_mib * MIB, .node = 1 },
			{ .gpa = 0x40000000, .len = first_mib * MIB, .node = 0 },
		},
		.nr = 2,
	};
}

static void assert_unsealed(const struct place_want *w, const struct place *p, const struct gmem *m,
			    const char *why)
{
	struct err e = { 0 };

	assert_int_equal(place_seal(w, p, m, &e), -EINVAL);
	assert_string_equal(e.text, why);
}

TEST(the_seal_looks_at_the_ram_there_really_is)
{
	struct place_want w = want(64, 2);
	struct place p = plan(&w);
	struct gmem m = nodes(32, 32);

	assert_int_equal(place_seal(&w, &p, &m, NULL), 0); /* the kernel is in both */
	m = nodes(32, 30);
	assert_unsealed(&w, &p, &m,
			"board kvm-arm64 with 64 MiB of memory: the device tree (0x43e00000 to "
			"0x44000000) is not all in RAM");
	m = nodes(33, 32);
	m.region[0].gpa -= MIB;
	assert_unsealed(
		&w, &p, &m,
		"board kvm-arm64 with 64 MiB of memory and 2 CPUs: RAM of node 1 (0x42000000 "
		"to 0x44000000) and RAM of node 0 (0x40000000 to 0x42100000) overlap");
	m = nodes(32, 32);
	m.region[1].gpa = 0x0c000000;
	assert_unsealed(&w, &p, &m,
			"board kvm-arm64 with 64 MiB of memory and 2 CPUs: UART 0 (0xc010000 to "
			"0xc011000) and RAM of node 0 (0xc000000 to 0xe000000) overlap");
}

TEST(item_72_stolen_time_is_in_one_region)
{
	struct place_want w = want(64, 2);
	struct place p = plan(&w);
	struct gmem m = { 0 };

	m.nr = 2;
	m.region[0] =
		(struct gmem_region){ .gpa = p.ram.base, .len = p.pvtime.base + 64 - p.ram.base };
	m.region[1] = (struct gmem_region){ .gpa = p.pvtime.base + 64,
					    .len = p.ram.end - p.pvtime.base - 64 };
	assert_unsealed(&w, &p, &m,
			"board kvm-arm64: the stolen time of 2 CPUs (0x43df0000 to 0x43df0080) is "
			"not in one region of RAM");
}

/* Each pair in RAM, moved on each other by hand: the check does not rely on the planner. */
TEST(the_seal_finds_every_overlap)
{
	struct place_want w = want(256, 2);
	const struct place good = plan(&w);
	const size_t off[] = { offsetof(struct place, kernel), offsetof(struct place, initrd),
			       offsetof(struct place, pvtime), offsetof(struct place, fdt) };

	for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(off); j++) {
			struct place p = good;
			struct place_range *a = (struct place_range *)((char *)&p + off[i]);
			const struct place_range *b =
				(const struct place_range *)((char *)&p + off[j]);

			if (i == j)
				continue;
			/* by one byte */
			a->end = b->base + 1;
			a->base = MIN(a->base, b->base);
			assert_int_equal(place_seal(&w, &p, NULL, NULL), -EINVAL);
		}
	}
}

UNIT_MAIN(NULL, NULL)
