/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine we run on, as far as placement and reports care. */
#ifndef MACHINE_HOSTTOPO_H
#define MACHINE_HOSTTOPO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scoped.h"
#include "machine/draw.h"

struct buf;
struct err;

/*
 * CPUs that share a last-level cache and a node: a slice of hosttopo.place[], core by core. @id is
 * its lowest CPU, seen or not, so that all processes of a machine call it the same.
 */
struct host_llc {
	uint32_t id, node;
	uint32_t first, nr;
};

struct hosttopo {
	struct topo_place *place; /* CPUs of our cgroup, sorted as topo_draw_places() wants */
	size_t nr_cpus;
	struct host_llc *llc;	     /* by topo_place.llc: @llcs of them */
	uint32_t nodes, llcs, cores; /* with at least one of these CPUs */
	uint64_t llc_bytes;	     /* of the largest, 0 if unknown */
	uint64_t memory_bytes;	     /* that the kernel manages */
	char model[64];		     /* of the CPU, "" if unknown */
};

/* Takes tens of milliseconds on large machines. Release with hosttopo_fini(). */
int hosttopo_init(struct hosttopo *h, struct err *e);
/* A made-up machine for tests, in hwloc's words: "numa:2 l3:2 core:4 pu:2". */
int hosttopo_init_synthetic(struct hosttopo *h, const char *text, struct err *e);
/* Keeps the CPUs that @keep likes and forgets the rest; -ENODATA when none is left. */
int hosttopo_keep(struct hosttopo *h, bool (*keep)(const void *ctx, uint32_t cpu), const void *ctx,
		  struct err *e);
void hosttopo_fini(struct hosttopo *h);
DEFINE_SCOPED_FINI(struct hosttopo, hosttopo_fini)
/* One line without newline: "4 CPUs: 1 node, 1 LLC of 32 MiB, 2 cores; 7.8 GiB; <model>". */
void hosttopo_summary(const struct hosttopo *h, struct buf *out);

#endif
