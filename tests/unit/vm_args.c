/* SPDX-License-Identifier: GPL-2.0-only */
/* Arguments of machines that are saved or resumed: where their parcel is, and how they start. */
#include "unit.h"

#include <string.h>

#include "base/err.h"
#include "fdt_read.h"
#include "vm/qemu/args.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct qemu_shape shape_of(enum arch a, const char *topo, uint64_t memory, uint64_t parcel)
{
	struct qemu_shape s = {
		.arch = a,
		.memory_bytes = memory,
		.parcel_bytes = parcel,
		.initrd = true,
		.virtual_time = true,
		.emulator = "qemu",
	};
	struct err e = { 0 };

	if (topo_parse(topo, &s.topo, &e) < 0 || qemu_shape_check(&s, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

/* All arguments, a blank in front and behind each. */
static struct buf args_of(const struct qemu_shape *s)
{
	SCOPED(arglist_fini) struct arglist list = { 0 };
	struct buf all = { 0 };

	assert_int_equal(qemu_args(s, &list), 0);
	SCOPED(mem_free) char **args = arglist_argv(&list);
	for (size_t i = 0; i < list.nr; i++)
		buf_printf(&all, " %s", args[i]);
	buf_putc(&all, ' ');
	return all;
}

static void has(const struct qemu_shape *s, const char *words)
{
	SCOPED(buf_fini) struct buf all = args_of(s);

	if (!strstr(buf_str(&all), words))
		fail_msg("no \"%s\" in %s", words, buf_str(&all));
}

static void lacks(const struct qemu_shape *s, const char *words)
{
	SCOPED(buf_fini) struct buf all = args_of(s);

	if (strstr(buf_str(&all), words))
		fail_msg("\"%s\" in %s", words, buf_str(&all));
}

/* RAM of a PC has a hole from 2 to 4 GiB. */
static const struct {
	enum arch arch;
	uint64_t memory, parcel, gpa;
} places[] = {
	{ ARCH_X86_64, 512 * MIB, 16 * MIB, 512 * MIB },
	{ ARCH_X86_64, 512 * MIB, 64 * MIB, 512 * MIB },
	{ ARCH_X86_64, 2032 * MIB, 16 * MIB, 2032 * MIB }, /* up to the hole */
	{ ARCH_X86_64, 2033 * MIB, 16 * MIB, 0 },
	{ ARCH_X86_64, 2047 * MIB, 16 * MIB, 0 },
	{ ARCH_X86_64, 2048 * MIB, 16 * MIB, 4 * GIB }, /* from behind it on */
	{ ARCH_X86_64, 2049 * MIB, 16 * MIB, 4 * GIB + MIB },
	{ ARCH_X86_64, 6 * GIB, 32 * MIB, 8 * GIB },
	{ ARCH_X86_64, 6 * GIB, 0, 0 },
	{ ARCH_ARM64, 512 * MIB, 16 * MIB, GIB + 512 * MIB },
	{ ARCH_ARM64, 2040 * MIB, 16 * MIB, GIB + 2040 * MIB },
	{ ARCH_ARM64, 512 * MIB, 0, 0 },
};

TEST(a_parcel_is_behind_all_memory_and_in_one_piece)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct qemu_shape s =
			shape_of(places[i].arch, "1n1l2c1t", places[i].memory, places[i].parcel);

		if (qemu_parcel_gpa(&s) != places[i].gpa)
			fail_msg("row %zu: 0x%llx", i, (unsigned long long)qemu_parcel_gpa(&s));
	}
}

/* The ranges that the guest sees are all of memory and parcel, and the parcel is their end. */
TEST(what_the_guest_has_ends_with_the_parcel)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct qemu_shape s =
			shape_of(places[i].arch, "1n1l2c1t", places[i].memory, places[i].parcel);
		struct ram_chunk c[RAM_CHUNKS_MAX];
		size_t last = qemu_ram_chunks(&s, c) - 1;

		assert_int_equal(c[last].off + c[last].len, places[i].memory + places[i].parcel);
		if (places[i].gpa)
			assert_int_equal(c[last].gpa + c[last].len,
					 places[i].gpa + places[i].parcel);
	}
}

TEST(the_kernel_of_a_pc_is_told_to_leave_the_parcel_alone)
{
	struct qemu_shape s = shape_of(ARCH_X86_64, "1n1l2c1t", 512 * MIB, 16 * MIB);

	has(&s, " memmap=16M$0x20000000 ");
	s.memory_bytes = 2032 * MIB;
	has(&s, " memmap=16M$0x7f000000 ");
	s.memory_bytes = 2048 * MIB;
	has(&s, " memmap=16M$0x100000000 ");
	s.memory_bytes = 3072 * MIB;
	s.parcel_bytes = 64 * MIB;
	has(&s, " memmap=64M$0x140000000 ");
	s.parcel_bytes = 0;
	lacks(&s, "memmap");
	s = shape_of(ARCH_ARM64, "1n1l2c1t", 512 * MIB, 16 * MIB);
	lacks(&s, "memmap"); /* its device tree says so */
}

