/* SPDX-License-Identifier: GPL-2.0-only */
#include "kvm_world.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "abi/frame.h"
#include "base/err.h"
#include "base/io.h"
#include "dev_driver.h"
#include "vm/kvm/machine.h"

#define LINK_RX 4
#define LINK_TX 5

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

	world_start(w, 1);
	connect(w, &d);
	say(w, &d, "hello", 5);
	struct vm_event ev = world_next(w);
	assert_int_equal(ev.kind, VM_EVENT_LINK);
	assert_int_equal(ev.len, 5);
	assert_memory_equal(ev.data, "hello", 5);

	/* what was notified when it ended, too */
	say(w, &d, "bye", 3);
	vm_kill(w->vm);
	ev = world_next(w);
	assert_int_equal(ev.kind, VM_EVENT_LINK);
	assert_memory_equal(ev.data, "bye", 3);
	assert_int_equal(world_stopped(w).kind, VM_STOP_KILLED);
}

static void hear_all(struct world *w, bool to_the_end)
{
	static uint8_t all[100000], heard[sizeof(all)];
	struct driver d;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)(i * 7 >> 3);
	world_start(w, 1);
	connect(w, &d);
	say(w, &d, all, sizeof(all));
	if (to_the_end)
		vm_kill(w->vm);
	while (n < sizeof(all)) {
		struct vm_event ev = world_next(w);

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
	assert_int_equal(world_stopped(*state).kind, VM_STOP_KILLED);
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

	world_start(w, 1);
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
	assert_int_equal(world_next(w).kind, VM_EVENT_LINK_READY);
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
	world_start(w, 1);
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

	world_start(w, 2);
	connect(w, &d);
	struct driver_buf b = { 0x10, 16, false };
	driver_add(&d, LINK_TX, &b, 1);
	notify(w, LINK_TX);
	struct vm_stop s = world_stopped(w);
	assert_int_equal(s.kind, VM_STOP_BACKEND_ERROR);
	assert_non_null(strstr(s.text, "the guest broke a device: "));
}

/* The other devices are there when asked for, and serve what they are notified of. */
VM_TEST(a_guest_may_have_a_disk_a_network_and_random_numbers)
{
	struct world *w = *state;
	SCOPED(close_fd) int fd = anon_file("disk", NULL);
	struct vm_disk disk = { .fd = fd };
	struct vm_config cfg = world_config(w, 1);
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

	world_start(w, CPUS);
	world_await_busy(w, CPUS);
	assert_int_equal(vm_stats(w->vm, &st, NULL), 0);
	assert_int_equal(st.nr_vcpus, CPUS);
	assert_true(st.setup_ns > 0);
	assert_true(st.rss_bytes > 0);
	vm_kill(w->vm);
	world_stopped(w);
	assert_int_equal(vm_stats(w->vm, &st, NULL), 0);
}

VM_TEST(a_wide_machine_has_the_descriptors_it_takes)
{
	struct world *w = *state;
	struct rlimit before, l;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	l = (struct rlimit){ 300, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
	world_create(w, 100);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
	assert_true(l.rlim_cur == MIN(456, before.rlim_max));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

UNIT_MAIN(NULL, NULL)
