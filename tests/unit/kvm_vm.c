/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The backend kvm with a fake of KVM behind it, whose guests do what they are told. vmm.md 4.3, 13, 15.
 * Waiting is for events throughout: a guest says when it is where the test wants it.
 */
#include "unit.h"

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "abi/frame.h"
#include "base/err.h"
#include "base/io.h"
#include "dev_driver.h"
#include "kvm/fake.h"
#include "mini_kernel.h"
#include "vm/kvm/exit.h"
#include "vm/kvm/kvm.h"
#include "vm/kvm/machine.h"

#define CPUS 8
#define UART board_at(&board_kvm_arm64, PART_UART_16550, 0)
#define NOWHERE 0x1000
#define LONG_NS 20000000000ull /* a deadline that only a hang reaches */
#define LINK_RX 4
#define LINK_TX 5

/* One return from KVM_RUN. */
struct step {
	uint32_t exit;
	int error;
	uint64_t gpa;
	uint32_t len;
	bool is_write;
	uint32_t value; /* written; or of a system event, a suberror */
};

struct guest_cpu {
	const struct step *step;
	size_t nr;
	size_t at;
	bool reading; /* the last exit was a read that it does not have the result of */
	uint64_t got; /* the result */
};

/* Guests run their steps and then compute for ever, until they are kicked. */
struct world {
	struct kvm_fake *fake;
	struct vm *vm;
	struct guest_cpu cpu[CPUS];
	sem_t busy;    /* posted whenever a vCPU begins to compute */
	int computing; /* vCPUs that do */
	int kernel;    /* descriptor */
	char kernel_path[40];
};

static void complete(struct guest_cpu *c, const struct kvm_run *run)
{
	if (c->reading)
		memcpy(&c->got, run->mmio.data, sizeof(c->got));
	c->reading = false;
}

static bool told_to_exit(struct kvm_run *run)
{
	return __atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST);
}

/* As in the kernel, a signal that is pending or comes later ends it. */
static int compute(struct world *w, struct kvm_run *run)
{
	sigset_t kick, before;

	sigemptyset(&kick);
	sigaddset(&kick, CREW_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &kick, &before);
	__atomic_add_fetch(&w->computing, 1, __ATOMIC_SEQ_CST);
	sem_post(&w->busy);
	if (!told_to_exit(run))
		ppoll(NULL, 0, NULL, &before);
	__atomic_sub_fetch(&w->computing, 1, __ATOMIC_SEQ_CST);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -EINTR;
}

static int take_step(struct guest_cpu *c, struct kvm_run *run)
{
	const struct step *s = &c->step[c->at++];

	run->exit_reason = s->exit;
	if (s->exit == KVM_EXIT_MMIO) {
		run->mmio.phys_addr = s->gpa;
		run->mmio.len = s->len;
		run->mmio.is_write = s->is_write;
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
		memcpy(run->mmio.data, &s->value, sizeof(s->value));
		c->reading = !s->is_write;
	} else if (s->exit == KVM_EXIT_SYSTEM_EVENT) {
		run->system_event.type = s->value;
	} else if (s->exit == KVM_EXIT_INTERNAL_ERROR) {
		run->internal.suberror = s->value;
	}
	return s->error;
}

static long run_guest(struct kvm_fake *f, uint32_t cpu, struct kvm_run *run)
{
	struct world *w = f->run_ctx;
	struct guest_cpu *c = &w->cpu[cpu];

	complete(c, run);
	if (told_to_exit(run))
		return -EINTR;
	return c->at < c->nr ? take_step(c, run) : compute(w, run);
}

static int set_up(void **state)
{
	SCOPED(buf_fini) struct buf image = { 0 };
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->fake = kvm_fake_create();
	w->fake->run = run_guest;
	w->fake->run_ctx = w;
	sem_init(&w->busy, 0, 0);
	mini_image(&image);
	w->kernel = anon_file("kernel", NULL);
	assert_int_equal(write_full(w->kernel, image.at, image.len), 0);
	snprintf(w->kernel_path, sizeof(w->kernel_path), "/proc/self/fd/%d", w->kernel);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char leak[200];

	vm_destroy(w->vm);
	assert_string_equal(w->fake->broken, "");
	assert_string_equal(kvm_fake_leak(w->fake, leak, sizeof(leak)), "");
	kvm_fake_destroy(w->fake);
	close_fd(&w->kernel);
	sem_destroy(&w->busy);
	free(w);
	return 0;
}
#define VM_TEST(name) TEST_WITH(name, set_up, tear_down)

