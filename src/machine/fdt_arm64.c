/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/fdt_arm64.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/scoped.h"
#include "machine/fdt.h"
#include "machine/memmap.h"

#define COMMAND_LINE_MAX 2047 /* COMMAND_LINE_SIZE of arch/arm64, less the NUL */

enum { /* first cell of an interrupt */
       GIC_SPI,
       GIC_PPI,
};
enum { /* third cell */
       IRQ_EDGE_RISING = 1,
       IRQ_LEVEL_HIGH = 4,
};
enum { /* private interrupts, the same on every machine with a GIC (Arm BSA) */
       PPI_TIMER_HYP = 10,
       PPI_TIMER_VIRT = 11,
       PPI_TIMER_SECURE = 13,
       PPI_TIMER_PHYS = 14,
};
enum phandle {
	PHANDLE_GIC = 1,
	PHANDLE_CLOCK,
	PHANDLE_CPU = 0x1000,
	PHANDLE_L2 = 0x2000,
	PHANDLE_L3 = 0x3000,
};

/* Caches as large as those of a server core of today; nothing emulates them. */
struct cache {
	uint32_t size, sets, line;
};
static const struct cache l1 = { 64 << 10, 256, 64 }, l2 = { 1 << 20, 2048, 64 },
			  l3 = { 16 << 20, 16384, 64 };

static const struct board_range *part(const struct fdt_board *b, enum board_part which)
{
	return &b->board->part[which];
}

static void put_reg(struct dt *d, const struct board_range *r)
{
	DT_PAIRS(d, "reg", r->base, r->size * r->nr);
}

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void put_random(struct dt *d, uint64_t seed, bool kaslr)
{
	uint64_t v[4];

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = splitmix64(&seed);
	dt_put_pairs(d, "rng-seed", v, ARRAY_SIZE(v));
	if (kaslr)
		dt_put_u64(d, "kaslr-seed", splitmix64(&seed));
}

static void put_chosen(struct dt *d, const struct fdt_board *b)
{
	char path[48];

	snprintf(path, sizeof(path), "/serial@%llx",
		 (unsigned long long)part(b, PART_UART_PL011)->base);
	dt_open(d, "chosen");
	dt_put_str(d, "stdout-path", path);
	if (b->bootargs)
		dt_put_str(d, "bootargs", b->bootargs);
	if (b->initrd_end > b->initrd_start) {
		dt_put_u64(d, "linux,initrd-start", b->initrd_start);
		dt_put_u64(d, "linux,initrd-end", b->initrd_end);
	}
	put_random(d, b->seed, b->kaslr);
	dt_close(d);
}

static void put_memory(struct dt *d, const struct fdt_board *b)
{
	uint64_t off, len;

	for (uint32_t node = 0; node < b->topo.nodes; node++) {
		topo_node_memory(&b->topo, b->memory_bytes, node, &off, &len);
		uint64_t base = part(b, PART_RAM)->base + off;

		dt_open(d, "memory@%llx", (unsigned long long)base);
		dt_put_str(d, "device_type", "memory");
		DT_PAIRS(d, "reg", base, len);
		dt_put_u32(d, "numa-node-id", node);
		dt_close(d);
	}
}

static void put_distances(struct dt *d, const struct topology *t)
{
	uint32_t cells[TOPO_MAX_NODES * TOPO_MAX_NODES * 3], *at = cells;

	for (uint32_t i = 0; i < t->nodes; i++) {
		for (uint32_t j = 0; j < t->nodes; j++) {
			*at++ = i;
			*at++ = j;
			*at++ = topo_distance(t, i, j);
		}
	}
	dt_open(d, "distance-map");
	dt_put_str(d, "compatible", "numa-distance-map-v1");
	dt_put_cells(d, "distance-matrix", cells, (size_t)(at - cells));
	dt_close(d);
}

