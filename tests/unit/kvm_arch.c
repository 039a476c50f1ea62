/* SPDX-License-Identifier: GPL-2.0-only */
/* arm64's vCPUs, interrupt controller, PMU and stolen time: vmm.md 1.5 to 1.9, on a fake KVM. */
#include "kvm_fix.h"

#include <errno.h>

#include "arch/arm64/abi.h"
#include "arch/arm64/clidr.h"
#include "arch/arm64/gic.h"
#include "kvm/calls.h"

#define ALL_TRANSIENT { ENOMEM, EMFILE, ENFILE, EBUSY, EAGAIN }

/* A call that fails with each of these errnos ends in that class and text. */
static void expect_class(const char *verb, uint32_t after, enum err_class transient,
			 const char *text)
{
	static const int short_of[] = ALL_TRANSIENT, hard[] = { EINVAL, EEXIST, EPERM, ENODEV };

	for (size_t i = 0; i < ARRAY_SIZE(short_of) + ARRAY_SIZE(hard); i++) {
		bool is_short = i < ARRAY_SIZE(short_of);
		int code = is_short ? short_of[i] : hard[i - ARRAY_SIZE(short_of)];
		struct fix x = fix_of();

		x.f->fault = (struct fake_fault){ verb, after, 1, code };
		expect_refused(&x, -code, is_short ? transient : ERR_HARD, text);
	}
}

TEST(item_40_a_kvm_that_cannot_be_opened_is_named)
{
	static const int codes[] = { ENOENT, EACCES };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct fix x = fix_of();

		x.f->fault = (struct fake_fault){ "open", 0, 1, codes[i] };
		expect_refused(&x, -codes[i], ERR_HARD, "open /dev/kvm: ");
	}
}

TEST(item_41_whether_exits_are_immediate_is_asked_and_kept)
{
	for (int is = 0; is < 2; is++) {
		struct fix x = fix_of();

		x.f->host.immediate_exit = is;
		fix_must_create(&x);
		assert_int_equal(x.m->has_immediate_exit, is);
		assert_true(kvm_fake_line(x.f, "check_extension kvm IMMEDIATE_EXIT", 0) <
			    kvm_fake_line(x.f, "create_vm", 0));
		fix_end(&x);
	}
}

/* 1.5: 42; 4.2 */
TEST(item_42_an_interrupted_creation_is_tried_again_with_growing_pauses)
{
	static const uint64_t slept_us[] = {
		0, 100, 600, 2600, 12600, 62600, 162600, 362600, 862600
	};

	for (uint32_t k = 0; k <= 9; k++) {
		struct fix x = fix_of();

		x.f->fault = (struct fake_fault){ "create_vm", 0, k, EINTR };
		int r = fix_create(&x);
		assert_int_equal(x.f->slept_ns, 1000 * slept_us[MIN(k, 8)]);
		if (k < 9) {
			assert_int_equal(r, 0);
		} else {
			assert_int_equal(r, -EINTR);
			assert_int_equal(x.e.cls, ERR_CONTENTION);
			assert_non_null(strstr(x.e.text, "create VM: interrupted 9 times"));
		}
		fix_end(&x);
	}
	expect_class("create_vm", 0, ERR_CONTENTION, "create VM: ");
}

TEST(item_43_a_host_without_a_target_is_named)
{
	expect_class("preferred_target", 0, ERR_HARD, "get preferred target: ");
}

/* The line of that vCPU's init, from "target" on. */
static void init_line(struct fix *x, uint32_t cpu, char *buf, size_t cap)
{
	char begin[40];
	const char *at;

	snprintf(begin, sizeof(begin), "vcpu_init vcpu%u target 5", cpu);
	at = strstr(kvm_fake_trace(x->f), begin);
	assert_non_null(at);
	snprintf(buf, cap, "%.*s", (int)strcspn(at + strlen(begin), "\n"), at + strlen(begin));
}

TEST(items_44_45_46_features_are_those_the_host_has)
{
	static const struct {
		bool address, generic, pmu;
		const char *features;
	} rows[] = {
		{ false, false, false, " psci_0_2" },
		{ true, false, false, " psci_0_2" },
		{ false, true, false, " psci_0_2" },
		{ true, true, false, " psci_0_2 ptrauth_address ptrauth_generic" },
		{ false, false, true, " psci_0_2 pmu_v3" },
		{ true, true, true, " psci_0_2 pmu_v3 ptrauth_address ptrauth_generic" },
	};
	char got[100];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fix x = fix_of();

		x.f->host.ptrauth_address = rows[i].address;
		x.f->host.ptrauth_generic = rows[i].generic;
		x.f->host.pmu = rows[i].pmu;
		fix_must_create(&x);
		init_line(&x, 0, got, sizeof(got));
		assert_string_equal(got, rows[i].features);
		fix_end(&x);
	}
}

