/* SPDX-License-Identifier: GPL-2.0-only */
/* What is on the bus of our own board, and the wires: interrupts out, notifications in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "kvm/calls.h"
#include "vm/kvm/kvm.h"
#include "vm/kvm/machine.h"

/* linux/virtio_mmio.h: where the driver writes the number of a queue that has something for us. */
#define QUEUE_NOTIFY 0x50

static void pulse(void *ctx)
{
	eventfd_write(*(int *)ctx, 1);
}

/* Half full is soon full, so that does not wait for the timer. */
static void console_news(struct kvm_serial *s, size_t before)
{
	struct itimerspec soon = { .it_value = { .tv_nsec = KVM_CONSOLE_DELAY_NS } };
	size_t now = uart_pending(&s->uart);

	if (!before && now)
		timerfd_settime(s->vm->timer, 0, &soon, NULL);
	else if (before < UART_OUT_CAP / 2 && now >= UART_OUT_CAP / 2)
		kvm_wake(s->vm);
}

static uint64_t serial_read(void *device, uint64_t off, unsigned int len)
{
	struct kvm_serial *s = device;

	return len == 1 ? uart_read(&s->uart, off) : UINT64_MAX;
}

static void serial_write(void *device, uint64_t off, uint64_t value, unsigned int len)
{
	struct kvm_serial *s = device;
	size_t before = uart_pending(&s->uart);

	if (len != 1)
		return;
	uart_write(&s->uart, off, (uint8_t)value);
	console_news(s, before);
}

static uint64_t slot_read(void *device, uint64_t off, unsigned int len)
{
	return virtio_mmio_read(((struct kvm_slot *)device)->mmio, off, len);
}

static void slot_write(void *device, uint64_t off, uint64_t value, unsigned int len)
{
	struct kvm_slot *s = device;

	virtio_mmio_write(s->mmio, off, value, len);
	if (virtio_mmio_pending(s->mmio) || virtio_mmio_broken(s->mmio))
		kvm_wake(s->vm);
}

static const struct bus_device serial_device = { serial_read, serial_write };
static const struct bus_device slot_device = { slot_read, slot_write };

