/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The backend interface on a real KVM: what machines do that no kernel does on command. LAB_VM names the
 * backend. Runs in the lab, see docs/lab.md; without KVM the tests are skipped.
 */
#include "../unit/unit.h"

#include "base/err.h"
#include "base/io.h"
#include "machine/memmap.h"
#include "tiny.h"
#include "tiny_vm.h"
#include "vm/probe.h"
#include "vm/vm.h"

#define KILL_LIMIT_MS 100
#define KILLS 5
#define LIMIT_NS 20000000000ull

static const char *backend(void)
{
	const char *name = getenv("LAB_VM");

	return name ? name : "kvm";
}

static void need_kvm(void)
{
	struct probe_result r;

	probe_kvm(ARCH_ARM64, &r);
	if (r.state != PROBE_YES)
		skip();
}

/* Running, or the test has failed with the sentence. */
static struct vm *start(const char *topology, uint64_t order, uint64_t detail)
{
	struct vm *vm = NULL;
	struct err e;

	need_kvm();
	if (tiny_start(backend(), topology, order, detail, &vm, &e) < 0)
		fail_msg("%s: %s", backend(), e.text);
	return vm;
}

/* The next event that is not output, until @deadline_ns. */
static void next(struct vm *vm, uint64_t deadline_ns, struct vm_event *ret)
{
	struct err e;

	do {
		if (vm_next(vm, deadline_ns, ret, &e) < 0)
			fail_msg("%s", e.text);
	} while (ret->kind == VM_EVENT_CONSOLE);
}

/* Until every CPU's counter is another than it was; a machine that ends instead has failed. */
static void await_change(struct vm *vm, const uint64_t *was, uint32_t nr)
{
	uint64_t deadline_ns = now_ns() + LIMIT_NS;
	struct vm_event ev;

	for (uint32_t i = 0; i < nr; i++)
		while (tiny_counter(vm, i) == was[i]) {
			next(vm, now_ns() + 1000000, &ev);
			if (ev.kind == VM_EVENT_STOPPED)
				fail_msg("stopped: %s", ev.stop.text);
			if (now_ns() > deadline_ns)
				fail_msg("cpu%u does not count", i);
		}
}

static void await_start(struct vm *vm, uint32_t nr)
{
	static const uint64_t zero[TINY_MAX_CPUS];

	await_change(vm, zero, nr);
}

static void expect_stop(struct vm *vm, enum vm_stop_kind kind)
{
	struct vm_event ev;

	next(vm, now_ns() + LIMIT_NS, &ev);
	if (ev.kind != VM_EVENT_STOPPED || ev.stop.kind != kind)
		fail_msg("event %d, stop %d, expected %d: %s", (int)ev.kind, (int)ev.stop.kind,
			 (int)kind, ev.kind == VM_EVENT_STOPPED ? ev.stop.text : "");
}

TEST(a_guest_switches_itself_off)
{
	SCOPED(vm_destroy) struct vm *vm = start("1n1l1c1t", TINY_POWER_OFF, 0);

	expect_stop(vm, VM_STOP_POWEROFF);
}

TEST(a_guest_asks_for_a_reset)
{
	SCOPED(vm_destroy) struct vm *vm = start("1n1l1c1t", TINY_RESET, 0);

	expect_stop(vm, VM_STOP_RESET);
}

/* Counters stand still while the machine is paused, however often one looks; then they go on. */
TEST(pausing_parks_every_vcpu_and_resuming_lets_them_run)
{
	SCOPED(vm_destroy) struct vm *vm = start("1n1l4c1t", TINY_COUNT, 4);
	uint64_t at_pause[4] = { 0 };
	struct vm_event ev;
	struct err e;

	for (int round = 0; round < 3; round++) {
		await_change(vm, at_pause, 4);
		assert_int_equal(vm_pause(vm, &e), 0);
		for (uint32_t i = 0; i < 4; i++)
			at_pause[i] = tiny_counter(vm, i);
		next(vm, now_ns() + 100000000, &ev);
		assert_int_equal(ev.kind, VM_EVENT_NONE);
		for (uint32_t i = 0; i < 4; i++)
			assert_int_equal(tiny_counter(vm, i), at_pause[i]);
		assert_int_equal(vm_resume(vm, &e), 0);
	}
	await_change(vm, at_pause, 4);
	vm_kill(vm);
	expect_stop(vm, VM_STOP_KILLED);
}

TEST(a_paused_machine_can_be_killed)
{
	SCOPED(vm_destroy) struct vm *vm = start("1n1l2c1t", TINY_COUNT, 2);
	struct err e;

	await_start(vm, 2);
	assert_int_equal(vm_pause(vm, &e), 0);
	vm_kill(vm);
	expect_stop(vm, VM_STOP_KILLED);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The median, because an emulated host is itself held up now and then. */
static void expect_quick_kill(const char *topology, uint64_t order, uint64_t detail, uint32_t nr)
{
	uint64_t took_ns[KILLS];

	for (int i = 0; i < KILLS; i++) {
		SCOPED(vm_destroy) struct vm *vm = start(topology, order, detail);

		await_start(vm, nr);
		uint64_t from_ns = now_ns();
		vm_kill(vm);
		expect_stop(vm, VM_STOP_KILLED);
		took_ns[i] = now_ns() - from_ns;
	}
	qsort(took_ns, KILLS, sizeof(*took_ns), by_value);
	uint64_t median_ms = took_ns[KILLS / 2] / 1000000;
	printf("# killed within %llu to %llu us\n", (unsigned long long)took_ns[0] / 1000,
	       (unsigned long long)took_ns[KILLS - 1] / 1000);
	if (median_ms > KILL_LIMIT_MS)
		fail_msg("killed after %llu ms (median)", (unsigned long long)median_ms);
}

TEST(a_guest_with_interrupts_off_is_killed_within_100_ms)
{
	expect_quick_kill("1n1l2c1t", TINY_COUNT, 2, 2);
}

TEST(a_guest_that_sleeps_for_ever_is_killed_within_100_ms)
{
	expect_quick_kill("1n1l1c1t", TINY_SLEEP, 0, 1);
}

TEST(a_guest_that_calls_the_hypervisor_for_ever_is_killed_within_100_ms)
{
	expect_quick_kill("1n1l1c1t", TINY_CALL, 0, 1);
}

TEST(a_guest_that_floods_its_console_is_killed_within_100_ms)
{
	bool ours = strcmp(backend(), "kvm") == 0;
	const struct board *b = ours ? &board_kvm_arm64 : &board_qemu_virt;

	expect_quick_kill("1n1l1c1t", TINY_STORE,
			  b->part[ours ? PART_UART_16550 : PART_UART_PL011].base, 1);
}

UNIT_MAIN(NULL, NULL)
