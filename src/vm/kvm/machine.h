/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One virtual machine on /dev/kvm, complete but not running: VM, vCPUs, interrupt controller, memory.
 * It owns every descriptor and mapping; threads borrow them and have ended when it is destroyed.
 */
#ifndef VM_KVM_MACHINE_H
#define VM_KVM_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arm64/vcpu.h"
#include "base/scoped.h"
#include "machine/topology.h"
#include "vm/kvm/kstats.h"
#include "vm/kvm/ram.h"

struct board;
struct err;
struct kvm_calls;
struct kvm_run;

struct machine_spec {
	const struct kvm_calls *calls; /* borrowed for the machine's life; NULL: the host's */
	const struct board *board;     /* likewise */
	struct topology topo;
	uint64_t memory_bytes; /* 0: comes later, by machine_place_memory() */
	bool huge_pages;       /* asked for; ordinary ones are taken if there are none */
	bool performance;      /* prefault, huge pages if enough are free */
	/*
	 * Per guest node the set of host nodes its memory is to be on, 0: any. Copied. All 0: the
	 * kernel decides.
	 */
	uint64_t host_nodes[TOPO_MAX_NODES];
	/*
	 * A CPU's cache directory of sysfs, as "/sys/devices/system/cpu/cpu0/cache", to show the guest
	 * those levels. NULL: the levels that our device tree describes, which is what agrees with it.
	 */
	const char *sysfs_cache_dir;
};

struct machine_vcpu {
	int fd;
	struct kvm_run *run; /* machine.run_size bytes */
	int stats_fd;	     /* -1: not asked for, or none */
	uint32_t mpidr;	     /* Aff0 to Aff2 as KVM has them; "reg" of the device tree's node */
};

#define MACHINE_MAX_IRQFDS 16

struct machine {
	const struct kvm_calls *calls; /* borrowed */
	const struct board *board;     /* borrowed */
	struct topology topo;
	int kvm, vm, gic;
	struct machine_vcpu *vcpu;
	uint32_t nr_vcpus; /* created, of topo_cpus() */
	size_t run_size;
	struct ram ram;		/* ram.mem is guest memory */
	struct ram placeholder; /* instead of it, until there is any */
	uint32_t ipa_bits;
	bool has_immediate_exit;
	bool has_pmu;	/* the device tree has one */
	bool has_steal; /* machine_steal_time() did it */
	bool has_memory;
	bool huge_pages, performance; /* as asked for, for memory that comes later */
	uint64_t host_nodes[TOPO_MAX_NODES];
	bool binds_memory;
	uint64_t clidr; /* of all vCPUs; 0: unknown */
	struct {
		int fd;
		uint32_t gsi;
	} irqfd[MACHINE_MAX_IRQFDS];
	uint32_t nr_irqfds;
	int *overlay; /* descriptors of files mapped over memory, each with a shared lock */
	uint32_t nr_overlays;
	struct warnings warnings;
};

/*
 * What cannot be is refused before anything is created. Errors: ERR_TOPOLOGY for what this host cannot
 * do at all, ERR_CONTENTION for what it cannot do just now.
 */
int machine_create(const struct machine_spec *s, struct machine **ret, struct err *e);
/* After the threads have ended. NULL and half-built are fine. */
void machine_destroy(struct machine *m);
DEFINE_SCOPED(struct machine *, machine_destroy)

/* For a machine made without memory; once, whatever came of it. */
int machine_place_memory(struct machine *m, uint64_t bytes, struct err *e);
/* The guest's memory; a page at its beginning until machine_place_memory(). */
const struct gmem *machine_memory(const struct machine *m);
/*
 * Puts @len bytes of the file behind @fd into memory at @gpa without copying them: its pages become the
 * guest's, privately. All multiples of the page size, except that the file may end within the last
 * page. A shared flock() keeps writers that ask from changing it while the machine lives.
 */
int machine_overlay(struct machine *m, uint64_t gpa, int fd, uint64_t off, uint64_t len,
		    struct err *e);

/* @base: room for topo_cpus() slots of PVTIME_SLOT bytes. A host that cannot do it is a warning. */
int machine_steal_time(struct machine *m, uint64_t base, struct err *e);
/* How long KVM looks out for a wake-up before it lets a vCPU's thread sleep. Also only a warning. */
void machine_halt_poll(struct machine *m, uint32_t ns);
int machine_boot_registers(struct machine *m, uint64_t entry, uint64_t fdt, struct err *e);
/* Of a vCPU whose thread does not run it. */
int machine_registers(struct machine *m, uint32_t cpu, struct arm64_regs *ret, struct err *e);
static inline uint32_t machine_mpidr(const struct machine *m, uint32_t cpu)
{
	return m->vcpu[cpu].mpidr;
}

/* A write to @fd pulses interrupt @gsi (SPI_INTID()). @fd: borrowed for the machine's life. */
int machine_irqfd(struct machine *m, int fd, uint32_t gsi, struct err *e);
/*
 * A write of the guest of @len bytes to @gpa is a write to @fd and no exit; only of *match if it is
 * not NULL.
 */
int machine_ioeventfd(struct machine *m, int fd, uint64_t gpa, uint32_t len, const uint32_t *match,
		      struct err *e);

/* -ENOTSUP: a kernel without statistics. Any thread that has the machine to itself. */
int machine_stats(struct machine *m, uint32_t cpu, struct kstats *ret, struct err *e);

#endif