static struct vm_config config(const struct world *w, uint32_t cpus)
{
	return (struct vm_config){
		.arch = ARCH_ARM64,
		.topo = { 1, 1, cpus, 1 },
		.memory_bytes = 64 << 20,
		.kernel_path = w->kernel_path,
		.initrd_fd = -1,
	};
}

static void create(struct world *w, uint32_t cpus)
{
	struct vm_config cfg = config(w, cpus);
	struct err e = { 0 };

	if (kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e) < 0)
		fail_msg("%s", e.text);
}

static void start(struct world *w, uint32_t cpus)
{
	create(w, cpus);
	assert_int_equal(vm_start(w->vm, NULL), 0);
}

static void await_busy(struct world *w, uint32_t times)
{
	while (times--)
		sem_wait(&w->busy);
}

static struct vm_event next(struct world *w)
{
	struct vm_event ev;

	assert_int_equal(vm_next(w->vm, now_ns() + LONG_NS, &ev, NULL), 0);
	return ev;
}

static struct vm_stop stopped(struct world *w)
{
	struct vm_event ev = next(w);

	assert_int_equal(ev.kind, VM_EVENT_STOPPED);
	return ev.stop;
}

VM_TEST(all_vcpus_park_and_go_on_however_often)
{
	struct world *w = *state;

	start(w, CPUS);
	for (int i = 0; i < 300; i++) {
		/* whether they have all come to run by then or not */
		if (i % 3)
			await_busy(w, CPUS);
		assert_int_equal(vm_pause(w->vm, NULL), 0);
		assert_int_equal(__atomic_load_n(&w->computing, __ATOMIC_SEQ_CST), 0);
		while (sem_trywait(&w->busy) == 0)
			continue;
		assert_int_equal(vm_resume(w->vm, NULL), 0);
	}
	await_busy(w, CPUS);
	vm_kill(w->vm);
	assert_int_equal(stopped(w).kind, VM_STOP_KILLED);
}

VM_TEST(a_pause_twice_is_a_pause)
{
	struct world *w = *state;

	start(w, 2);
	assert_int_equal(vm_pause(w->vm, NULL), 0);
	assert_int_equal(vm_pause(w->vm, NULL), 0);
	assert_int_equal(vm_resume(w->vm, NULL), 0);
	assert_int_equal(vm_resume(w->vm, NULL), 0);
	await_busy(w, 2);
}

VM_TEST(a_pause_completes_the_access_at_hand)
{
	static const struct step read[] = { { KVM_EXIT_MMIO, .gpa = NOWHERE, .len = 4 } };
	struct world *w = *state;

	for (uint32_t i = 0; i < CPUS; i++)
		w->cpu[i] = (struct guest_cpu){ .step = read, .nr = 1 };
	start(w, CPUS);
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

	start(w, 2);
	await_busy(w, 2);
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
	start(w, 1);
	struct vm_stop s = stopped(w);
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
	start(w, CPUS);
	struct vm_event ev;
	for (ev = next(w); ev.kind == VM_EVENT_CONSOLE; ev = next(w)) {
		memcpy(said + n, ev.data, ev.len);
		n += ev.len;
	}
	assert_string_equal(said, "hi");
	assert_int_equal(ev.kind, VM_EVENT_STOPPED);
	assert_int_equal(ev.stop.kind, VM_STOP_POWEROFF);
	assert_int_equal(stopped(w).kind, VM_STOP_POWEROFF); /* and again */
	assert_int_equal(vm_pause(w->vm, NULL), -ESRCH);
	assert_int_equal(vm_resume(w->vm, NULL), -ESRCH);
	vm_kill(w->vm);
	assert_int_equal(stopped(w).kind, VM_STOP_POWEROFF);
}

