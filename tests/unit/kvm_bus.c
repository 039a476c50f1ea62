/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include "vm/kvm/bus.h"

struct reg {
	uint64_t off, value;
	unsigned int len, reads, writes;
};

static uint64_t reg_read(void *device, uint64_t off, unsigned int len)
{
	struct reg *r = device;

	r->reads++;
	r->off = off;
	r->len = len;
	return 0x8877665544332211;
}

static void reg_write(void *device, uint64_t off, uint64_t value, unsigned int len)
{
	*(struct reg *)device = (struct reg){ off, value, len, 0, 1 };
}

static const struct bus_device reg_device = { reg_read, reg_write };

TEST(accesses_go_to_the_device_that_has_all_of_them)
{
	struct reg a = { 0 }, b = { 0 };
	uint8_t data[8];
	struct bus bus;

	bus_init(&bus);
	assert_true(bus_add(&bus, &(struct bus_window){ 0x1000, 0x1000, &reg_device, &a }));
	assert_true(bus_add(&bus, &(struct bus_window){ 0x2000, 0x10, &reg_device, &b }));
	for (uint32_t len = 1; len <= 8; len *= 2) {
		memset(data, 0, sizeof(data));
		bus_access(&bus, 0x1ff8, data, len, false);
		assert_int_equal(a.off, 0xff8);
		assert_int_equal(a.len, len);
		assert_memory_equal(data, "\x11\x22\x33\x44\x55\x66\x77\x88", len);
	}
	bus_access(&bus, 0x200c, data, 4, true);
	assert_int_equal(b.off, 12);
	assert_int_equal(b.value, 0x44332211);
	assert_int_equal(bus.stray_reads + bus.stray_writes, 0);

	/* across the edge, past it, below, at the end of the world, longer than there is */
	static const struct {
		uint64_t gpa;
		uint32_t len;
	} stray[] = {
		{ 0x200d, 4 }, { 0x2010, 1 }, { 0xfff, 1 }, { UINT64_MAX, 8 }, { 0x1000, 9 }
	};
	for (size_t i = 0; i < ARRAY_SIZE(stray); i++) {
		bus_access(&bus, stray[i].gpa, data, stray[i].len, true);
		assert_int_equal(bus.stray_writes, i + 1);
		memset(data, 0, sizeof(data));
		bus_access(&bus, stray[i].gpa, data, stray[i].len, false);
		assert_int_equal(bus.stray_reads, i + 1);
		assert_int_equal(data[0], 0xff);
	}
	assert_int_equal(b.writes, 1);
	bus_fini(&bus);
}

TEST(a_full_bus_says_so)
{
	struct bus bus;

	bus_init(&bus);
	for (uint32_t i = 0; i < BUS_MAX_WINDOWS; i++)
		assert_true(bus_add(&bus, &(struct bus_window){ i, 1, &reg_device, NULL }));
	assert_false(bus_add(&bus, &(struct bus_window){ 99, 1, &reg_device, NULL }));
	bus_fini(&bus);
}

UNIT_MAIN(NULL, NULL)