static int make_eventfd(struct kvm_vm *k, int *ret, const char *what, uint32_t which, struct err *e)
{
	*ret = k->calls->eventfd(k->calls->ctx, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *ret < 0 ? err_sys(e, *ret, "%s %u", what, which) : 0;
}

static int make_line(struct kvm_vm *k, int *ret, enum board_part part, uint32_t i, struct err *e)
{
	uint32_t spi = board_spi(k->machine->board, part, i);
	int r = make_eventfd(k, ret, "interrupt line of SPI", spi, e);

	return r < 0 ? r : machine_irqfd(k->machine, *ret, SPI_INTID(spi), e);
}

static int add_window(struct kvm_vm *k, enum board_part part, uint32_t i,
		      const struct bus_device *ops, void *device, struct err *e)
{
	const struct board *b = k->machine->board;
	struct bus_window w = { board_at(b, part, i), b->part[part].size, ops, device };

	return bus_add(&k->bus, &w) ? 0 : err_set(e, -ENOSPC, "bus: no room for a device");
}

static int add_serial(struct kvm_vm *k, uint32_t i, struct err *e)
{
	struct kvm_serial *s = &k->serial[i];
	int r = make_line(k, &s->irq, PART_UART_16550, i, e);

	if (r < 0)
		return r;
	uart_init(&s->uart, (struct dev_line){ pulse, &s->irq });
	return add_window(k, PART_UART_16550, i, &serial_device, s, e);
}

static int add_kick(struct kvm_vm *k, uint32_t slot, uint32_t queue, struct err *e)
{
	struct kvm_slot *s = &k->slot[slot];
	uint64_t notify = board_at(k->machine->board, PART_VIRTIO_MMIO, slot) + QUEUE_NOTIFY;
	int r = make_eventfd(k, &s->kick[queue], "notification of queue", queue, e);

	if (!r)
		r = machine_ioeventfd(k->machine, s->kick[queue], notify, 4, &queue, e);
	if (!r)
		r = kvm_loop_add(k, s->kick[queue], TOKEN_QUEUES + slot * VIRTIO_MAX_QUEUES + queue,
				 e);
	return r;
}

/* The device behind @mmio is initialised. */
static int add_slot(struct kvm_vm *k, uint32_t slot, struct virtio_mmio *mmio, struct err *e)
{
	struct kvm_slot *s = &k->slot[slot];
	int r = make_line(k, &s->irq, PART_VIRTIO_MMIO, slot, e);

	if (!r)
		r = add_window(k, PART_VIRTIO_MMIO, slot, &slot_device, s, e);
	s->mmio = mmio;
	for (uint32_t q = 0; q < mmio->type->nr_queues && !r; q++)
		r = add_kick(k, slot, q, e);
	return r;
}

/* Of virtio slot @slot; its eventfd is made by and by. */
static struct dev_line line_of(struct kvm_vm *k, enum virtio_slot slot)
{
	return (struct dev_line){ pulse, &k->slot[slot].irq };
}

static int add_disk(struct kvm_vm *k, const struct vm_disk *disk, struct err *e)
{
	off_t size = lseek(disk->fd, 0, SEEK_END);
	struct blk_spec spec = {
		.mem = machine_memory(k->machine),
		.line = line_of(k, VIRTIO_SLOT_BLOCK),
		.fd = disk->fd,
		.bytes = (uint64_t)size,
		.read_only = disk->read_only,
		.serial = "ktstr",
	};

	if (size < 0)
		return err_sys(e, -errno, "disk");
	virtio_blk_init(&k->blk, &spec);
	return add_slot(k, VIRTIO_SLOT_BLOCK, &k->blk.mmio, e);
}

/* splitmix64: a guest is not to find out anything, only to have enough. */
static size_t fill_random(void *ctx, void *to, size_t n)
{
	uint64_t *state = ctx;

	for (size_t i = 0; i < n; i += sizeof(*state)) {
		uint64_t z = *state += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		z ^= z >> 31;
		memcpy((uint8_t *)to + i, &z, MIN(sizeof(z), n - i));
	}
	return n;
}

static int add_console(struct kvm_vm *k, bool tty, struct err *e)
{
	kvm_console_init(k, tty, line_of(k, VIRTIO_SLOT_CONSOLE));
	return add_slot(k, VIRTIO_SLOT_CONSOLE, &k->console.mmio, e);
}

static int add_net(struct kvm_vm *k, struct err *e)
{
	struct net_spec spec = { .mem = machine_memory(k->machine),
				 .line = line_of(k, VIRTIO_SLOT_NET) };

	virtio_net_init(&k->net, &spec);
	return add_slot(k, VIRTIO_SLOT_NET, &k->net.mmio, e);
}

static int add_rng(struct kvm_vm *k, uint64_t seed, struct err *e)
{
	struct rng_spec spec = { .mem = machine_memory(k->machine),
				 .line = line_of(k, VIRTIO_SLOT_RNG),
				 .fill = fill_random,
				 .ctx = &k->rng_state };

	k->rng_state = ~seed; /* not what the device tree's seeds are made from */
	virtio_rng_init(&k->rng, &spec);
	return add_slot(k, VIRTIO_SLOT_RNG, &k->rng.mmio, e);
}

void kvm_devices_init(struct kvm_vm *k)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(k->serial); i++) {
		k->serial[i].vm = k;
		k->serial[i].irq = -1;
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(k->slot); i++) {
		k->slot[i].vm = k;
		k->slot[i].irq = -1;
		for (uint32_t q = 0; q < VIRTIO_MAX_QUEUES; q++)
			k->slot[i].kick[q] = -1;
	}
}

int kvm_devices_create(struct kvm_vm *k, const struct vm_config *cfg, struct err *e)
{
	int r = 0;

	for (uint32_t i = 0; i < ARRAY_SIZE(k->serial) && !r; i++)
		r = add_serial(k, i, e);
	if (!r)
		r = add_console(k, cfg->tty, e);
	if (!r && cfg->disk)
		r = add_disk(k, cfg->disk, e);
	if (!r && cfg->net)
		r = add_net(k, e);
	if (!r && cfg->rng)
		r = add_rng(k, cfg->seed, e);
	return r;
}

void kvm_devices_destroy(struct kvm_vm *k)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(k->serial); i++)
		kvm_close(k->calls, &k->serial[i].irq);
	for (uint32_t i = 0; i < ARRAY_SIZE(k->slot); i++) {
		kvm_close(k->calls, &k->slot[i].irq);
		for (uint32_t q = 0; q < VIRTIO_MAX_QUEUES; q++)
			kvm_close(k->calls, &k->slot[i].kick[q]);
	}
	for (uint32_t port = 0; port < CONSOLE_PORTS; port++)
		buf_fini(&k->stream[port].out);
}

uint32_t kvm_slots_used(const struct kvm_vm *k)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < ARRAY_SIZE(k->slot); i++)
		used |= (uint32_t)(k->slot[i].mmio != NULL) << i;
	return used;
}
