/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "machine/arch.h"
#include "machine/preset.h"
#include "machine/topo_qemu.h"
#include "machine/topology.h"

TEST(every_name_of_an_architecture_is_understood)
{
	enum arch a;

	for (int i = 0; i < NR_ARCHES; i++) {
		const struct arch_names *n = arch_names((enum arch)i);
		const char *const all[] = { n->name, n->uname, n->debian, n->triplet, n->qemu };

		for (size_t k = 0; k < ARRAY_SIZE(all); k++) {
			assert_int_equal(arch_parse(all[k], &a), 0);
			assert_int_equal(a, i);
		}
		assert_int_equal(arch_from_elf(n->elf_machine, &a), 0);
		assert_int_equal(a, i);
	}
	assert_int_equal(arch_parse("riscv64", &a), -EINVAL);
	assert_int_equal(arch_parse("", &a), -EINVAL);
	assert_int_equal(arch_from_elf(EM_RISCV, &a), -ENOENT);
}

/* Calls @check for every valid shape of up to @max CPUs. */
static void each_shape(uint32_t max, void (*check)(const struct topology *t))
{
	uint32_t seen = 0;

	for (uint32_t n = 1; n <= max; n++)
		for (uint32_t l = n; l <= max; l += n)
			for (uint32_t c = 1; l * c <= max; c++)
				for (uint32_t t = 1; l * c * t <= max; t++, seen++)
					check(&(struct topology){ n, l, c, t });
	assert_true(seen > 100);
}

static void text_comes_back(const struct topology *t)
{
	struct topology got;
	char text[TOPO_TEXT_MAX];

	assert_int_equal(topo_check(t, NULL), 0);
	assert_int_equal(topo_parse(topo_format(t, text, sizeof(text)), &got, NULL), 0);
	assert_memory_equal(&got, t, sizeof(got));
}

TEST(text_round_trips_for_every_small_shape)
{
	each_shape(64, text_comes_back);
}

/* The parts are runs of equally many CPUs, in order. */
static void check_partition(const struct topology *t, uint32_t nr,
			    uint32_t (*owner)(const struct topology *, uint32_t))
{
	for (uint32_t cpu = 0; cpu < topo_cpus(t); cpu++)
		assert_int_equal(owner(t, cpu), cpu / (topo_cpus(t) / nr));
}

static void parts_nest(const struct topology *t)
{
	check_partition(t, t->llcs * t->cores, topo_core_of);
	check_partition(t, t->llcs, topo_llc_of);
	check_partition(t, t->nodes, topo_node_of);
	for (uint32_t cpu = 0; cpu < topo_cpus(t); cpu++) {
		uint32_t llc = topo_llc_of(t, cpu);

		assert_int_equal(topo_core_of(t, cpu) / t->cores, llc);
		assert_int_equal(llc / (t->llcs / t->nodes), topo_node_of(t, cpu));
		assert_int_equal(topo_core_of(t, cpu) * t->threads + topo_thread_of(t, cpu), cpu);
	}
}

TEST(cores_llcs_and_nodes_partition_the_cpus)
{
	each_shape(24, parts_nest);
}

static void memory_is_shared_evenly(const struct topology *t)
{
	uint32_t mib = topo_default_memory_mib(t);

	assert_true(mib >= 256 + topo_cpus(t));
	assert_int_equal(mib % (16 * t->nodes), 0);
	assert_true(mib / t->nodes >= 128);
}

TEST(nodes_get_equal_shares_of_default_memory)
{
	each_shape(64, memory_is_shared_evenly);
}

TEST(distances_are_local_or_remote)
{
	struct topology t = { 4, 4, 1, 1 };

	for (uint32_t a = 0; a < 4; a++)
		for (uint32_t b = 0; b < 4; b++)
			assert_int_equal(topo_distance(&t, a, b), a == b ? 10 : 20);
}

