/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUs and caches of an arm64 guest. Linux takes the caches from here and from CLIDR_EL1, and shows
 * none at all where it finds fewer levels here than there, or other kinds at the first one.
 */
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "base/scoped.h"
#include "machine/fdt.h"
#include "machine/fdt_arm64.h"
#include "machine/fdt_arm64_part.h"
#include "machine/memmap.h"

#define MPIDR_AFF 0xffffffu /* Aff2, Aff1, Aff0: #address-cells is 1 */
#define CLIDR_LEVELS 7

enum ctype { /* CLIDR_EL1.Ctype<n>; the first two are bits */
	     CTYPE_INSTRUCTION = 1,
	     CTYPE_DATA = 2,
	     CTYPE_UNIFIED = 4,
};
#define CLIDR_OURS (CTYPE_INSTRUCTION | CTYPE_DATA | CTYPE_UNIFIED << 3 | CTYPE_UNIFIED << 6)

/* Caches as large as those of a server core of today; nothing emulates them. */
static const struct cache {
	uint32_t size, sets, line;
} caches[] = {
	[1] = { 64 << 10, 256, 64 },
	[2] = { 1 << 20, 2048, 64 },
	[3] = { 16 << 20, 16384, 64 }, /* and whatever is behind it */
};
#define LEVEL_CORE 2 /* up to here a cache is a core's, then an LLC's */
#define LEVEL_LLC 3

static uint64_t clidr_of(const struct fdt_board *b)
{
	return b->clidr ? b->clidr : CLIDR_OURS;
}

static uint32_t ctype(uint64_t clidr, uint32_t level)
{
	return clidr >> 3 * (level - 1) & 7;
}

/* At least those that make cores and LLCs; levels that CLIDR_EL1 does not know, Linux takes from us. */
static uint32_t nr_levels(const struct fdt_board *b)
{
	uint32_t level = 1;

	while (level <= CLIDR_LEVELS && ctype(clidr_of(b), level))
		level++;
	return MAX(level - 1, (uint32_t)LEVEL_LLC);
}

int fdt_check_cpus(const struct fdt_board *b, struct err *e)
{
	for (uint32_t level = 2; level <= CLIDR_LEVELS; level++) {
		uint32_t type = ctype(clidr_of(b), level);

		if (!ctype(clidr_of(b), level - 1))
			break;
		if (type && type != CTYPE_UNIFIED)
			return err_set(
				e, -EINVAL,
				"board %s: CLIDR_EL1 0x%llx: level %u is of type %u, and "
				"only unified caches can be described behind the first level",
				b->board->name, (unsigned long long)b->clidr, level, type);
	}
	return 0;
}

static void put_geometry(struct dt *d, const char *kind, const struct cache *c)
{
	char name[32];

	snprintf(name, sizeof(name), "%scache-size", kind);
	dt_put_u32(d, name, c->size);
	snprintf(name, sizeof(name), "%scache-sets", kind);
	dt_put_u32(d, name, c->sets);
	snprintf(name, sizeof(name), "%scache-line-size", kind);
	dt_put_u32(d, name, c->line);
}

static uint32_t mpidr_of(const struct fdt_board *b, uint32_t cpu)
{
	return b->mpidr ? b->mpidr[cpu] & MPIDR_AFF : topo_mpidr(&b->topo, cpu);
}

