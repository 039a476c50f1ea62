/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/fdt_arm64.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/scoped.h"
#include "machine/fdt.h"
#include "machine/fdt_arm64_part.h"
#include "machine/memmap.h"

#define KERNEL_COMMAND_LINE_MAX 2047u /* COMMAND_LINE_SIZE of arch/arm64, less the NUL */
#define UART_16550_HZ 1843200	      /* of the crystal of a PC: 115200 baud and divisors of it */

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

static enum board_part uarts_of(const struct fdt_board *b)
{
	return part(b, PART_UART_16550)->nr ? PART_UART_16550 : PART_UART_PL011;
}

static const char *uart_path(const struct fdt_board *b, uint32_t i, char *buf, size_t cap)
{
	snprintf(buf, cap, "/serial@%llx", (unsigned long long)board_at(b->board, uarts_of(b), i));
	return buf;
}

static void put_chosen(struct dt *d, const struct fdt_board *b)
{
	char path[48];

	dt_open(d, "chosen");
	dt_put_str(d, "stdout-path", uart_path(b, 0, path, sizeof(path)));
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

	for (uint32_t node = 0; node < topo_nodes(&b->topo); node++) {
		topo_node_memory(&b->topo, b->memory_bytes, node, &off, &len);
		uint64_t base = part(b, PART_RAM)->base + off;

		if (b->memory_end)
			len = MIN(len, b->memory_end - base);
		dt_open(d, "memory@%llx", (unsigned long long)base);
		dt_put_str(d, "device_type", "memory");
		DT_PAIRS(d, "reg", base, len);
		dt_put_u32(d, "numa-node-id", node);
		dt_close(d);
	}
}

/* "no-map" makes it no memory of the system: user programs can map it from /dev/mem. */
static void put_parcel(struct dt *d, const struct fdt_board *b)
{
	if (!b->parcel.size)
		return;
	dt_open(d, "reserved-memory");
	dt_put_u32(d, "#address-cells", 2);
	dt_put_u32(d, "#size-cells", 2);
	dt_put_flag(d, "ranges");
	dt_open(d, "parcel@%llx", (unsigned long long)b->parcel.base);
	DT_PAIRS(d, "reg", b->parcel.base, b->parcel.size);
	dt_put_flag(d, "no-map");
	dt_close(d);
	dt_close(d);
}

