/* SPDX-License-Identifier: GPL-2.0-only */
#include "kvm_world.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>

#include "base/err.h"
#include "base/io.h"
#include "dev_driver.h"
#include "vm/kvm/exit.h"
#include "vm/kvm/machine.h"

VM_TEST(all_vcpus_park_and_go_on_however_often)
{
	struct world *w = *state;

	world_start(w, CPUS);
	for (int i = 0; i < 300; i++) {
		/* whether they have all come to run by then or not */
		if (i % 3)
			world_await_busy(w, CPUS);
		assert_int_equal(vm_pause(w->vm, NULL), 0);
		assert_int_equal(__atomic_load_n(&w->computing, __ATOMIC_SEQ_CST), 0);
		while (sem_trywait(&w->busy) == 0)
			continue;
		assert_int_equal(vm_resume(w->vm, NULL), 0);
	}
	world_await_busy(w, CPUS);
	vm_kill(w->vm);
	assert_int_equal(world_stopped(w).kind, VM_STOP_KILLED);
}

VM_TEST(a_pause_twice_is_a_pause)
{
	struct world *w = *state;

	world_start(w, 2);
	assert_int_equal(vm_pause(w->vm, NULL), 0);
	assert_int_equal(vm_pause(w->vm, NULL), 0);
	assert_int_equal(vm_resume(w->vm, NULL), 0);
	assert_int_equal(vm_resume(w->vm, NULL), 0);
	world_await_busy(w, 2);
}

VM_TEST(a_pause_completes_the_access_at_hand)
{
	static const struct step read[] = { { KVM_EXIT_MMIO, .gpa = NOWHERE, .len = 4 } };
	struct world *w = *state;

	for (uint32_t i = 0; i < CPUS; i++)
		w->cpu[i] = (struct guest_cpu){ .step = read, .nr = 1 };
	world_start(w, CPUS);
	for (uint32_t round = 0; round < 50; round++) {
		assert_int_equal(vm_pause(w->vm, NULL), 0);
		for (uint32_t i = 0; i < CPUS; i++) {
			assert_false(w->cpu[i].reading);
			assert_true(!w->cpu[i].at || w->cpu[i].got == UINT32_MAX);
			w->cpu[i].at = 0; /* once more */
		}
		assert_int_equal(vm_resume(w->vm, NULL), 0);
	}
}

VM_TEST(registers_can_be_read_while_paused)
{
	struct world *w = *state;
	struct arm64_regs regs;

	world_start(w, 2);
	world_await_busy(w, 2);
	assert_int_equal(vm_pause(w->vm, NULL), 0);
	assert_int_equal(machine_registers(kvm_of(w->vm)->machine, 0, &regs, NULL), 0);
	assert_int_equal(regs.pc, board_kvm_arm64.part[PART_RAM].base);
	assert_int_equal(machine_registers(kvm_of(w->vm)->machine, 1, &regs, NULL), 0);
}

VM_TEST(an_access_that_nobody_answers_reads_ones_and_is_counted)
{
	static const struct step steps[] = {
		{ KVM_EXIT_MMIO, .gpa = NOWHERE, .len = 2 },
		{ KVM_EXIT_MMIO, .gpa = NOWHERE, .len = 4, .is_write = true, .value = 5 },
		{ KVM_EXIT_SYSTEM_EVENT, .value = KVM_SYSTEM_EVENT_RESET },
	};
	struct world *w = *state;

	w->cpu[0] = (struct guest_cpu){ .step = steps, .nr = ARRAY_SIZE(steps) };
	world_start(w, 1);
	struct vm_stop s = world_stopped(w);
	assert_int_equal(s.kind, VM_STOP_RESET);
	assert_string_equal(s.text, "the guest asked for a reset");
	assert_int_equal(w->cpu[0].got, 0xffff);
	assert_int_equal(kvm_of(w->vm)->bus.stray_reads, 1);
	assert_int_equal(kvm_of(w->vm)->bus.stray_writes, 1);
}

