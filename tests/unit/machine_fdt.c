/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads our device trees back with libfdt and holds them against the topology they describe. */
#include "unit.h"

#include <errno.h>
#include <libfdt.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "machine/fdt_arm64.h"
#include "machine/memmap.h"

#include "fdt_read.h"

static struct fdt_board board_of(const char *shape)
{
	struct fdt_board b = { .board = &board_qemu_virt, .seed = 1, .pmu = true };

	assert_int_equal(topo_parse(shape, &b.topo, NULL), 0);
	b.memory_bytes = (uint64_t)topo_default_memory_mib(&b.topo) << 20;
	return b;
}

/* The phandle of @cpu's cache, checked to be of that level. */
static uint32_t cache_of(const void *fdt, int cpu, uint32_t level)
{
	int node = cpu;

	for (uint32_t l = 2; l <= level; l++)
		node = fdt_read_behind(fdt, node, "next-level-cache");
	assert_int_equal(fdt_read_cell(fdt, node, "cache-level", 0), level);
	assert_non_null(fdt_getprop(fdt, node, "cache-unified", NULL));
	assert_int_equal(fdt_read_cell(fdt, node, "cache-size", 0) %
				 (fdt_read_cell(fdt, node, "cache-sets", 0) *
				  fdt_read_cell(fdt, node, "cache-line-size", 0)),
			 0);
	return fdt_get_phandle(fdt, node);
}

/* Where cpu-map has @cpu must be the node that describes it. */
static void check_map(const void *fdt, const struct topology *t, uint32_t cpu, int node)
{
	uint32_t llcs = t->llcs / t->nodes;
	char thread[16] = "";

	if (t->threads > 1)
		snprintf(thread, sizeof(thread), "/thread%u", topo_thread_of(t, cpu));
	int leaf = fdt_read_node(fdt, "/cpus/cpu-map/socket%u/cluster%u/core%u%s",
				 topo_node_of(t, cpu), topo_llc_of(t, cpu) % llcs,
				 topo_core_of(t, cpu) % t->cores, thread);
	assert_int_equal(fdt_read_behind(fdt, leaf, "cpu"), node);
}

static void check_cpus(const void *fdt, const struct topology *t)
{
	for (uint32_t a = 0; a < topo_cpus(t); a++) {
		int cpu = fdt_read_node(fdt, "/cpus/cpu@%x", topo_mpidr(t, a));

		assert_int_equal(fdt_read_cell(fdt, cpu, "reg", 0), topo_mpidr(t, a));
		assert_int_equal(fdt_read_cell(fdt, cpu, "numa-node-id", 0), topo_node_of(t, a));
		if (t->nr_kinds)
			assert_int_equal(fdt_read_cell(fdt, cpu, "capacity-dmips-mhz", 0),
					 topo_capacity_of(t, a));
		else
			assert_null(fdt_getprop(fdt, cpu, "capacity-dmips-mhz", NULL));
		check_map(fdt, t, a, cpu);
		for (uint32_t b = 0; b < a; b++) {
			int other = fdt_read_node(fdt, "/cpus/cpu@%x", topo_mpidr(t, b));

			assert_int_equal(cache_of(fdt, cpu, 2) == cache_of(fdt, other, 2),
					 topo_core_of(t, a) == topo_core_of(t, b));
			assert_int_equal(cache_of(fdt, cpu, 3) == cache_of(fdt, other, 3),
					 topo_llc_of(t, a) == topo_llc_of(t, b));
		}
	}
}

static void check_nodes(const void *fdt, const struct fdt_board *b)
{
	uint64_t next = b->board->part[PART_RAM].base;
	int map = fdt_read_node(fdt, "/distance-map");
	uint32_t nodes = topo_nodes(&b->topo);

	assert_int_equal(fdt_read_count(fdt, 0, "memory@"), nodes);
	for (uint32_t i = 0; i < nodes; i++) {
		int mem = fdt_read_node(fdt, "/memory@%llx", (unsigned long long)next);

		assert_int_equal(fdt_read_pair(fdt, mem, "reg", 0), next);
		assert_int_equal(fdt_read_cell(fdt, mem, "numa-node-id", 0), i);
		next += fdt_read_pair(fdt, mem, "reg", 1);
		for (uint32_t j = 0; j < nodes; j++) {
			size_t row = 3 * (i * nodes + j);

			assert_int_equal(fdt_read_cell(fdt, map, "distance-matrix", row), i);
			assert_int_equal(fdt_read_cell(fdt, map, "distance-matrix", row + 1), j);
			assert_int_equal(fdt_read_cell(fdt, map, "distance-matrix", row + 2),
					 topo_distance(&b->topo, i, j));
		}
	}
	assert_int_equal(next, b->board->part[PART_RAM].base + b->memory_bytes);
}

