/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VM that we run ourselves: a machine, the threads of its vCPUs, and its devices, which the owner's
 * thread serves from within vm_next(). Internal.
 */
#ifndef VM_KVM_KVM_H
#define VM_KVM_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "dev/uart.h"
#include "dev/virtio_blk.h"
#include "dev/virtio_console.h"
#include "dev/virtio_net.h"
#include "dev/virtio_rng.h"
#include "machine/memmap.h"
#include "vm/kvm/backend.h"
#include "vm/kvm/bus.h"
#include "vm/kvm/crew.h"
#include "vm/pin.h"
#include "vm/vm.h"

struct epoll_event;
struct kvm_calls;
struct kvm_vm;
struct machine;

#define KVM_BACKLOG_MAX (1u << 20)
#define KVM_CHUNK 65536
/* Console bytes are handed on when they have waited this long: one wake-up for a line, not for a byte. */
#define KVM_CONSOLE_DELAY_NS 2000000

/* What an epoll entry stands for: one of these, a queue of a virtio device, or a watched descriptor. */
enum kvm_token {
	TOKEN_WAKE,    /* a vCPU thread has something for the loop */
	TOKEN_CONSOLE, /* console bytes have waited long enough */
	TOKEN_QUEUES,  /* + slot * VIRTIO_MAX_QUEUES + queue */
};
#define TOKEN_WATCHED (1ull << 32)

/* A serial port on the bus. */
struct kvm_serial {
	struct kvm_vm *vm;
	struct uart uart;
	int irq; /* eventfd */
};

/* A device in a virtio slot; @mmio is NULL where the slot is empty. */
struct kvm_slot {
	struct kvm_vm *vm;
	struct virtio_mmio *mmio;
	int irq; /* eventfd */
	int kick[VIRTIO_MAX_QUEUES];
};

/* A port of the virtio console. All under the lock of the bus. */
struct kvm_stream {
	struct buf out; /* for the guest, what it did not take yet */
	bool room;	/* the guest may take more now */
	bool stuck;	/* the guest has more than @in took */
	size_t in_len;
	char in[KVM_CHUNK]; /* from the guest */
};

enum kvm_phase {
	KVM_NEW,
	KVM_RUNNING,
	KVM_PAUSED,
};

struct kvm_vm {
	struct vm vm;
	const struct kvm_calls *calls;
	struct machine *machine;
	enum kvm_phase phase;
	uint64_t created_ns, setup_ns;
	int epoll;
	int wake;  /* eventfd */
	int timer; /* timerfd of KVM_CONSOLE_DELAY_NS */
	struct bus bus;
	struct crew crew;

	struct kvm_serial serial[KVM_ARM64_NR_UARTS];
	struct kvm_slot slot[NR_VIRTIO_SLOTS];
	struct virtio_console console;
	struct kvm_stream stream[CONSOLE_PORTS];
	struct virtio_blk blk;
	struct virtio_net net;
	struct virtio_rng rng;
	uint64_t rng_state;
	bool in_loop; /* under the lock of the bus: the loop is at work and will look at all there is */

	char chunk[KVM_CHUNK]; /* what VM_EVENT_* data points to */
	bool had_turn;	       /* bytes were reported last: all else is looked at first */
	bool link_ready_due;
	const struct vm_placement *place; /* borrowed from the caller; NULL = anywhere */
	struct vm_stats stats;		  /* the last ones read */
	uint64_t rss_at;		  /* when the memory of the process was looked at last */
	int sched_fd[TOPO_MAX_CPUS];
};

static inline struct kvm_vm *kvm_of(struct vm *vm)
{
	return (struct kvm_vm *)vm;
}

/* devices.c: everything on the bus, and its wires. */
void kvm_devices_init(struct kvm_vm *k);
int kvm_devices_create(struct kvm_vm *k, const struct vm_config *cfg, struct err *e);
void kvm_devices_destroy(struct kvm_vm *k);
/* Bit mask of the virtio slots that have a device. */
uint32_t kvm_slots_used(const struct kvm_vm *k);

/* stream.c: the ports of the console. */
void kvm_console_init(struct kvm_vm *k, bool tty, struct dev_line line);
int kvm_stream_send(struct kvm_vm *k, uint32_t port, const void *data, size_t n, struct err *e);
/* With the lock held: gives the guest what it has room for. */
void kvm_streams_push(struct kvm_vm *k);
/* Moves what came from the guest's @port to k->chunk; returns how much. */
size_t kvm_stream_take(struct kvm_vm *k, uint32_t port);

/* loop.c */
int kvm_next(struct vm *vm, uint64_t deadline_ns, struct vm_event *ret, struct err *e);
int kvm_watch(struct vm *vm, int fd, bool on, struct err *e);
int kvm_loop_add(struct kvm_vm *k, int fd, uint64_t token, struct err *e);
/* From any thread: the loop is to look at what there is. */
void kvm_wake(struct kvm_vm *k);

/* stats.c */
void kvm_stats_init(struct kvm_vm *k);
void kvm_stats_close(struct kvm_vm *k);
int kvm_stats(struct vm *vm, struct vm_stats *ret, struct err *e);

/* counters.c */
int kvm_counters(struct vm *vm, struct vm_counter *ret);

/* kvm.c: with another door to KVM, for tests; @calls is borrowed for the VM's life. */
int kvm_create_by(const struct kvm_calls *calls, const struct vm_config *cfg, struct vm **ret,
		  struct err *e);

#endif
