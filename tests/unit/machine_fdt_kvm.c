/* SPDX-License-Identifier: GPL-2.0-only */
/* vmm.md 2.7: the tree of our own board, every address of it held against the constants. */
#include "unit.h"

#include <errno.h>
#include <libfdt.h>

#include "base/buf.h"
#include "base/err.h"
#include "machine/fdt_arm64.h"
#include "machine/memmap.h"
#include "machine/place.h"

#include "fdt_read.h"

static struct fdt_board board_of(const char *shape)
{
	struct fdt_board b = { .board = &board_kvm_arm64, .seed = 1 };

	assert_int_equal(topo_parse(shape, &b.topo, NULL), 0);
	b.memory_bytes = (uint64_t)topo_default_memory_mib(&b.topo) << 20;
	return b;
}

static void describe(const struct fdt_board *b, struct buf *out)
{
	struct err e = { 0 };

	if (fdt_describe_arm64(b, out, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(fdt_check_full(out->at, out->len), 0);
}

/* A device at an address of the table, with an SPI of the table, by edges. */
static void check_device(const void *fdt, const char *kind, uint64_t base, uint64_t size,
			 uint32_t intid, const char *compatible)
{
	int node = fdt_read_node(fdt, "/%s@%llx", kind, (unsigned long long)base);

	assert_string_equal(fdt_getprop(fdt, node, "compatible", NULL), compatible);
	assert_int_equal(fdt_read_pair(fdt, node, "reg", 0), base);
	assert_int_equal(fdt_read_pair(fdt, node, "reg", 1), size);
	assert_int_equal(fdt_read_cell(fdt, node, "interrupts", 0), 0);
	assert_int_equal(fdt_read_cell(fdt, node, "interrupts", 1), intid - 32);
	assert_int_equal(fdt_read_cell(fdt, node, "interrupts", 2), 1);
}

TEST(devices_are_where_the_table_has_them)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct fdt_board b = board_of("1n2l2c1t");

	b.virtio_slots = 1 << VIRTIO_SLOT_CONSOLE | 1 << VIRTIO_SLOT_NET;
	describe(&b, &out);
	check_device(out.at, "serial", 0x0c010000, 0x1000, 33, "ns16550a");
	check_device(out.at, "serial", 0x0c011000, 0x1000, 34, "ns16550a");
	check_device(out.at, "virtio", 0x0c012000, 0x1000, 35, "virtio,mmio");
	check_device(out.at, "virtio", 0x0c014000, 0x1000, 37, "virtio,mmio");
	assert_int_equal(fdt_read_count(out.at, 0, "virtio@"), 2);
	assert_int_equal(fdt_read_count(out.at, 0, "serial@"), 2);
	int uart = fdt_read_node(out.at, "/serial@c010000");
	assert_int_equal(fdt_read_cell(out.at, uart, "clock-frequency", 0), 1843200);
	assert_int_equal(fdt_read_cell(out.at, uart, "reg-shift", 0), 0);
	assert_int_equal(fdt_read_cell(out.at, uart, "reg-io-width", 0), 1);
	assert_string_equal(fdt_get_alias(out.at, "serial0"), "/serial@c010000");
	assert_string_equal(fdt_get_alias(out.at, "serial1"), "/serial@c011000");
	assert_string_equal(fdt_getprop(out.at, fdt_read_node(out.at, "/chosen"), "stdout-path",
					NULL),
			    "/serial@c010000");
}

TEST(a_uart_that_nobody_listens_to_is_there_and_off)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct fdt_board b = board_of("1n1l1c1t");

	b.idle_uarts = 2;
	describe(&b, &out);
	assert_null(fdt_getprop(out.at, fdt_read_node(out.at, "/serial@c010000"), "status", NULL));
	assert_string_equal(fdt_getprop(out.at, fdt_read_node(out.at, "/serial@c011000"), "status",
					NULL),
			    "disabled");
}