TEST(trees_describe_exactly_the_topology)
{
	static const char *const shapes[] = {
		"1n1l1c1t", "1n2l2c2t",	 "2n2l2c1t",
		"2n4l2c2t", "1n3l1c1t",	 "4n8l2c1t",
		"3n3l3c3t", "1n2l20c1t", "2n2l2c2t2m@1024:512:700:1"
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(shapes); i++) {
		SCOPED(buf_fini) struct buf out = { 0 };
		struct fdt_board b = board_of(shapes[i / 2]);

		b.board = i % 2 ? &board_kvm_arm64 : &board_qemu_virt;

		assert_int_equal(fdt_describe_arm64(&b, &out, NULL), 0);
		assert_int_equal(fdt_check_full(out.at, out.len), 0);
		int cpus = fdt_read_node(out.at, "/cpus");
		assert_int_equal(fdt_read_count(out.at, cpus, "cpu@"), topo_cpus(&b.topo));
		assert_int_equal(fdt_read_count(out.at, cpus, "l3-"), b.topo.llcs);
		check_cpus(out.at, &b.topo);
		check_nodes(out.at, &b);
	}
}

TEST(the_largest_machine_gets_a_whole_tree)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct fdt_board b = board_of("64n64l4c2t");

	b.virtio_slots = UINT32_MAX;
	assert_int_equal(fdt_describe_arm64(&b, &out, NULL), 0);
	assert_int_equal(fdt_check_full(out.at, out.len), 0);
	assert_true(out.len < 2 << 20);
	assert_int_equal(fdt_read_count(out.at, fdt_read_node(out.at, "/cpus"), "cpu@"),
			 TOPO_MAX_CPUS);
	check_nodes(out.at, &b);
	int gic = fdt_read_node(out.at, "/interrupt-controller@8000000");
	assert_int_equal(fdt_read_cell(out.at, gic, "#redistributor-regions", 0), 2);
	assert_int_equal(fdt_read_pair(out.at, gic, "reg", 4), 0x4000000000);
}

TEST(what_was_not_asked_for_is_not_there)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct fdt_board b = board_of("1n1l1c1t");

	assert_int_equal(fdt_describe_arm64(&b, &out, NULL), 0);
	int chosen = fdt_read_node(out.at, "/chosen");
	assert_null(fdt_getprop(out.at, chosen, "bootargs", NULL));
	assert_null(fdt_getprop(out.at, chosen, "linux,initrd-start", NULL));
	assert_null(fdt_getprop(out.at, chosen, "kaslr-seed", NULL));
	assert_int_equal(fdt_read_count(out.at, 0, "virtio@"), 0);
	int uart = fdt_read_node(out.at, "%s",
				 (const char *)fdt_getprop(out.at, chosen, "stdout-path", NULL));
	assert_int_equal(fdt_read_pair(out.at, uart, "reg", 0),
			 b.board->part[PART_UART_PL011].base);
}

TEST(what_was_asked_for_is_there)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct fdt_board b = board_of("1n1l1c1t");

	b.bootargs = "console=ttyAMA0 quiet";
	b.initrd_start = 0x48000000;
	b.initrd_end = 0x48000001;
	b.virtio_slots = 7;
	b.kaslr = true;
	assert_int_equal(fdt_describe_arm64(&b, &out, NULL), 0);
	int chosen = fdt_read_node(out.at, "/chosen");
	assert_string_equal(fdt_getprop(out.at, chosen, "bootargs", NULL), b.bootargs);
	assert_int_equal(fdt_read_pair(out.at, chosen, "linux,initrd-start", 0), b.initrd_start);
	assert_int_equal(fdt_read_pair(out.at, chosen, "linux,initrd-end", 0), b.initrd_end);
	assert_int_equal(fdt_read_count(out.at, 0, "virtio@"), 3);
}