/* Said before the end is heard before the end. */
VM_TEST(console_bytes_come_before_the_end)
{
	static const struct step steps[] = {
		{ KVM_EXIT_MMIO, .gpa = 0x0c010000, .len = 1, .is_write = true, .value = 'h' },
		{ KVM_EXIT_MMIO, .gpa = 0x0c010000, .len = 1, .is_write = true, .value = 'i' },
		{ KVM_EXIT_SYSTEM_EVENT, .value = KVM_SYSTEM_EVENT_SHUTDOWN },
	};
	struct world *w = *state;
	char said[8] = "";
	size_t n = 0;

	assert_int_equal(UART, 0x0c010000);
	w->cpu[3] = (struct guest_cpu){ .step = steps, .nr = ARRAY_SIZE(steps) };
	world_start(w, CPUS);
	struct vm_event ev;
	for (ev = world_next(w); ev.kind == VM_EVENT_CONSOLE; ev = world_next(w)) {
		memcpy(said + n, ev.data, ev.len);
		n += ev.len;
	}
	assert_string_equal(said, "hi");
	assert_int_equal(ev.kind, VM_EVENT_STOPPED);
	assert_int_equal(ev.stop.kind, VM_STOP_POWEROFF);
	assert_int_equal(world_stopped(w).kind, VM_STOP_POWEROFF); /* and again */
	assert_int_equal(vm_pause(w->vm, NULL), -ESRCH);
	assert_int_equal(vm_resume(w->vm, NULL), -ESRCH);
	vm_kill(w->vm);
	assert_int_equal(world_stopped(w).kind, VM_STOP_POWEROFF);
}

VM_TEST(console_bytes_need_no_end_to_be_heard)
{
	static const struct step steps[] = {
		{ KVM_EXIT_MMIO, .gpa = 0x0c011000, .len = 1, .is_write = true, .value = 'x' },
	};
	struct world *w = *state;

	w->cpu[0] = (struct guest_cpu){ .step = steps, .nr = 1 };
	world_start(w, 1);
	struct vm_event ev = world_next(w);
	assert_int_equal(ev.kind, VM_EVENT_CONSOLE);
	assert_int_equal(ev.len, 1);
	assert_memory_equal(ev.data, "x", 1);
}

static void check_error(struct world *w, const struct step *s, const char *text)
{
	w->cpu[1] = (struct guest_cpu){ .step = s, .nr = 1 };
	world_start(w, 2);
	struct vm_stop stop = world_stopped(w);
	assert_int_equal(stop.kind, VM_STOP_BACKEND_ERROR);
	assert_string_equal(stop.text, text);
}

VM_TEST(an_internal_error_says_which_and_where)
{
	check_error(*state, &(struct step){ KVM_EXIT_INTERNAL_ERROR, .value = 1 },
		    "vCPU 1: KVM internal error 1 (emulation failure), at pc 0x0");
}

VM_TEST(memory_the_host_cannot_provide_is_named)
{
	check_error(*state, &(struct step){ KVM_EXIT_UNKNOWN, .error = -EFAULT },
		    "vCPU 1: the host could not provide guest memory: Bad address, at pc 0x0");
}

VM_TEST(a_refused_entry_says_so)
{
	check_error(*state, &(struct step){ KVM_EXIT_FAIL_ENTRY },
		    "vCPU 1: KVM could not enter the guest: hardware reason 0x0, at pc 0x0");
}

/* Every reason there is has one meaning. */
TEST(exits_are_judged)
{
	struct kvm_run run = { 0 };
	struct vm_stop s;

	for (run.exit_reason = 0; run.exit_reason < 64; run.exit_reason++) {
		enum vcpu_exit want = run.exit_reason == KVM_EXIT_MMIO ? VCPU_EXIT_MMIO
				      : run.exit_reason == KVM_EXIT_INTR ||
						      run.exit_reason == KVM_EXIT_IRQ_WINDOW_OPEN
					      ? VCPU_EXIT_NONE
					      : VCPU_EXIT_STOP;

		assert_int_equal(exit_judge(&run, &s), want);
		if (want == VCPU_EXIT_STOP) {
			assert_int_equal(s.kind, VM_STOP_BACKEND_ERROR);
			assert_true(s.text[0]);
		}
	}
	run.exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run.system_event.type = KVM_SYSTEM_EVENT_CRASH;
	assert_int_equal(exit_judge(&run, &s), VCPU_EXIT_STOP);
	assert_int_equal(s.kind, VM_STOP_RESET);
}