TEST(redistributors_are_as_many_as_cpus)
{
	static const char *const shapes[] = { "1n1l1c1t", "1n1l3c1t", "1n2l124c1t", "1n2l256c1t" };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		SCOPED(buf_fini) struct buf out = { 0 };
		struct fdt_board b = board_of(shapes[i]);

		describe(&b, &out);
		int gic = fdt_read_node(out.at, "/interrupt-controller@8000000");
		assert_int_equal(fdt_read_cell(out.at, gic, "#redistributor-regions", 0), 1);
		assert_int_equal(fdt_read_pair(out.at, gic, "reg", 0), 0x08000000);
		assert_int_equal(fdt_read_pair(out.at, gic, "reg", 1), 0x10000);
		assert_int_equal(fdt_read_pair(out.at, gic, "reg", 2), 0x08010000);
		assert_int_equal(fdt_read_pair(out.at, gic, "reg", 3),
				 topo_cpus(&b.topo) * 0x20000u);
	}
}

TEST(item_20_a_pmu_is_described_where_there_is_one)
{
	SCOPED(buf_fini) struct buf with = { 0 }, without = { 0 };
	struct fdt_board b = board_of("1n1l1c1t");

	describe(&b, &without);
	assert_int_equal(fdt_read_count(without.at, 0, "pmu"), 0);
	b.pmu = true;
	describe(&b, &with);
	int pmu = fdt_read_node(with.at, "/pmu");
	assert_string_equal(fdt_getprop(with.at, pmu, "compatible", NULL), "arm,armv8-pmuv3");
	assert_int_equal(fdt_read_cell(with.at, pmu, "interrupts", 0), 1);
	assert_int_equal(fdt_read_cell(with.at, pmu, "interrupts", 1), PPI_PMU);
	assert_int_equal(fdt_read_cell(with.at, pmu, "interrupts", 2), 4);
}

TEST(item_72_memory_ends_where_stolen_time_begins)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct fdt_board b = board_of("2n2l2c1t");
	const struct place_want w = { &board_kvm_arm64, b.memory_bytes, 4, 0, 0, 0, 0 };
	struct place p;

	assert_int_equal(place_plan(&w, &p, NULL), 0);
	b.memory_end = p.pvtime.base;
	describe(&b, &out);
	uint64_t half = b.memory_bytes / 2;
	int first = fdt_read_node(out.at, "/memory@40000000");
	assert_int_equal(fdt_read_pair(out.at, first, "reg", 1), half);
	int last = fdt_read_node(out.at, "/memory@%llx", (unsigned long long)(0x40000000 + half));
	assert_int_equal(fdt_read_pair(out.at, last, "reg", 0) +
				 fdt_read_pair(out.at, last, "reg", 1),
			 p.pvtime.base);
}

/* How many leaves Linux counts on @cpu and behind it, and the last level. */
static void count_leaves(const void *fdt, int cpu, uint32_t *ret_leaves, uint32_t *ret_level)
{
	static const char *const sizes[] = { "cache-size", "i-cache-size", "d-cache-size" };

	*ret_leaves = 0;
	*ret_level = 1;
	for (int node = cpu; node >= 0;) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			*ret_leaves += fdt_getprop(fdt, node, sizes[i], NULL) != NULL;
		if (!fdt_getprop(fdt, node, "next-level-cache", NULL))
			break;
		node = fdt_read_behind(fdt, node, "next-level-cache");
		assert_int_equal(fdt_read_cell(fdt, node, "cache-level", 0), ++*ret_level);
	}
}

TEST(caches_have_the_levels_and_kinds_of_clidr)
{
	static const struct {
		uint64_t clidr;
		uint32_t leaves, level;
	} rows[] = {
		{ 0, 4, 3 },
		{ 3 | 4 << 3 | 4 << 6, 4, 3 },		/* neoverse-n1 */
		{ 4, 3, 3 },				/* KVM's own, IDC and DIC */
		{ 1 | 4 << 3, 3, 3 },			/* ... without DIC */
		{ 2, 3, 3 },				/* ... without IDC */
		{ 3, 4, 3 },				/* ... without either */
		{ 3 | 4 << 3, 4, 3 },			/* a host of two levels */
		{ 3 | 4 << 3 | 4 << 6 | 4 << 9, 5, 4 }, /* one of four */
		{ 0x83000023, 4, 3 },			/* with LoC, LoUU and ICB */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		SCOPED(buf_fini) struct buf out = { 0 };
		struct fdt_board b = board_of("1n2l2c2t");
		uint32_t leaves, level;

		b.clidr = rows[i].clidr;
		describe(&b, &out);
		int cpu = fdt_read_node(out.at, "/cpus/cpu@3");
		count_leaves(out.at, cpu, &leaves, &level);
		assert_int_equal(leaves, rows[i].leaves);
		assert_int_equal(level, rows[i].level);
		assert_int_equal(!!fdt_getprop(out.at, cpu, "cache-unified", NULL),
				 b.clidr % 8 == 4);
	}
}