VM_TEST(console_bytes_need_no_end_to_be_heard)
{
	static const struct step steps[] = {
		{ KVM_EXIT_MMIO, .gpa = 0x0c011000, .len = 1, .is_write = true, .value = 'x' },
	};
	struct world *w = *state;

	w->cpu[0] = (struct guest_cpu){ .step = steps, .nr = 1 };
	start(w, 1);
	struct vm_event ev = next(w);
	assert_int_equal(ev.kind, VM_EVENT_CONSOLE);
	assert_int_equal(ev.len, 1);
	assert_memory_equal(ev.data, "x", 1);
}

static void check_error(struct world *w, const struct step *s, const char *text)
{
	w->cpu[1] = (struct guest_cpu){ .step = s, .nr = 1 };
	start(w, 2);
	struct vm_stop stop = stopped(w);
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

	create(w, 4);
	vm_kill(w->vm);
	assert_int_equal(vm_start(w->vm, NULL), 0);
	assert_int_equal(vm_start(w->vm, NULL), -EALREADY);
	assert_int_equal(vm_pause(w->vm, NULL), 0);
	vm_kill(w->vm);
	assert_int_equal(stopped(w).kind, VM_STOP_KILLED);
}

VM_TEST(a_machine_that_was_never_started_can_go)
{
	create(*state, CPUS);
}

VM_TEST(a_running_machine_can_go)
{
	start(*state, CPUS);
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
	create(w, 1);
	assert_int_equal(vm_watch(w->vm, fd, true, NULL), 0);
	assert_int_equal(vm_start(w->vm, NULL), 0);
	await_busy(w, 1);
	size_t heard = 0;
	uint32_t seen = 0, events = 0;
	while (heard < ARRAY_SIZE(steps) || !seen) {
		struct vm_event ev = next(w);

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

/* The guest's driver, in place of the guest: nobody else touches the device in these tests. */
static void connect(struct world *w, struct driver *d)
{
	struct kvm_vm *k = kvm_of(w->vm);

	*d = (struct driver){ .mem = *machine_memory(k->machine), .size = 8 };
	d->next = DRIVER_RAM + 0x20000;
	driver_start(d, &k->console.mmio, 1ull << VIRTIO_CONSOLE_F_MULTIPORT);
}

static void notify(struct world *w, uint32_t queue)
{
	eventfd_write(kvm_of(w->vm)->slot[VIRTIO_SLOT_CONSOLE].kick[queue], 1);
}

static void say(struct world *w, struct driver *d, const void *data, uint32_t n)
{
	struct driver_buf b = { driver_put(d, data, n), n, false };

	driver_add(d, LINK_TX, &b, 1);
	notify(w, LINK_TX);
}

VM_TEST(the_link_carries_what_the_guest_says_to_the_last_byte)
{
	struct world *w = *state;
	struct driver d;

	start(w, 1);
	connect(w, &d);
	say(w, &d, "hello", 5);
	struct vm_event ev = next(w);
	assert_int_equal(ev.kind, VM_EVENT_LINK);
	assert_int_equal(ev.len, 5);
	assert_memory_equal(ev.data, "hello", 5);

	/* what was notified when it ended, too */
	say(w, &d, "bye", 3);
	vm_kill(w->vm);
	ev = next(w);
	assert_int_equal(ev.kind, VM_EVENT_LINK);
	assert_memory_equal(ev.data, "bye", 3);
	assert_int_equal(stopped(w).kind, VM_STOP_KILLED);
}

static void hear_all(struct world *w, bool to_the_end)
{
	static uint8_t all[100000], heard[sizeof(all)];
	struct driver d;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)(i * 7 >> 3);
	start(w, 1);
	connect(w, &d);
	say(w, &d, all, sizeof(all));
	if (to_the_end)
		vm_kill(w->vm);
	while (n < sizeof(all)) {
		struct vm_event ev = next(w);

		assert_int_equal(ev.kind, VM_EVENT_LINK);
		assert_true(n + ev.len <= sizeof(heard));
		memcpy(heard + n, ev.data, ev.len);
		n += ev.len;
	}
	assert_memory_equal(heard, all, sizeof(all));
}

VM_TEST(more_than_fits_into_one_event_comes_in_several)
{
	hear_all(*state, false);
}

VM_TEST(more_than_fits_into_one_event_comes_before_the_end)
{
	hear_all(*state, true);
	assert_int_equal(stopped(*state).kind, VM_STOP_KILLED);
}

/* By control messages: the device is ready, the port is known, and open. */
static void open_link(struct world *w, struct driver *d)
{
	static const struct {
		uint32_t id;
		uint16_t event, value;
	} words[] = { { 0, 0, 1 }, { 1, 3, 1 }, { 1, 6, 1 } };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct driver_buf b = { driver_put(d, &words[i], sizeof(words[i])),
					sizeof(words[i]), false };

		driver_add(d, 3, &b, 1);
	}
	notify(w, 3);
}