TEST(item_47_vcpus_are_made_in_order_each_initialised_at_once)
{
	struct fix x = fix_of();

	x.spec.topo.cores = 4;
	fix_must_create(&x);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t made = kvm_fake_line(x.f, "create_vcpu", i);

		assert_true(made > kvm_fake_line(x.f, "vcpu_init", i ? i - 1 : 0) || i == 0);
		assert_int_equal(kvm_fake_line(x.f, "vcpu_init", i), made + 1);
	}
	fix_end(&x);
}

TEST(item_48_all_but_the_first_wait_for_the_guest_to_wake_them)
{
	struct fix x = fix_of();
	char got[100];

	x.spec.topo.cores = 3;
	fix_must_create(&x);
	for (uint32_t i = 0; i < 3; i++) {
		init_line(&x, i, got, sizeof(got));
		assert_int_equal(strstr(got, " power_off") != NULL, i > 0);
	}
	fix_end(&x);
}

TEST(item_49_a_vcpu_that_fails_is_named_and_a_short_host_is_no_fault)
{
	expect_class("create_vcpu", 0, ERR_CONTENTION, "create vCPU 0: ");
	expect_class("create_vcpu", 1, ERR_CONTENTION, "create vCPU 1: ");
	expect_class("vcpu_init", 1, ERR_CONTENTION, "init vCPU 1: ");
}

/* 1.5: 50; 2.5 */
TEST(item_50_cache_levels_are_set_on_all_vcpus_before_the_interrupt_controller)
{
	struct fix x = fix_of();

	fix_must_create(&x);
	EXPECT_ORDER(&x, "vcpu_init vcpu1", "get_reg vcpu0 clidr_el1 = 0x9000004",
		     "set_reg vcpu0 clidr_el1 = 0xb000123", "set_reg vcpu1 clidr_el1 = 0xb000123",
		     "create_device");
	assert_true(x.m->clidr == 0xb000123);
	fix_end(&x);

	x = fix_of(); /* as they are already: not written */
	x.f->host.clidr = 0xb000123;
	fix_must_create(&x);
	assert_int_equal(kvm_fake_count(x.f, "set_reg"), 0);
	assert_true(x.m->clidr == 0xb000123);
	fix_end(&x);
	expect_class("set_reg", 1, ERR_HARD, "set cache levels of vcpu 1: ");
}

TEST(cache_levels_may_be_those_of_the_host)
{
	struct fix x = fix_of();

	x.spec.sysfs_cache_dir = "/fake/cache";
	fix_must_create(&x);
	assert_true(x.m->clidr == 0xa000023); /* L1 of both kinds, L2 */
	fix_end(&x);

	x = fix_of(); /* none to be found: a warning and KVM's own */
	x.spec.sysfs_cache_dir = "/nowhere";
	fix_must_create(&x);
	assert_int_equal(kvm_fake_count(x.f, "set_reg"), 0);
	assert_non_null(strstr(x.m->warnings.text, "none found in sysfs"));
	fix_end(&x);

	x = fix_of(); /* a kernel that does not show the register */
	x.f->fault = (struct fake_fault){ "get_reg", 2, 1, ENOENT };
	fix_must_create(&x);
	assert_non_null(strstr(x.m->warnings.text, "caches: levels are KVM's own: No such file"));
	assert_true(x.m->clidr == 0);
	fix_end(&x);
}

TEST(levels_end_at_the_first_that_is_empty_and_all_else_is_kept)
{
	struct clidr_types t = { 0 };

	clidr_add(&t, "1", "Data");
	clidr_add(&t, "1", "Instruction");
	clidr_add(&t, "2", "Unified");
	clidr_add(&t, "4", "Unified"); /* behind a hole */
	clidr_add(&t, "8", "Unified");
	clidr_add(&t, "0", "Unified");
	clidr_add(&t, "10", "Data");
	clidr_add(&t, "3", "Mystery");
	assert_true(clidr_merge(0, &t) == 0x2000023);
	/* LoUIS, LoUU, ICB and tag bits stay; old levels and level of coherence go */
	assert_true(clidr_merge(0x7fffffffffff, &t) ==
		    (0x7fffffffffffull & ~0x71fffffull) + 0x2000023);
	t = (struct clidr_types){ { CLIDR_DATA } };
	assert_true(clidr_merge(0x9000004, &t) == 0x9000002);
	t = (struct clidr_types){ { 4, 4, 4, 4, 4, 4, 4 } };
	assert_true(clidr_merge(0, &t) == (07ull << 24 | 04444444));
}

/* 2.2: the device tree is made from the same numbers */
TEST(a_kvm_that_numbers_cpus_another_way_is_refused)
{
	struct fix x = fix_of();

	x.f->host.mpidr_skew = 1;
	expect_refused(&x, -ENOTSUP, ERR_HARD, "vCPU 0: KVM numbers it 0x1, 0x0 expected");
}