VM_TEST(a_machine_can_be_killed_while_paused_and_before_it_is_started)
{
	struct world *w = *state;

	world_create(w, 4);
	vm_kill(w->vm);
	assert_int_equal(vm_start(w->vm, NULL), 0);
	assert_int_equal(vm_start(w->vm, NULL), -EALREADY);
	assert_int_equal(vm_pause(w->vm, NULL), 0);
	vm_kill(w->vm);
	assert_int_equal(world_stopped(w).kind, VM_STOP_KILLED);
}

VM_TEST(a_machine_that_was_never_started_can_go)
{
	world_create(*state, CPUS);
}

VM_TEST(a_running_machine_can_go)
{
	world_start(*state, CPUS);
}

VM_TEST(what_is_watched_is_seen_although_the_guest_talks)
{
	static struct step steps[2000];
	struct world *w = *state;
	SCOPED(close_fd) int fd = eventfd(1, EFD_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		steps[i] = (struct step){ KVM_EXIT_MMIO, .gpa = UART, .len = 1, .is_write = true,
					  .value = 'a' };
	w->cpu[0] = (struct guest_cpu){ .step = steps, .nr = ARRAY_SIZE(steps) };
	world_create(w, 1);
	assert_int_equal(vm_watch(w->vm, fd, true, NULL), 0);
	assert_int_equal(vm_start(w->vm, NULL), 0);
	world_await_busy(w, 1);
	size_t heard = 0;
	uint32_t seen = 0, events = 0;
	while (heard < ARRAY_SIZE(steps) || !seen) {
		struct vm_event ev = world_next(w);

		events++;
		seen += ev.kind == VM_EVENT_WATCHED && ev.fd == fd;
		heard += ev.kind == VM_EVENT_CONSOLE ? ev.len : 0;
		assert_true(events < 3 || seen);
	}
	assert_int_equal(vm_watch(w->vm, fd, false, NULL), 0);
	assert_int_equal(vm_watch(w->vm, w->kernel, true, NULL), -EPERM);
	struct vm_event ev;
	assert_int_equal(vm_next(w->vm, 0, &ev, NULL), 0);
	assert_int_equal(ev.kind, VM_EVENT_NONE);
}

/* vmm.md 19; the fake's vCPU n has 1000 + n exits, 7 of them by signals. */
VM_TEST(counters_are_summed_once_the_vcpus_have_left)
{
	struct world *w = *state;
	struct vm_counter c[VM_MAX_COUNTERS];

	world_start(w, 3);
	assert_int_equal(vm_counters(w->vm, c), -EBUSY);
	vm_kill(w->vm);
	assert_int_equal(world_stopped(w).kind, VM_STOP_KILLED);
	assert_int_equal(vm_counters(w->vm, c), 2);
	assert_string_equal(c[0].name, "exits");
	assert_int_equal(c[0].sum, 3003);
	assert_string_equal(c[1].name, "signal_exits");
	assert_int_equal(c[1].sum, 21);
	w->fake->fault = (struct fake_fault){ "pread", 1, 1, EIO };
	assert_int_equal(vm_counters(w->vm, c), -EIO);
}

VM_TEST(what_it_cannot_do_is_refused_before_anything_is_created)
{
	struct world *w = *state;
	struct vm_config cfg = world_config(w, 2);
	struct err e = { 0 };

	cfg.time = VM_TIME_VIRTUAL;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -EINVAL);
	cfg = world_config(w, 2);
	cfg.accel = VM_ACCEL_TCG;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -EINVAL);
	cfg = world_config(w, 2);
	cfg.freeze_at = 0x1000;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -ENOTSUP);
	cfg = world_config(w, 2);
	cfg.arch = ARCH_X86_64;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -ENOTSUP);
	cfg = world_config(w, 2);
	cfg.kernel_path = "/proc/self/status";
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -ENOEXEC);
	cfg = world_config(w, 2);
	cfg.memory_bytes = 2 << 20;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -EINVAL);
	assert_int_equal(w->fake->nr_calls, 0);
	assert_null(w->vm);
}