TEST(seeds_follow_the_run_and_nothing_else)
{
	struct buf out[3] = { 0 };
	const uint64_t seed[] = { 7, 7, 8 };

	for (size_t i = 0; i < ARRAY_SIZE(out); i++) {
		struct fdt_board b = board_of("1n2l2c1t");

		b.kaslr = true;
		b.seed = seed[i];
		assert_int_equal(fdt_describe_arm64(&b, &out[i], NULL), 0);
	}
	assert_int_equal(out[0].len, out[1].len);
	assert_memory_equal(out[0].at, out[1].at, out[0].len);
	int chosen = fdt_read_node(out[0].at, "/chosen");
	assert_memory_not_equal(fdt_getprop(out[0].at, chosen, "rng-seed", NULL),
				fdt_getprop(out[2].at, chosen, "rng-seed", NULL), 32);
	assert_memory_not_equal(fdt_getprop(out[0].at, chosen, "kaslr-seed", NULL),
				fdt_getprop(out[2].at, chosen, "kaslr-seed", NULL), 8);
	for (size_t i = 0; i < ARRAY_SIZE(out); i++)
		buf_fini(&out[i]);
}

TEST(boards_refuse_what_they_have_no_room_for)
{
	char long_args[3000];
	struct fdt_board row[8];
	static const char *const why[] = {
		"board kvm-arm64: virtio slots 0x10, it has 4",
		"board qemu-virt: 1048576 bytes of memory, 2097152 to 273804165120 fit",
		"board qemu-virt: 281474976710656 bytes of memory, 2097152 to 273804165120 fit",
		"kernel command line: 2999 bytes, at most 2047",
		"topology 1n0l1c1t: LLCs must be at least 1",
		"kernel command line: 2048 bytes, at most 2047",
		"board qemu-virt: memory that ends at 0x48000000 leaves none to node 1, which "
		"begins "
		"at 0x48000000",
		"board qemu-virt: CLIDR_EL1 0x1b: level 2 is of type 3, and only unified caches "
		"can be "
		"described behind the first level",
	};

	memset(long_args, 'x', sizeof(long_args));
	long_args[2999] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++)
		row[i] = board_of("1n1l1c1t");
	row[0].board = &board_kvm_arm64;
	row[0].virtio_slots = 0x10;
	row[1].memory_bytes = 1 << 20;
	row[2].memory_bytes = 1ull << 48;
	row[3].bootargs = long_args;
	row[4].topo.llcs = 0;
	row[5].bootargs = long_args + 2999 - 2048;
	row[6].topo.nodes = row[6].topo.llcs = 2;
	row[6].memory_bytes = 256 << 20;
	row[6].memory_end = 0x48000000;
	row[7].clidr = 3 << 3 | 3;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		SCOPED(buf_fini) struct buf out = { 0 };
		struct err e = { 0 };

		assert_int_equal(fdt_describe_arm64(&row[i], &out, &e), -EINVAL);
		assert_string_equal(e.text, why[i]);
		assert_int_equal(out.len, 0);
	}
}

/* User programs may map what the kernel does not: init reads the parcel from /dev/mem. */
TEST(a_parcel_is_reserved_and_no_memory_of_the_kernel)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct fdt_board b = board_of("2n2l2c1t");

	assert_int_equal(fdt_describe_arm64(&b, &out, NULL), 0);
	assert_int_equal(fdt_path_offset(out.at, "/reserved-memory"), -FDT_ERR_NOTFOUND);
	buf_clear(&out);
	b.parcel.base = b.board->part[PART_RAM].base + b.memory_bytes;
	b.parcel.size = 16 << 20;
	assert_int_equal(fdt_describe_arm64(&b, &out, NULL), 0);
	assert_int_equal(fdt_check_full(out.at, out.len), 0);
	check_nodes(out.at, &b); /* /memory ends before it */
	int all = fdt_read_node(out.at, "/reserved-memory");
	assert_int_equal(fdt_address_cells(out.at, all), 2);
	assert_int_equal(fdt_size_cells(out.at, all), 2);
	assert_non_null(fdt_getprop(out.at, all, "ranges", NULL));
	assert_int_equal(fdt_read_count(out.at, all, ""), 1);
	int parcel = fdt_read_node(out.at, "/reserved-memory/parcel@%llx",
				   (unsigned long long)b.parcel.base);
	assert_int_equal(fdt_read_pair(out.at, parcel, "reg", 0), b.parcel.base);
	assert_int_equal(fdt_read_pair(out.at, parcel, "reg", 1), b.parcel.size);
	assert_non_null(fdt_getprop(out.at, parcel, "no-map", NULL));
}

UNIT_MAIN(NULL, NULL)
