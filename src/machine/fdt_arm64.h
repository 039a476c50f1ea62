/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device tree of an arm64 guest: the board's devices and exactly the declared topology.
 *
 * With QEMU, -dtb FILE replaces QEMU's own tree. QEMU 10.0 then still writes into it, at start:
 * chosen/bootargs when -append is given, chosen/linux,initrd-*, /psci, and one /memory@ADDRESS per
 * -numa node in place of ours (same ranges, same numa-node-id). chosen/rng-seed it fills with
 * random bytes, which are its own unless it has -seed. Distances, CPUs, caches and everything else
 * are as we wrote them. The line that works is in topo_qemu.h.
 */
#ifndef MACHINE_FDT_ARM64_H
#define MACHINE_FDT_ARM64_H

#include <stdbool.h>
#include <stdint.h>

#include "machine/topology.h"

struct board;
struct buf;
struct err;

struct fdt_board {
	const struct board *board;
	struct topology topo;
	uint64_t memory_bytes;
	struct {
		uint64_t base, size;
	} parcel;	     /* RAM behind all of /memory that is not the kernel's; no size: none */
	uint64_t memory_end; /* what /memory stops at, place.pvtime.base; 0: the end of it all */
	const char *bootargs;  /* NULL: whoever loads the tree adds them */
	uint32_t bootargs_max; /* what the kernel reads of them; 0: what all have read so far */
	uint64_t initrd_start;
	uint64_t initrd_end; /* behind the last byte; equal: none, or added by the loader */
	uint64_t seed;	     /* what the seeds in chosen derive from */
	bool kaslr;	     /* a kaslr-seed: a moved kernel, and with it page table isolation */
	bool pmu;
	uint32_t virtio_slots; /* bit N: something is in slot N */
	uint32_t idle_uarts;   /* bit N: there, but kernels do not spend their exits on it */
	uint64_t clidr;	       /* CLIDR_EL1 as the CPUs have it; 0: QEMU's neoverse-n1 */
	const uint64_t *mpidr; /* of each CPU, borrowed; NULL: topo_mpidr() */
};

/* Appends the blob. -EINVAL names what the board has no room for. */
int fdt_describe_arm64(const struct fdt_board *b, struct buf *out, struct err *e);

#endif