TEST(memory_and_the_last_node_grow_by_the_parcel)
{
	struct qemu_shape s = shape_of(ARCH_X86_64, "2n2l2c1t", 512 * MIB, 16 * MIB);

	has(&s, " -m 528M ");
	has(&s, "id=mem0,share=on,mem-path=/proc/self/fd/10,size=268435456,offset=0 ");
	has(&s, "id=mem1,share=on,mem-path=/proc/self/fd/10,size=285212672,offset=268435456 ");
}

TEST(more_memory_than_the_board_has_is_refused_with_the_parcel)
{
	struct qemu_shape s = shape_of(ARCH_ARM64, "1n1l2c1t", 255 * GIB - 16 * MIB, 16 * MIB);
	struct err e = { 0 };

	s.parcel_bytes += MIB;
	assert_int_equal(qemu_shape_check(&s, &e), -22);
	assert_non_null(strstr(e.text, "guest memory: "));
}

/* ---- how it starts ---- */

static const char *const boots[] = { " -kernel ", " -initrd ", " -append " };

TEST(a_machine_to_be_saved_boots_and_keeps_for_itself_that_it_is_frozen)
{
	for (enum arch a = 0; a < NR_ARCHES; a++) {
		struct qemu_shape s = shape_of(a, "1n1l2c1t", 512 * MIB, 16 * MIB);

		s.start = QEMU_BOOTS_TO_FREEZE;
		s.gdb = true;
		for (size_t i = 0; i < ARRAY_SIZE(boots); i++)
			has(&s, boots[i]);
		has(&s, " -S ");
		has(&s, " -global migration.store-global-state=off ");
		lacks(&s, " -incoming ");
	}
}

TEST(a_resumed_machine_waits_for_its_state_and_boots_nothing)
{
	for (enum arch a = 0; a < NR_ARCHES; a++) {
		struct qemu_shape s = shape_of(a, "1n1l2c1t", 512 * MIB, 16 * MIB);

		s.start = QEMU_RESUMES;
		for (size_t i = 0; i < ARRAY_SIZE(boots); i++)
			lacks(&s, boots[i]);
		lacks(&s, " -dtb ");
		has(&s, " -S ");
		has(&s, " -incoming defer ");
		has(&s, " -global migration.store-global-state=off ");
	}
}

TEST(a_machine_that_just_boots_waits_for_nothing)
{
	for (enum arch a = 0; a < NR_ARCHES; a++) {
		struct qemu_shape s = shape_of(a, "1n1l2c1t", 512 * MIB, 0);

		for (size_t i = 0; i < ARRAY_SIZE(boots); i++)
			has(&s, boots[i]);
		lacks(&s, " -S ");
		lacks(&s, " -incoming ");
		lacks(&s, "migration");
	}
}

/* But for these the one that resumes must be the one that was saved, down to the last device. */
TEST(saved_and_resumed_machines_have_the_same_devices)
{
	static const char *const of_both[] = { " -machine ", " -cpu ",	 " -smp ",    " -m ",
					       " -icount ",  " -object", " -device ", " -rtc " };

	for (enum arch a = 0; a < NR_ARCHES; a++) {
		struct qemu_shape s = shape_of(a, "2n2l2c1t", 512 * MIB, 16 * MIB);

		s.start = QEMU_BOOTS_TO_FREEZE;
		SCOPED(buf_fini) struct buf x = args_of(&s);
		s.start = QEMU_RESUMES;
		SCOPED(buf_fini) struct buf y = args_of(&s);
		for (size_t i = 0; i < ARRAY_SIZE(of_both); i++) {
			const char *p = strstr(buf_str(&x), of_both[i]);
			const char *q = strstr(buf_str(&y), of_both[i]);

			assert_true(p && q);
			size_t n = strcspn(p + strlen(of_both[i]), " ") + strlen(of_both[i]);
			assert_memory_equal(p, q, n);
		}
	}
}

TEST(the_device_tree_of_a_saved_machine_keeps_the_kernel_from_the_parcel)
{
	struct qemu_shape s = shape_of(ARCH_ARM64, "2n2l2c1t", 512 * MIB, 16 * MIB);
	SCOPED(buf_fini) struct buf out = { 0 };

	assert_int_equal(qemu_device_tree(&s, &out, NULL), 0);
	int parcel = fdt_read_node(out.at, "/reserved-memory/parcel@60000000");
	assert_int_equal(fdt_read_pair(out.at, parcel, "reg", 0), qemu_parcel_gpa(&s));
	assert_int_equal(fdt_read_pair(out.at, parcel, "reg", 1), 16 * MIB);
	s.arch = ARCH_X86_64;
	buf_clear(&out);
	assert_int_equal(qemu_device_tree(&s, &out, NULL), 0);
	assert_int_equal(out.len, 0);
}

UNIT_MAIN(NULL, NULL)