static void put_cpu(struct dt *d, const struct fdt_board *b, uint32_t cpu)
{
	uint32_t reg = mpidr_of(b, cpu), l1 = ctype(clidr_of(b), 1);

	dt_open(d, "cpu@%x", reg);
	dt_put_str(d, "device_type", "cpu");
	dt_put_str(d, "compatible", "arm,armv8");
	dt_put_u32(d, "reg", reg);
	dt_put_str(d, "enable-method", "psci");
	dt_put_u32(d, "numa-node-id", topo_node_of(&b->topo, cpu));
	if (b->topo.nr_kinds)
		dt_put_u32(d, "capacity-dmips-mhz", topo_capacity_of(&b->topo, cpu));
	if (l1 & CTYPE_DATA)
		put_geometry(d, "d-", &caches[1]);
	if (l1 & CTYPE_INSTRUCTION)
		put_geometry(d, "i-", &caches[1]);
	if (l1 & CTYPE_UNIFIED) {
		put_geometry(d, "", &caches[1]);
		dt_put_flag(d, "cache-unified");
	}
	dt_put_u32(d, "next-level-cache", LEVEL_CORE * PHANDLE_CACHE + topo_core_of(&b->topo, cpu));
	dt_put_u32(d, "phandle", PHANDLE_CPU + cpu);
	dt_close(d);
}

/* Number @which of @level, a unified cache; @next is the one behind it, where @level is not @last. */
static void put_cache(struct dt *d, uint32_t level, uint32_t which, uint32_t last, uint32_t next)
{
	dt_open(d, "l%u-cache%u", level, which);
	dt_put_str(d, "compatible", "cache");
	dt_put_u32(d, "cache-level", level);
	dt_put_flag(d, "cache-unified");
	put_geometry(d, "", &caches[MIN(level, (uint32_t)LEVEL_LLC)]);
	if (level != last)
		dt_put_u32(d, "next-level-cache", (level + 1) * PHANDLE_CACHE + next);
	dt_put_u32(d, "phandle", level * PHANDLE_CACHE + which);
	dt_close(d);
}

/*
 * The last level has to be an LLC's however many there are: the scheduler takes those CPUs for
 * neighbours that share the last one.
 */
static void put_caches(struct dt *d, const struct fdt_board *b)
{
	const struct topology *t = &b->topo;
	uint32_t last = nr_levels(b);

	for (uint32_t core = 0; core < t->llcs * t->cores; core++)
		put_cache(d, LEVEL_CORE, core, last, core / t->cores);
	for (uint32_t level = LEVEL_LLC; level <= last; level++)
		for (uint32_t llc = 0; llc < t->llcs; llc++)
			put_cache(d, level, llc, last, llc);
}

/* A core of one thread is a leaf itself, as the kernel's cpu-map binding wants it. */
static void put_map_core(struct dt *d, const struct topology *t, uint32_t llc, uint32_t core)
{
	uint32_t cpu = (llc * t->cores + core) * t->threads;

	dt_open(d, "core%u", core);
	if (t->threads == 1)
		dt_put_u32(d, "cpu", PHANDLE_CPU + cpu);
	for (uint32_t i = 0; t->threads > 1 && i < t->threads; i++) {
		dt_open(d, "thread%u", i);
		dt_put_u32(d, "cpu", PHANDLE_CPU + cpu + i);
		dt_close(d);
	}
	dt_close(d);
}

static void put_map(struct dt *d, const struct topology *t)
{
	uint32_t per_node = t->llcs / t->nodes;

	dt_open(d, "cpu-map");
	for (uint32_t node = 0; node < t->nodes; node++) {
		dt_open(d, "socket%u", node);
		for (uint32_t i = 0; i < per_node; i++) {
			dt_open(d, "cluster%u", i);
			for (uint32_t core = 0; core < t->cores; core++)
				put_map_core(d, t, node * per_node + i, core);
			dt_close(d);
		}
		dt_close(d);
	}
	dt_close(d);
}

void fdt_put_cpus(struct dt *d, const struct fdt_board *b)
{
	dt_open(d, "cpus");
	dt_put_u32(d, "#address-cells", 1);
	dt_put_u32(d, "#size-cells", 0);
	for (uint32_t cpu = 0; cpu < topo_cpus(&b->topo); cpu++)
		put_cpu(d, b, cpu);
	put_caches(d, b);
	put_map(d, &b->topo);
	dt_close(d);
}