/* The last level is what the scheduler takes for an LLC, however many levels there are. */
TEST(the_last_cache_is_the_llc)
{
	static const uint64_t clidrs[] = { 0, 4, 3 | 4 << 3 | 4 << 6 | 4 << 9 };

	for (size_t i = 0; i < ARRAY_SIZE(clidrs); i++) {
		SCOPED(buf_fini) struct buf out = { 0 };
		struct fdt_board b = board_of("1n2l2c2t");
		int last[8];

		b.clidr = clidrs[i];
		describe(&b, &out);
		for (uint32_t cpu = 0; cpu < 8; cpu++) {
			int node = fdt_read_node(out.at, "/cpus/cpu@%x", cpu);

			while (fdt_getprop(out.at, node, "next-level-cache", NULL))
				node = fdt_read_behind(out.at, node, "next-level-cache");
			last[cpu] = node;
		}
		for (uint32_t cpu = 0; cpu < 8; cpu++)
			assert_int_equal(last[cpu] == last[0], topo_llc_of(&b.topo, cpu) == 0);
	}
}

TEST(cpus_are_called_what_kvm_calls_them)
{
	static const uint64_t mpidr[] = { 0x80000100, 0x81000001 };
	SCOPED(buf_fini) struct buf out = { 0 };
	struct fdt_board b = board_of("1n1l2c1t");

	b.mpidr = mpidr;
	describe(&b, &out);
	assert_int_equal(fdt_read_count(out.at, fdt_read_node(out.at, "/cpus"), "cpu@"), 2);
	assert_int_equal(fdt_read_cell(out.at, fdt_read_node(out.at, "/cpus/cpu@100"), "reg", 0),
			 0x100);
	assert_int_equal(fdt_read_cell(out.at, fdt_read_node(out.at, "/cpus/cpu@1"), "reg", 0), 1);
}

/* The board takes 4096 bytes, a kernel reads fewer unless the caller knows that this one does not. */
TEST(item_14_a_command_line_has_4096_bytes_at_most)
{
	static const struct {
		size_t len;
		uint32_t kernel_max;
		const char *why;
	} rows[] = {
		{ 2047, 0, NULL },
		{ 2048, 0, "kernel command line: 2048 bytes, at most 2047" },
		{ 4095, UINT32_MAX, NULL },
		{ 4096, UINT32_MAX, NULL },
		{ 4097, UINT32_MAX, "kernel command line: 4097 bytes, at most 4096" },
	};
	char line[4098];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		SCOPED(buf_fini) struct buf out = { 0 };
		struct fdt_board b = board_of("1n1l1c1t");
		struct err e = { 0 };

		b.bootargs = line + sizeof(line) - 1 - rows[i].len;
		b.bootargs_max = rows[i].kernel_max;
		assert_int_equal(fdt_describe_arm64(&b, &out, &e), rows[i].why ? -EINVAL : 0);
		assert_string_equal(e.text, rows[i].why ? rows[i].why : "");
	}
}

TEST(the_largest_tree_has_room_in_its_place)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct fdt_board b = board_of("64n64l8c1t");

	b.virtio_slots = 15;
	b.pmu = b.kaslr = true;
	describe(&b, &out);
	assert_int_equal(fdt_read_count(out.at, fdt_read_node(out.at, "/cpus"), "cpu@"), 512);
	assert_true(out.len < FDT_MAX);
}

UNIT_MAIN(NULL, NULL)