static void ids_rise_with_the_cpu(const struct topology *t)
{
	for (uint32_t cpu = 1; cpu < topo_cpus(t); cpu++) {
		assert_true(topo_apic_id(t, cpu) > topo_apic_id(t, cpu - 1));
		assert_true(topo_mpidr(t, cpu) > topo_mpidr(t, cpu - 1));
		assert_true((topo_mpidr(t, cpu) & 0xff) < 16);
	}
	assert_int_equal(topo_apic_id(t, 0), 0);
	assert_int_equal(topo_mpidr(t, 0), 0);
}

TEST(hardware_ids_are_unique_and_in_order)
{
	struct topology three = { 1, 3, 3, 2 }, two = { 2, 4, 2, 2 }, wide = { 1, 1, 300, 1 };

	each_shape(40, ids_rise_with_the_cpu);
	assert_int_equal(topo_apic_id(&three, 17), 2 << 3 | 2 << 1 | 1);
	assert_int_equal(topo_apic_id(&two, 15), 1 << 3 | 1 << 2 | 1 << 1 | 1);
	assert_int_equal(topo_mpidr(&wide, 299), 18 << 8 | 11);
}

static void memory_is_dealt_out_whole(const struct topology *t)
{
	static const uint64_t sizes[] = { 256ull << 20, (256ull << 20) + 4096, 9ull << 30 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t next = 0, off, len;

		for (uint32_t node = 0; node < t->nodes; node++) {
			topo_node_memory(t, sizes[i], node, &off, &len);
			assert_int_equal(off, next);
			assert_int_equal(off % (2 << 20), 0);
			assert_true(len > 0);
			next = off + len;
		}
		assert_int_equal(next, sizes[i]);
	}
}

TEST(node_memory_covers_all_ram_without_overlap)
{
	each_shape(24, memory_is_dealt_out_whole);
}

TEST(qemu_is_told_the_shape)
{
	struct topology t = { 2, 4, 2, 2 }, one = { 1, 1, 1, 1 };
	SCOPED(buf_fini) struct buf b = { 0 };

	topo_qemu_smp(&t, ARCH_X86_64, &b);
	assert_string_equal(buf_str(&b), "16,sockets=2,dies=2,cores=2,threads=2");
	buf_clear(&b);
	topo_qemu_smp(&t, ARCH_ARM64, &b);
	assert_string_equal(buf_str(&b), "16,sockets=2,clusters=2,cores=2,threads=2");
	buf_clear(&b);
	topo_qemu_numa(&t, &b);
	assert_string_equal(buf_str(&b), "node,nodeid=0,memdev=mem0,cpus=0-7\n"
					 "node,nodeid=1,memdev=mem1,cpus=8-15\n"
					 "dist,src=0,dst=1,val=20\n"
					 "dist,src=1,dst=0,val=20\n");
	buf_clear(&b);
	topo_qemu_numa(&one, &b);
	assert_string_equal(buf_str(&b), "node,nodeid=0,memdev=mem0,cpus=0-0\n");
}

TEST(shapes_qemu_cannot_bring_up_are_refused)
{
	struct topology t = { 1, 14, 9, 2 }, full = { 1, 15, 16, 1 };
	struct err e = { 0 };

	assert_int_equal(topo_qemu_check(&t, ARCH_ARM64, &e), 0);
	assert_int_equal(topo_qemu_check(&full, ARCH_X86_64, &e), 0);
	assert_int_equal(topo_qemu_check(&t, ARCH_X86_64, &e), -ERANGE);
	assert_string_equal(e.text, "topology 1n14l9c2t: the last CPU has APIC id 433, and QEMU "
				    "brings up none above 254");
}