VM_TEST(what_is_sent_waits_for_the_guest_and_is_reported_when_gone)
{
	struct world *w = *state;
	static uint8_t big[KVM_BACKLOG_MAX];
	struct err e = { 0 };
	struct driver d;

	start(w, 1);
	assert_int_equal(vm_link_send(w->vm, "abc", 3, NULL), 0);
	assert_int_equal(vm_link_backlog(w->vm), 3);
	assert_int_equal(vm_link_send(w->vm, big, sizeof(big), &e), -ENOBUFS);
	assert_string_equal(e.text, "link: the guest does not read: 3 bytes are waiting");
	assert_int_equal(vm_tty_send(w->vm, "abc", 3, &e), -EPIPE);

	connect(w, &d);
	open_link(w, &d);
	struct driver_buf room = { driver_alloc(&d, 64), 64, true };
	driver_add(&d, LINK_RX, &room, 1);
	notify(w, LINK_RX);
	assert_int_equal(next(w).kind, VM_EVENT_LINK_READY);
	assert_int_equal(vm_link_backlog(w->vm), 0);
	char got[3];
	driver_peek(&d, room.gpa, got, sizeof(got));
	assert_memory_equal(got, "abc", 3);
}

/* A guest that reads slowly, in buffers of its own size, gets everything in order. */
VM_TEST(what_is_sent_arrives_buffer_by_buffer)
{
	struct world *w = *state;
	static uint8_t big[300000], got[sizeof(big)];
	struct driver d;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 13 >> 4);
	start(w, 1);
	connect(w, &d);
	open_link(w, &d);
	struct vm_event ev;
	assert_int_equal(vm_next(w->vm, 0, &ev, NULL), 0);
	assert_int_equal(vm_link_send(w->vm, big, sizeof(big), NULL), 0);
	struct driver_buf room = { driver_alloc(&d, 4096), 4096, true };
	while (vm_link_backlog(w->vm)) {
		uint32_t head, len;

		driver_add(&d, LINK_RX, &room, 1);
		notify(w, LINK_RX);
		do
			assert_int_equal(vm_next(w->vm, 0, &ev, NULL), 0);
		while (!driver_used(&d, LINK_RX, &head, &len));
		assert_true(n + len <= sizeof(got));
		driver_peek(&d, room.gpa, got + n, len);
		n += len;
	}
	assert_int_equal(n, sizeof(big));
	assert_memory_equal(got, big, sizeof(big));
}

VM_TEST(a_guest_that_breaks_its_console_ends_the_run_with_a_sentence)
{
	struct world *w = *state;
	struct driver d;

	start(w, 2);
	connect(w, &d);
	struct driver_buf b = { 0x10, 16, false };
	driver_add(&d, LINK_TX, &b, 1);
	notify(w, LINK_TX);
	struct vm_stop s = stopped(w);
	assert_int_equal(s.kind, VM_STOP_BACKEND_ERROR);
	assert_non_null(strstr(s.text, "the guest broke a device: "));
}