VM_TEST(a_kvm_that_cannot_interrupt_its_guests_is_refused)
{
	struct world *w = *state;
	struct vm_config cfg = world_config(w, 2);
	struct err e = { 0 };

	w->fake->host.immediate_exit = false;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "KVM_CAP_IMMEDIATE_EXIT"));
}

VM_TEST(performance_mode_takes_huge_pages_only_if_there_are_enough)
{
	struct world *w = *state;
	const struct vm_placement place = { .huge_pages = true,
					    .prefault = true,
					    .halt_poll_ns = PIN_NONE };
	struct vm_config cfg = world_config(w, 1);
	struct err e = { 0 };

	cfg.place = &place;
	w->fake->host.free_huge_pages = 3;
	if (kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(w->vm->warnings.nr, 1);
	assert_string_equal(w->vm->warnings.w[0].name, "huge-pages");
	assert_non_null(strstr(w->vm->warnings.w[0].text, "3 of 2 MiB are free"));
}

#define ANY_FILES "always within_size advise [never] deny force"

/* Private memory may have huge pages where files have none, and then has no file. */
VM_TEST(memory_is_where_the_huge_pages_are)
{
	struct world *w = *state;
	static const struct {
		const char *thp, *files;
		uint32_t memfds;
		bool huge;
	} hosts[] = {
		{ "[always] madvise never", ANY_FILES, 0, true },
		{ "always [madvise] never", "always within_size advise never [deny] force", 0,
		  true },
		{ "always [madvise] never", "always within_size [advise] never deny force", 1,
		  true },
		{ "always madvise [never]", ANY_FILES, 1, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		kvm_fake_destroy(w->fake); /* there is one VM in each */
		w->fake = kvm_fake_create();
		w->fake->host.thp = hosts[i].thp;
		w->fake->host.thp_files = hosts[i].files;
		world_create(w, 1);
		assert_int_equal(kvm_fake_count(w->fake, "memfd"), hosts[i].memfds);
		assert_int_equal(kvm_of(w->vm)->machine->ram.thp, hosts[i].huge);
		uint8_t *kernel = vm_memory(w->vm, DRIVER_RAM, 64);
		assert_memory_equal(kernel + 56, "ARM\x64", 4);
		vm_destroy(w->vm);
		w->vm = NULL;
	}
}

static void fail_each(struct world *w, const char *thp)
{
	struct vm_config cfg = world_config(w, 3);
	char leak[200];
	bool done = false;

	for (int n = 0; !done; n++) {
		struct kvm_fake *f = kvm_fake_create();
		struct vm *vm = NULL;
		struct err e = { 0 };

		f->host.thp = thp;
		f->run = w->fake->run;
		f->run_ctx = w;
		f->fail_at = n;
		f->fail_code = EIO;
		int r = kvm_create_by(&f->calls, &cfg, &vm, &e);
		done = !f->failed;
		if (r < 0)
			assert_true(e.text[0]);
		vm_destroy(vm);
		assert_string_equal(f->broken, "");
		assert_string_equal(kvm_fake_leak(f, leak, sizeof(leak)), "");
		kvm_fake_destroy(f);
		assert_true(n < 1000);
	}
}

/* vmm.md 1.3: 29, of all that a backend makes. */
VM_TEST(whatever_call_fails_nothing_is_left_behind)
{
	fail_each(*state, "[always] madvise never");
	fail_each(*state, "always madvise [never]");
}

UNIT_MAIN(NULL, NULL)