TEST(impossible_shapes_are_refused_by_name)
{
	static const struct {
		const char *text, *why;
	} row[] = {
		{ "0n1l1c1t", "topology 0n1l1c1t: nodes must be at least 1" },
		{ "1n0l1c1t", "topology 1n0l1c1t: LLCs must be at least 1" },
		{ "1n1l0c1t", "topology 1n1l0c1t: cores per LLC must be at least 1" },
		{ "1n1l1c0t", "topology 1n1l1c0t: threads per core must be at least 1" },
		{ "2n3l2c1t", "topology 2n3l2c1t: 3 LLCs cannot be split evenly over 2 nodes" },
		{ "2n1l2c1t", "topology 2n1l2c1t: 1 LLC cannot be split evenly over 2 nodes" },
		{ "1n1l513c1t", "topology 1n1l513c1t: 1 x 513 x 1 CPUs are more than 512" },
		{ "65n65l1c1t", "topology 65n65l1c1t: 65 nodes are more than 64" },
		{ "1n4294967295l4294967295c4294967295t", "CPUs are more than 512" },
		{ "1n1l4294967296c1t", "cores per LLC (c): the number is too large" },
		{ "1n2l", "cores per LLC (c): no number there" },
		{ "1n2l3", "cores per LLC (c): another letter or none" },
		{ "1s2l3c1t", "nodes (n): another letter or none" },
		{ "1n2l3c1tt", "only memory-only nodes (1m) and capacities" },
		{ "1n2l3c1t ", "only memory-only nodes (1m) and capacities" },
		{ "1n2l3c1t4", "memory-only nodes (1m): another letter or none behind the number" },
		{ "1n2l3c1t4m1", "only memory-only nodes (1m) and capacities" },
		{ "1n2l3c1t@", "capacities (@1024:512): no number there" },
		{ "1n2l3c1t@1024:", "capacities (@1024:512): no number there" },
		{ "1n2l3c1t@1024,512", "only memory-only nodes (1m) and capacities" },
		{ "1n2l3c1t@99999999999", "capacities (@1024:512): the number is too large" },
		{ "1n9l1c1t@1:2:3:4:5:6:7:8:1024",
		  "capacities (@1024:512): more kinds of cores than 8" },
		{ "1n1l3c1t@1024:512",
		  "topology 1n1l3c1t@1024:512: 3 cores cannot be split evenly over 2 "
		  "kinds" },
		{ "1n1l2c1t@1024:0",
		  "topology 1n1l2c1t@1024:0: a capacity of 0 is not from 1 to 1024" },
		{ "1n1l2c1t@1025:1", "a capacity of 1025 is not from 1 to 1024" },
		{ "1n1l2c1t@512:256",
		  "topology 1n1l2c1t@512:256: the largest capacity has to be 1024, "
		  "because kernels scale it so" },
		{ "4n4l1c1t61m", "topology 4n4l1c1t61m: 65 nodes are more than 64" },
		{ "1n1l1c1t4294967295m",
		  "topology 1n1l1c1t4294967295m: 4294967296 nodes are more" },
		{ "tiny-1lc", "topology tiny-1lc: no such preset; did you mean tiny-1llc?" },
		{ "numa2-llc-nosmt", "did you mean numa2-8llc-nosmt?" },
		{ "banana", "topology banana: neither a preset (ktstr topo --presets) nor" },
		{ "", "neither a preset" },
	};
	struct topology got = { 9, 9, 9, 9 };

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct err e = { 0 };
		int r = topo_parse(row[i].text, &got, &e);

		assert_true(r == -EINVAL || r == -ERANGE);
		assert_int_equal(e.code, r);
		if (!strstr(e.text, row[i].why))
			fail_msg("\"%s\": %s", row[i].text, e.text);
		assert_int_equal(got.nodes, 9);
	}
}

TEST(unequal_cores_and_nodes_of_memory_come_back)
{
	static const char *const rows[] = { "1n2l4c1t@1024:512", "2n2l2c2t1m", "1n1l8c1t63m",
					    "1n1l8c1t@1024:900:800:700:600:500:400:300",
					    "2n4l2c1t3m@1:1024" };
	struct topology t;
	char text[TOPO_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(topo_parse(rows[i], &t, NULL), 0);
		assert_string_equal(topo_format(&t, text, sizeof(text)), rows[i]);
		text_comes_back(&t);
	}
	t = (struct topology){
		64, 512, 512, 512, 64, 8, { 1024, 1023, 1022, 1021, 1020, 1019, 1018, 1017 }
	};
	assert_int_equal(strlen(topo_format(&t, text, 8)), 7); /* cut off, not overrun */
	assert_true(strlen(topo_format(&t, text, sizeof(text))) < sizeof(text) - 1);
}