static void put_cpu(struct dt *d, const struct topology *t, uint32_t cpu)
{
	uint32_t reg = topo_mpidr(t, cpu);

	dt_open(d, "cpu@%x", reg);
	dt_put_str(d, "device_type", "cpu");
	dt_put_str(d, "compatible", "arm,armv8");
	dt_put_u32(d, "reg", reg);
	dt_put_str(d, "enable-method", "psci");
	dt_put_u32(d, "numa-node-id", topo_node_of(t, cpu));
	dt_put_u32(d, "d-cache-size", l1.size);
	dt_put_u32(d, "d-cache-sets", l1.sets);
	dt_put_u32(d, "d-cache-line-size", l1.line);
	dt_put_u32(d, "i-cache-size", l1.size);
	dt_put_u32(d, "i-cache-sets", l1.sets);
	dt_put_u32(d, "i-cache-line-size", l1.line);
	dt_put_u32(d, "next-level-cache", PHANDLE_L2 + topo_core_of(t, cpu));
	dt_put_u32(d, "phandle", PHANDLE_CPU + cpu);
	dt_close(d);
}

/* A unified cache; @next is the phandle of the one behind it, 0 for none. */
static void put_cache(struct dt *d, uint32_t level, uint32_t which, const struct cache *c,
		      uint32_t phandle, uint32_t next)
{
	dt_open(d, "l%u-cache%u", level, which);
	dt_put_str(d, "compatible", "cache");
	dt_put_u32(d, "cache-level", level);
	dt_put_flag(d, "cache-unified");
	dt_put_u32(d, "cache-size", c->size);
	dt_put_u32(d, "cache-sets", c->sets);
	dt_put_u32(d, "cache-line-size", c->line);
	if (next)
		dt_put_u32(d, "next-level-cache", next);
	dt_put_u32(d, "phandle", phandle);
	dt_close(d);
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

static void put_cpus(struct dt *d, const struct topology *t)
{
	dt_open(d, "cpus");
	dt_put_u32(d, "#address-cells", 1);
	dt_put_u32(d, "#size-cells", 0);
	for (uint32_t cpu = 0; cpu < topo_cpus(t); cpu++)
		put_cpu(d, t, cpu);
	for (uint32_t core = 0; core < t->llcs * t->cores; core++)
		put_cache(d, 2, core, &l2, PHANDLE_L2 + core, PHANDLE_L3 + core / t->cores);
	for (uint32_t llc = 0; llc < t->llcs; llc++)
		put_cache(d, 3, llc, &l3, PHANDLE_L3 + llc, 0);
	put_map(d, t);
	dt_close(d);
}

static void put_gic(struct dt *d, const struct fdt_board *b)
{
	const struct board_range *dist = part(b, PART_GIC_DIST), *first = part(b, PART_GIC_REDIST),
				 *more = part(b, PART_GIC_REDIST_MORE);
	uint64_t reg[] = { dist->base, dist->size,	     first->base, first->size * first->nr,
			   more->base, more->size * more->nr };
	uint32_t regions = topo_cpus(&b->topo) > first->nr ? 2 : 1;

	dt_open(d, "interrupt-controller@%llx", (unsigned long long)dist->base);
	dt_put_str(d, "compatible", "arm,gic-v3");
	dt_put_pairs(d, "reg", reg, 2 + 2 * regions);
	dt_put_u32(d, "#redistributor-regions", regions);
	dt_put_u32(d, "#interrupt-cells", 3);
	dt_put_flag(d, "interrupt-controller");
	dt_put_u32(d, "#address-cells", 0);
	dt_put_u32(d, "phandle", PHANDLE_GIC);
	dt_close(d);
}

/* What every arm64 machine of ours has, whatever the board. */
static void put_architecture(struct dt *d)
{
	dt_open(d, "psci");
	DT_STRS(d, "compatible", "arm,psci-1.0\0arm,psci-0.2");
	dt_put_str(d, "method", "hvc");
	dt_close(d);

	dt_open(d, "timer");
	dt_put_str(d, "compatible", "arm,armv8-timer");
	dt_put_flag(d, "always-on");
	DT_CELLS(d, "interrupts", GIC_PPI, PPI_TIMER_SECURE, IRQ_LEVEL_HIGH, GIC_PPI,
		 PPI_TIMER_PHYS, IRQ_LEVEL_HIGH, GIC_PPI, PPI_TIMER_VIRT, IRQ_LEVEL_HIGH, GIC_PPI,
		 PPI_TIMER_HYP, IRQ_LEVEL_HIGH);
	dt_close(d);

	dt_open(d, "pmu");
	dt_put_str(d, "compatible", "arm,armv8-pmuv3");
	DT_CELLS(d, "interrupts", GIC_PPI, PPI_PMU, IRQ_LEVEL_HIGH);
	dt_close(d);
}

static void put_uart(struct dt *d, const struct board_range *uart)
{
	dt_open(d, "clock");
	dt_put_str(d, "compatible", "fixed-clock");
	dt_put_u32(d, "#clock-cells", 0);
	dt_put_u32(d, "clock-frequency", 24000000);
	dt_put_u32(d, "phandle", PHANDLE_CLOCK);
	dt_close(d);

	dt_open(d, "serial@%llx", (unsigned long long)uart->base);
	DT_STRS(d, "compatible", "arm,pl011\0arm,primecell");
	put_reg(d, uart);
	DT_CELLS(d, "interrupts", GIC_SPI, uart->irq, IRQ_LEVEL_HIGH);
	DT_CELLS(d, "clocks", PHANDLE_CLOCK, PHANDLE_CLOCK);
	DT_STRS(d, "clock-names", "uartclk\0apb_pclk");
	dt_close(d);
}

static void put_virtio(struct dt *d, const struct board_range *slots, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t base = slots->base + i * slots->size;

		dt_open(d, "virtio@%llx", (unsigned long long)base);
		dt_put_str(d, "compatible", "virtio,mmio");
		DT_PAIRS(d, "reg", base, slots->size);
		DT_CELLS(d, "interrupts", GIC_SPI, slots->irq + i, IRQ_EDGE_RISING);
		dt_close(d);
	}
}