/* The other devices are there when asked for, and serve what they are notified of. */
VM_TEST(a_guest_may_have_a_disk_a_network_and_random_numbers)
{
	struct world *w = *state;
	SCOPED(close_fd) int fd = anon_file("disk", NULL);
	struct vm_disk disk = { .fd = fd };
	struct vm_config cfg = config(w, 1);
	struct driver d;

	assert_int_equal(write_full(fd, (char[1024]){ 1 }, 1024), 0);
	cfg.disk = &disk;
	cfg.net = cfg.rng = true;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, NULL), 0);
	struct kvm_vm *k = kvm_of(w->vm);
	assert_int_equal(kvm_slots_used(k), (1 << NR_VIRTIO_SLOTS) - 1);
	assert_int_equal(k->blk.sectors, 2);
	assert_int_equal(k->machine->nr_irqfds, KVM_ARM64_NR_UARTS + NR_VIRTIO_SLOTS);

	d = (struct driver){ .mem = *machine_memory(k->machine), .size = 8 };
	d.next = DRIVER_RAM + 0x20000;
	driver_start(&d, &k->rng.mmio, 0);
	struct driver_buf b = { driver_alloc(&d, 24), 24, true };
	driver_add(&d, 0, &b, 1);
	eventfd_write(k->slot[VIRTIO_SLOT_RNG].kick[0], 1);
	struct vm_event ev;
	assert_int_equal(vm_next(w->vm, 0, &ev, NULL), 0);
	uint32_t head, len;
	assert_true(driver_used(&d, 0, &head, &len));
	assert_int_equal(len, 24);
	eventfd_t pulses;
	assert_int_equal(eventfd_read(k->slot[VIRTIO_SLOT_RNG].irq, &pulses), 0);
}

VM_TEST(statistics_name_each_vcpu)
{
	struct world *w = *state;
	static struct vm_stats st;

	start(w, CPUS);
	await_busy(w, CPUS);
	assert_int_equal(vm_stats(w->vm, &st, NULL), 0);
	assert_int_equal(st.nr_vcpus, CPUS);
	assert_true(st.setup_ns > 0);
	assert_true(st.rss_bytes > 0);
	vm_kill(w->vm);
	stopped(w);
	assert_int_equal(vm_stats(w->vm, &st, NULL), 0);
}

VM_TEST(a_wide_machine_has_the_descriptors_it_takes)
{
	struct world *w = *state;
	struct rlimit before, l;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	l = (struct rlimit){ 300, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
	create(w, 100);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	assert_true(l.rlim_cur == MIN(456, before.rlim_max));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* vmm.md 19; the fake's vCPU n has 1000 + n exits, 7 of them by signals. */
VM_TEST(counters_are_summed_once_the_vcpus_have_left)
{
	struct world *w = *state;
	struct vm_counter c[VM_MAX_COUNTERS];

	start(w, 3);
	assert_int_equal(vm_counters(w->vm, c), -EBUSY);
	vm_kill(w->vm);
	assert_int_equal(stopped(w).kind, VM_STOP_KILLED);
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
	struct vm_config cfg = config(w, 2);
	struct err e = { 0 };

	cfg.time = VM_TIME_VIRTUAL;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -EINVAL);
	cfg = config(w, 2);
	cfg.accel = VM_ACCEL_TCG;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -EINVAL);
	cfg = config(w, 2);
	cfg.freeze_at = 0x1000;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -ENOTSUP);
	cfg = config(w, 2);
	cfg.arch = ARCH_X86_64;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -ENOTSUP);
	cfg = config(w, 2);
	cfg.kernel_path = "/proc/self/status";
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -ENOEXEC);
	cfg = config(w, 2);
	cfg.memory_bytes = 2 << 20;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -EINVAL);
	assert_int_equal(w->fake->nr_calls, 0);
	assert_null(w->vm);
}

VM_TEST(a_kvm_that_cannot_interrupt_its_guests_is_refused)
{
	struct world *w = *state;
	struct vm_config cfg = config(w, 2);
	struct err e = { 0 };

	w->fake->host.immediate_exit = false;
	assert_int_equal(kvm_create_by(&w->fake->calls, &cfg, &w->vm, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "KVM_CAP_IMMEDIATE_EXIT"));
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
		create(w, 1);
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
	struct vm_config cfg = config(w, 3);
	char leak[200];
	bool done = false;

	for (int n = 0; !done; n++) {
		struct kvm_fake *f = kvm_fake_create();
		struct vm *vm = NULL;
		struct err e = { 0 };

		f->host.thp = thp;
		f->run = run_guest;
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