TEST(kinds_of_cores_are_runs_of_equally_many)
{
	struct topology t;

	assert_int_equal(topo_parse("1n2l4c2t@1024:512", &t, NULL), 0);
	for (uint32_t cpu = 0; cpu < 16; cpu++)
		assert_int_equal(topo_capacity_of(&t, cpu), cpu < 8 ? 1024 : 512);
	assert_int_equal(topo_parse("1n1l8c1t@1024:512:512:256", &t, NULL), 0);
	for (uint32_t cpu = 0; cpu < 8; cpu++)
		assert_int_equal(topo_capacity_of(&t, cpu), cpu < 2 ? 1024 : cpu < 6 ? 512 : 256);
	assert_int_equal(topo_parse("1n1l8c1t", &t, NULL), 0);
	assert_int_equal(topo_capacity_of(&t, 7), 1024);
}

TEST(nodes_of_memory_are_behind_those_with_cpus)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	struct topology t;
	uint64_t off, len;

	assert_int_equal(topo_parse("2n2l1c1t1m", &t, NULL), 0);
	assert_int_equal(topo_nodes(&t), 3);
	assert_int_equal(topo_node_of(&t, 1), 1);
	topo_node_memory(&t, 100 << 20, 2, &off, &len);
	assert_int_equal(off, 64 << 20); /* shares of 33 MiB, in huge pages */
	assert_int_equal(len, 36 << 20);
	assert_int_equal(topo_default_memory_mib(&t), 384);
	topo_qemu_numa(&t, &b);
	assert_string_equal(buf_str(&b), "node,nodeid=0,memdev=mem0,cpus=0-0\n"
					 "node,nodeid=1,memdev=mem1,cpus=1-1\n"
					 "node,nodeid=2,memdev=mem2\n"
					 "dist,src=0,dst=1,val=20\n"
					 "dist,src=0,dst=2,val=20\n"
					 "dist,src=1,dst=0,val=20\n"
					 "dist,src=1,dst=2,val=20\n"
					 "dist,src=2,dst=0,val=20\n"
					 "dist,src=2,dst=1,val=20\n");
}

TEST(x86_64_refuses_capacities_it_cannot_show)
{
	struct err e = { 0 };
	struct topology t;

	assert_int_equal(topo_parse("1n1l2c1t1m@1024:512", &t, NULL), 0);
	assert_int_equal(topo_qemu_check(&t, ARCH_ARM64, NULL), 0);
	assert_int_equal(topo_qemu_check(&t, ARCH_X86_64, &e), -EINVAL);
	assert_string_equal(e.text,
			    "topology 1n1l2c1t1m@1024:512: on x86_64 no kernel can be told the "
			    "capacities of its CPUs; arm64 can (--arch arm64)");
	t.nr_kinds = 0;
	assert_int_equal(topo_qemu_check(&t, ARCH_X86_64, NULL), 0);
}

TEST(the_largest_machine_is_accepted)
{
	struct topology t;

	assert_int_equal(topo_parse("64n64l4c2t", &t, NULL), 0);
	assert_int_equal(topo_cpus(&t), TOPO_MAX_CPUS);
}

TEST(presets_are_valid_unique_and_found)
{
	uint32_t all = 0, arm64 = 0;
	struct topology t;

	for (const struct topo_preset *p = topo_presets; p->name; p++, all++) {
		assert_int_equal(topo_check(&p->topo, NULL), 0);
		assert_ptr_equal(topo_preset_find(p->name), p);
		assert_int_equal(topo_parse(p->name, &t, NULL), 0);
		assert_memory_equal(&t, &p->topo, sizeof(t));
		assert_int_equal(p->arm64, p->topo.threads == 1);
		assert_int_equal(topo_cpus(&p->topo) <= 252, 1);
		arm64 += p->arm64;
	}
	assert_int_equal(all, 24);
	assert_int_equal(arm64, 14);
}

UNIT_MAIN(NULL, NULL)
