/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where in the guest's RAM things are put before it runs, and the proof that nothing of a machine
 * lies on anything else. Pure: numbers in, numbers out. For boards whose loader we are.
 *
 *   RAM begins                                                                       RAM ends
 *   | kernel (2 MiB aligned + text_offset) ... | initrd | stolen time | device tree, 2 MiB |
 *                                                       ^ /memory ends here
 */
#ifndef MACHINE_PLACE_H
#define MACHINE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct board;
struct err;
struct gmem;

struct place_want {
	const struct board *board;
	uint64_t memory_bytes;
	uint32_t nr_cpus;
	/* What the kernel says of itself, kernel_placement() of image/kernel.h; size 0: no kernel. */
	uint64_t text_offset, kernel_size;
	uint64_t initrd_size; /* 0: none */
	uint64_t host_page;   /* the initrd may be a mapping of ours; 0: of any host */
};

/* From @base up to, not including, @end; equal: there is none. */
struct place_range {
	uint64_t base, end;
};

struct place {
	struct place_range ram;
	struct place_range kernel; /* base is the entry as well */
	struct place_range initrd;
	struct place_range pvtime; /* PVTIME_SLOT per CPU */
	struct place_range fdt;	   /* all of its room */
};

/* -EINVAL names what there is no room for, or the two things that would overlap. */
int place_plan(const struct place_want *w, struct place *ret, struct err *e);

/*
 * To be called once all is decided, before anything runs: RAM, devices and interrupt controller
 * are apart, and kernel, initrd, stolen time and device tree are apart and in RAM. @ram is what
 * was really registered; stolen time has to be in one piece of it. NULL: in one piece as planned.
 */
int place_seal(const struct place_want *w, const struct place *p, const struct gmem *ram,
	       struct err *e);

/* Where @cpu's stolen time is. */
uint64_t place_pvtime_of(const struct place *p, uint32_t cpu);

#endif