/* 1.5: 51-53; 1.6: 61; 1.8: 68 */
TEST(items_51_52_53_61_everything_has_its_place_in_the_order)
{
	struct fix x = fix_of();

	fix_must_create(&x);
	EXPECT_ORDER(&x, "vcpu_init vcpu1", "create_device type 7 flags 0", "gic_attr nr_irqs 128",
		     "gic_attr dist 0x8000000", "gic_attr redist 0x8010000", "gic_attr init",
		     "set_gsi_routing", "vcpu_attr vcpu0 pmu irq 23", "vcpu_attr vcpu0 pmu init",
		     "vcpu_attr vcpu1 pmu irq 23", "vcpu_attr vcpu1 pmu init");
	fix_end(&x);
}

/* 1.6: 55-57, 59, 60; 1.7: 64. What only sets a number does not fail for want of something. */
TEST(items_55_56_57_59_60_a_failure_of_the_interrupt_controller_is_named_and_has_its_class)
{
	expect_class("create_device", 0, ERR_CONTENTION, "create GICv3 device: ");
	expect_class("gic_attr", 0, ERR_HARD, "set GIC nr_irqs: ");
	expect_class("gic_attr", 1, ERR_HARD, "set GIC distributor address: ");
	expect_class("gic_attr", 2, ERR_HARD, "set GIC redistributor address: ");
	expect_class("gic_attr", 3, ERR_CONTENTION, "init GIC device: ");
}

TEST(item_64_routes_that_fail_are_named_and_a_short_host_is_no_fault)
{
	expect_class("set_gsi_routing", 0, ERR_CONTENTION, "set GSI routing ");
}

TEST(items_58_85_redistributors_end_below_the_devices_or_nothing_is_made)
{
	struct fix x = fix_of();
	struct err e;

	for (uint32_t n = 1; n <= 512; n++)
		assert_int_equal(arm64_gic_check(&board_kvm_arm64, n, &e), 0);
	assert_int_equal(arm64_gic_check(&board_kvm_arm64, 513, &e), -EINVAL);
	assert_string_equal(e.text,
			    "GIC redistributors of 513 vCPUs: end at 0xc030000, devices begin at "
			    "0xc010000, room for 512 vCPUs");
	x.spec.topo = (struct topology){ 1, 1, 513, 1 };
	assert_int_equal(fix_create(&x), -EINVAL);
	assert_string_equal(x.e.text, e.text);
	assert_string_equal(kvm_fake_trace(x.f), "");
	expect_refused(&x, -EINVAL, ERR_HARD, "513 vCPUs");
}

TEST(item_62_every_device_has_a_route_from_its_number_to_its_pin)
{
	struct fix x = fix_of();

	fix_must_create(&x);
	/* KVM's pin is the SPI; the fake refuses flags, pad, another type or another chip */
	assert_true(kvm_fake_line(x.f, "set_gsi_routing 6 33:1 34:2 35:3 36:4 37:5 38:6\n", 0) > 0);
	fix_end(&x);
}

TEST(item_63_routes_are_there_before_the_first_eventfd)
{
	struct fix x = fix_of();
	int fd;

	fix_must_create(&x);
	fd = x.f->calls.eventfd(x.f, 0, 0);
	assert_int_equal(machine_irqfd(x.m, fd, 33, &x.e), 0);
	EXPECT_ORDER(&x, "set_gsi_routing", "irqfd gsi 33");
	x.f->fault = (struct fake_fault){ "irqfd", 0, 1, ENOMEM };
	assert_int_equal(machine_irqfd(x.m, fd, 34, &x.e), -ENOMEM);
	assert_int_equal(x.e.cls, ERR_CONTENTION);
	for (uint32_t i = 1; i < MACHINE_MAX_IRQFDS; i++)
		assert_int_equal(machine_irqfd(x.m, fd, 33, &x.e), 0);
	assert_int_equal(machine_irqfd(x.m, fd, 33, &x.e), -ENOSPC);
	machine_destroy(hand_over(x.m));
	x.f->calls.close(x.f, fd);
	fix_end(&x);
}

/* 1.8: 65, 66; the fake has the kernel's order and wants the same PPI of all */
TEST(items_65_66_the_pmu_has_its_interrupt_before_it_is_initialised)
{
	struct fix x = fix_of();

	x.spec.topo.cores = 3;
	fix_must_create(&x);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(kvm_fake_line(x.f, "vcpu_attr", i),
				 kvm_fake_line(x.f, "vcpu_attr", 0) + i);
	assert_int_equal(kvm_fake_count(x.f, "vcpu_attr vcpu2 pmu irq 23"), 1);
	fix_end(&x);

	x = fix_of();
	x.f->host.pmu = false;
	fix_must_create(&x);
	assert_int_equal(kvm_fake_count(x.f, "vcpu_attr"), 0);
	fix_end(&x);
}

