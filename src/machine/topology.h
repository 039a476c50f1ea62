/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPU topology of a guest, as declared: nodes, last-level caches, cores, threads. */
#ifndef MACHINE_TOPOLOGY_H
#define MACHINE_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/parse.h"

struct err;

#define TOPO_MAX_CPUS 512
#define TOPO_MAX_NODES 64
#define TOPO_MAX_KINDS 8
#define TOPO_CAPACITY_MAX 1024 /* what kernels scale the largest core to */
#define TOPO_TEXT_MAX 80
#define TOPO_FORM_HELP \
	"as in 2n4l8c2t: 2 nodes, 4 LLCs in total, 8 cores per LLC, 2 threads per core"

/*
 * CPU ids are sequential: LLC by LLC, core by core, thread by thread (threads of a core are
 * neighbours). LLCs are split evenly over nodes, in order. A package is a node.
 *
 * Behind the four numbers of the text there may be two more things. "1m": so many nodes of memory
 * without CPUs, numbered behind the others. "@1024:512": kinds of cores, each as many as the other,
 * in order, by what they can do; with as many cores as kinds, each has its own. 1n2l4c1t@1024:512
 * has a fast LLC and a slow one, 1n1l8c1t@1024:512:512:512 two fast cores and six slow ones that
 * share one.
 */
struct topology {
	uint32_t nodes;	  /* with CPUs */
	uint32_t llcs;	  /* in total, a multiple of nodes */
	uint32_t cores;	  /* per LLC */
	uint32_t threads; /* per core */
	uint32_t memory_nodes;
	uint32_t nr_kinds; /* 0: all cores are alike */
	uint32_t capacity[TOPO_MAX_KINDS];
};

/* Names exactly what is impossible: zero, not divisible, too many CPUs (TOPO_MAX_CPUS). */
int topo_check(const struct topology *t, struct err *e);
/* "AnBlCcDt", with what may be behind it, or the name of a preset; checked. */
int topo_parse(const char *s, struct topology *ret, struct err *e);
/* Canonical text into @buf (TOPO_TEXT_MAX bytes suffice); returns @buf. */
const char *topo_format(const struct topology *t, char *buf, size_t cap);

uint32_t topo_cpus(const struct topology *t);
uint32_t topo_nodes(const struct topology *t); /* with memory: those with CPUs and those without */
/* What @cpu's core can do, relative to the largest, TOPO_CAPACITY_MAX. */
uint32_t topo_capacity_of(const struct topology *t, uint32_t cpu);
uint32_t topo_llc_of(const struct topology *t, uint32_t cpu);
uint32_t topo_node_of(const struct topology *t, uint32_t cpu);
uint32_t topo_core_of(const struct topology *t, uint32_t cpu); /* machine-wide core number */
uint32_t topo_thread_of(const struct topology *t, uint32_t cpu);
/*
 * x2APIC id: node, LLC in the node, core, thread, each in the fewest bits that hold it, so that a
 * package is a node and a die an LLC. QEMU numbers the same way. Holes are normal.
 */
uint32_t topo_apic_id(const struct topology *t, uint32_t cpu);
/* Affinity fields of MPIDR_EL1 as QEMU and KVM number CPUs with a GICv3: 16 in Aff0, then Aff1. */
uint32_t topo_mpidr(const struct topology *t, uint32_t cpu);
/* ACPI SLIT / numa-distance-map-v1 values: 10 local, 20 remote. */
uint32_t topo_distance(const struct topology *t, uint32_t a, uint32_t b);
/* Default guest memory in MiB: 256 plus what the CPUs and nodes need (TARGETS.md). */
uint32_t topo_default_memory_mib(const struct topology *t);
/*
 * How @bytes of RAM are dealt out: *ret_off and *ret_len of @node's part, all topo_nodes() in order,
 * equal shares of whole 2 MiB and the rest for the last one.
 */
void topo_node_memory(const struct topology *t, uint64_t bytes, uint32_t node, uint64_t *ret_off,
		      uint64_t *ret_len);

struct topo_preset {
	const char *name;
	struct topology topo;
	bool arm64; /* also offered for arm64 (the ones without SMT) */
};
/* All presets; terminated by name = NULL. */
extern const struct topo_preset topo_presets[];

#endif
