/* SPDX-License-Identifier: GPL-2.0-only */
/* vmm.md 1.9: what a guest that asks for stolen time hears, on a real KVM and without a backend. */
#include <linux/kvm.h>
#include <unistd.h>

#include "../unit/unit.h"

#include "base/err.h"
#include "kvm/calls.h"
#include "machine/gmem.h"
#include "machine/memmap.h"
#include "tiny.h"
#include "vm/kvm/machine.h"

#define MEMORY (128ull << 20)
#define STEAL_BASE (0x40000000 + MEMORY - 4096)
#define NOT_SUPPORTED UINT64_MAX

extern const char tiny_image[], tiny_image_end[];

static struct machine *create(void)
{
	const struct machine_spec s = { .board = &board_kvm_arm64,
					.topo = { .nodes = 1, .llcs = 1, .cores = 1, .threads = 1 },
					.memory_bytes = MEMORY };
	uint64_t order = TINY_STEAL, base = board_kvm_arm64.part[PART_RAM].base;
	struct machine *m = NULL;
	struct err e = { 0 };

	if (access("/dev/kvm", R_OK | W_OK) != 0)
		skip();
	if (machine_create(&s, &m, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(gmem_write(machine_memory(m), base, tiny_image,
			       (size_t)(tiny_image_end - tiny_image)));
	assert_true(gmem_write(machine_memory(m), base + TINY_ORDER, &order, sizeof(order)));
	if (machine_boot_registers(m, base, 0, &e) < 0)
		fail_msg("%s", e.text);
	return m;
}

/* Until the guest switches itself off; what it left. */
static uint64_t answer(struct machine *m)
{
	uint64_t said = 0;

	assert_int_equal(kvm_real.ioctl(kvm_real.ctx, m->vcpu[0].fd, KVM_RUN, NULL), 0);
	assert_int_equal(m->vcpu[0].run->exit_reason, KVM_EXIT_SYSTEM_EVENT);
	assert_true(gmem_read(machine_memory(m), TINY_COUNTERS, &said, sizeof(said)));
	return said;
}

TEST(items_69_72_a_guest_is_told_where_its_stolen_time_is)
{
	SCOPED(machine_destroy) struct machine *m = create();
	struct err e = { 0 };

	assert_int_equal(machine_steal_time(m, STEAL_BASE, &e), 0);
	assert_true(m->has_steal);
	assert_int_equal(answer(m), STEAL_BASE);
}

/* With nowhere to read it, a kernel's stolen time stays 0. */
TEST(items_72_73_without_an_address_a_guest_is_told_that_there_is_none)
{
	SCOPED(machine_destroy) struct machine *m = create();

	assert_int_equal(answer(m), NOT_SUPPORTED);
}

UNIT_MAIN(NULL, NULL)