TEST(item_67_a_pmu_that_fails_is_a_hard_error_of_its_vcpu)
{
	expect_class("vcpu_attr", 0, ERR_HARD, "set PMU IRQ on vcpu 0: ");
	expect_class("vcpu_attr", 3, ERR_HARD, "init PMU on vcpu 1: ");
}

/* 1.9: 69-71 */
TEST(items_69_71_stolen_time_is_a_slot_of_64_bytes_for_each_vcpu)
{
	struct fix x = fix_of();
	char line[80];

	x.spec.topo.cores = 20;
	fix_must_create(&x);
	assert_int_equal(kvm_fake_count(x.f, "has_attr"), 0);
	assert_int_equal(machine_steal_time(x.m, KVM_ARM64_RAM + 64 * MIB, &x.e), 0);
	assert_true(x.m->has_steal);
	assert_int_equal(kvm_fake_count(x.f, "has_attr vcpu0 group 2 attr 0"), 1);
	for (uint32_t i = 0; i < 20; i++) {
		snprintf(line, sizeof(line), "vcpu_attr vcpu%u pvtime 0x%x\n", i,
			 0x44000000 + 64 * i);
		assert_int_equal(kvm_fake_count(x.f, line), 1);
	}
	fix_end(&x);

	for (uint32_t nth = 0; nth < 2; nth++) {
		x = fix_of();
		fix_must_create(&x);
		x.f->fault = (struct fake_fault){ "vcpu_attr", nth, 1, EEXIST };
		assert_int_equal(machine_steal_time(x.m, KVM_ARM64_RAM, &x.e), -EEXIST);
		snprintf(line, sizeof(line), "set stolen time of vcpu %u ", nth);
		assert_non_null(strstr(x.e.text, line));
		assert_int_equal(x.e.cls, ERR_HARD);
		fix_end(&x);
	}
}

TEST(item_71_stolen_time_is_aligned_and_in_memory_or_nothing_is_set)
{
	static const uint64_t bases[] = { KVM_ARM64_RAM + 32, KVM_ARM64_RAM - 64,
					  KVM_ARM64_RAM + 128 * MIB - 64, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		struct fix x = fix_of();

		fix_must_create(&x);
		assert_int_equal(machine_steal_time(x.m, bases[i], &x.e), -EINVAL);
		assert_int_equal(kvm_fake_count(x.f, "has_attr"), 0);
		fix_end(&x);
	}
	struct fix x = fix_of(); /* nor is the placeholder memory */
	x.spec.memory_bytes = 0;
	fix_must_create(&x);
	assert_int_equal(machine_steal_time(x.m, KVM_ARM64_RAM, &x.e), -EINVAL);
	fix_end(&x);
}

/* 1.9: 70, 73 */
TEST(items_70_73_a_host_that_counts_no_stolen_time_is_a_warning)
{
	struct fix x = fix_of();

	x.f->host.steal_time = false;
	fix_must_create(&x);
	assert_int_equal(machine_steal_time(x.m, KVM_ARM64_RAM, &x.e), 0);
	assert_false(x.m->has_steal);
	assert_int_equal(kvm_fake_count(x.f, "vcpu_attr vcpu0 pvtime"), 0);
	assert_non_null(strstr(x.m->warnings.text, "stolen time: this host does not count it"));
	fix_end(&x);
}

/* 2.2 */
TEST(the_first_vcpu_alone_gets_registers)
{
	struct fix x = fix_of();
	struct arm64_regs regs;

	fix_must_create(&x);
	assert_int_equal(machine_boot_registers(x.m, 0x40080000, 0x47e00000, &x.e), 0);
	assert_int_equal(machine_registers(x.m, 0, &regs, &x.e), 0);
	assert_true(regs.pc == 0x40080000 && regs.x[0] == 0x47e00000 && regs.pstate == 0x3c5);
	assert_true(!regs.x[1] && !regs.x[2] && !regs.x[3] && regs.mpidr_el1 == 1ull << 31);
	assert_int_equal(machine_registers(x.m, 2, &regs, &x.e), -EINVAL);
	for (uint32_t i = 0; i < 3; i++) {
		x.f->fault = (struct fake_fault){ "set_reg", i, 1, EINVAL };
		assert_int_equal(machine_boot_registers(x.m, 0, 0, &x.e), -EINVAL);
		assert_non_null(strstr(x.e.text, "vCPU 0: set "));
	}
	x.f->fault = (struct fake_fault){ "get_reg", 40, 1, EINVAL };
	assert_int_equal(machine_registers(x.m, 1, &regs, &x.e), -EINVAL);
	fix_end(&x);
}

UNIT_MAIN(NULL, NULL)