static int check(const struct fdt_board *b, struct err *e)
{
	const struct board_range *ram = part(b, PART_RAM), *slots = part(b, PART_VIRTIO_MMIO);
	uint32_t cpus = part(b, PART_GIC_REDIST)->nr + part(b, PART_GIC_REDIST_MORE)->nr;
	uint64_t least = (uint64_t)b->topo.nodes << 21; /* topo_node_memory() deals out 2 MiB */
	int r = topo_check(&b->topo, e);

	if (r < 0)
		return r;
	if (topo_cpus(&b->topo) > cpus)
		return err_set(e, -EINVAL, "board %s: %u CPUs, room for %u", b->board->name,
			       topo_cpus(&b->topo), cpus);
	if (b->memory_bytes > ram->size || b->memory_bytes < least)
		return err_set(e, -EINVAL, "board %s: %llu bytes of memory, %llu to %llu fit",
			       b->board->name, (unsigned long long)b->memory_bytes,
			       (unsigned long long)least, (unsigned long long)ram->size);
	if (b->nr_virtio_mmio > slots->nr)
		return err_set(e, -EINVAL, "board %s: %u virtio devices, room for %u",
			       b->board->name, b->nr_virtio_mmio, slots->nr);
	if (b->bootargs && strlen(b->bootargs) > COMMAND_LINE_MAX)
		return err_set(e, -EINVAL, "kernel command line: %zu bytes, at most %u",
			       strlen(b->bootargs), COMMAND_LINE_MAX);
	return 0;
}

int fdt_describe_arm64(const struct fdt_board *b, struct buf *out, struct err *e)
{
	SCOPED(dt_fini) struct dt d = { 0 };
	int r = check(b, e);

	if (r < 0)
		return r;
	dt_init(&d);
	dt_put_str(&d, "compatible", "linux,dummy-virt");
	dt_put_str(&d, "model", "ktstr");
	dt_put_u32(&d, "#address-cells", 2);
	dt_put_u32(&d, "#size-cells", 2);
	dt_put_u32(&d, "interrupt-parent", PHANDLE_GIC);
	dt_put_flag(&d, "dma-coherent");
	put_chosen(&d, b);
	put_memory(&d, b);
	put_cpus(&d, &b->topo);
	put_distances(&d, &b->topo);
	put_gic(&d, b);
	put_architecture(&d);
	put_uart(&d, part(b, PART_UART_PL011));
	put_virtio(&d, part(b, PART_VIRTIO_MMIO), b->nr_virtio_mmio);
	return dt_finish(&d, out, e);
}