static void put_distances(struct dt *d, const struct topology *t)
{
	uint32_t cells[TOPO_MAX_NODES * TOPO_MAX_NODES * 3], *at = cells;

	for (uint32_t i = 0; i < topo_nodes(t); i++) {
		for (uint32_t j = 0; j < topo_nodes(t); j++) {
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

static void put_gic(struct dt *d, const struct fdt_board *b)
{
	const struct board_range *dist = part(b, PART_GIC_DIST), *first = part(b, PART_GIC_REDIST),
				 *more = part(b, PART_GIC_REDIST_MORE);
	uint32_t cpus = topo_cpus(&b->topo), here = more->nr ? first->nr : cpus;
	uint64_t reg[] = { dist->base,	       dist->size, first->base,
			   first->size * here, more->base, more->size * more->nr };
	uint32_t regions = cpus > here ? 2 : 1;

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
}

/* Where there is none, the guest's driver would bind to it and complain. */
static void put_pmu(struct dt *d)
{
	dt_open(d, "pmu");
	dt_put_str(d, "compatible", "arm,armv8-pmuv3");
	DT_CELLS(d, "interrupts", GIC_PPI, PPI_PMU, IRQ_LEVEL_HIGH);
	dt_close(d);
}

static void put_pl011(struct dt *d, const struct fdt_board *b)
{
	const struct board_range *uart = part(b, PART_UART_PL011);

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

/* The aliases make the first one ttyS0. Edges, because an irqfd pulses its line. */
static void put_16550s(struct dt *d, const struct fdt_board *b)
{
	const struct board_range *uart = part(b, PART_UART_16550);
	char path[48], alias[24];

	dt_open(d, "aliases");
	for (uint32_t i = 0; i < uart->nr; i++) {
		snprintf(alias, sizeof(alias), "serial%u", i);
		dt_put_str(d, alias, uart_path(b, i, path, sizeof(path)));
	}
	dt_close(d);
	for (uint32_t i = 0; i < uart->nr; i++) {
		uint64_t base = board_at(b->board, PART_UART_16550, i);

		dt_open(d, "serial@%llx", (unsigned long long)base);
		dt_put_str(d, "compatible", "ns16550a");
		DT_PAIRS(d, "reg", base, uart->size);
		DT_CELLS(d, "interrupts", GIC_SPI, board_spi(b->board, PART_UART_16550, i),
			 IRQ_EDGE_RISING);
		dt_put_u32(d, "clock-frequency", UART_16550_HZ);
		dt_put_u32(d, "reg-shift", 0);
		dt_put_u32(d, "reg-io-width", 1);
		if (b->idle_uarts >> i & 1)
			dt_put_str(d, "status", "disabled");
		dt_close(d);
	}
}

static void put_virtio(struct dt *d, const struct fdt_board *b)
{
	const struct board_range *slots = part(b, PART_VIRTIO_MMIO);

	for (uint32_t i = 0; i < slots->nr; i++) {
		uint64_t base = board_at(b->board, PART_VIRTIO_MMIO, i);

		if (!(b->virtio_slots >> i & 1))
			continue;
		dt_open(d, "virtio@%llx", (unsigned long long)base);
		dt_put_str(d, "compatible", "virtio,mmio");
		DT_PAIRS(d, "reg", base, slots->size);
		DT_CELLS(d, "interrupts", GIC_SPI, board_spi(b->board, PART_VIRTIO_MMIO, i),
			 IRQ_EDGE_RISING);
		dt_close(d);
	}
}

static int check_memory(const struct fdt_board *b, struct err *e)
{
	const struct board_range *ram = part(b, PART_RAM);
	uint64_t least = (uint64_t)topo_nodes(&b->topo)
			 << 21; /* topo_node_memory() deals out 2 MiB */
	uint64_t off, len;

	if (b->memory_bytes > ram->size || b->memory_bytes < least)
		return err_set(e, -EINVAL, "board %s: %llu bytes of memory, %llu to %llu fit",
			       b->board->name, (unsigned long long)b->memory_bytes,
			       (unsigned long long)least, (unsigned long long)ram->size);
	topo_node_memory(&b->topo, b->memory_bytes, topo_nodes(&b->topo) - 1, &off, &len);
	if (b->memory_end && b->memory_end <= ram->base + off)
		return err_set(e, -EINVAL,
			       "board %s: memory that ends at 0x%llx leaves none to node %u, which "
			       "begins at 0x%llx",
			       b->board->name, (unsigned long long)b->memory_end,
			       topo_nodes(&b->topo) - 1, (unsigned long long)(ram->base + off));
	return 0;
}

static int check_bootargs(const struct fdt_board *b, struct err *e)
{
	uint32_t kernel = b->bootargs_max ? b->bootargs_max : KERNEL_COMMAND_LINE_MAX;
	uint32_t most = MIN(kernel, b->board->cmdline_max);

	if (b->bootargs && strlen(b->bootargs) > most)
		return err_set(e, -EINVAL, "kernel command line: %zu bytes, at most %u",
			       strlen(b->bootargs), most);
	return 0;
}

static int check(const struct fdt_board *b, struct err *e)
{
	const struct board_range *slots = part(b, PART_VIRTIO_MMIO);
	uint32_t cpus = part(b, PART_GIC_REDIST)->nr + part(b, PART_GIC_REDIST_MORE)->nr;
	int r = topo_check(&b->topo, e);

	if (r < 0)
		return r;
	if (topo_cpus(&b->topo) > cpus)
		return err_set(e, -EINVAL, "board %s: %u CPUs, room for %u", b->board->name,
			       topo_cpus(&b->topo), cpus);
	if ((uint64_t)b->virtio_slots >> slots->nr)
		return err_set(e, -EINVAL, "board %s: virtio slots 0x%x, it has %u", b->board->name,
			       b->virtio_slots, slots->nr);
	r = check_memory(b, e);
	if (!r)
		r = check_bootargs(b, e);
	return r ? r : fdt_check_cpus(b, e);
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
	put_parcel(&d, b);
	fdt_put_cpus(&d, b);
	put_distances(&d, &b->topo);
	put_gic(&d, b);
	put_architecture(&d);
	if (b->pmu)
		put_pmu(&d);
	if (uarts_of(b) == PART_UART_16550)
		put_16550s(&d, b);
	else
		put_pl011(&d, b);
	put_virtio(&d, b);
	return dt_finish(&d, out, e);
}
