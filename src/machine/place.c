/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/place.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "base/scoped.h"
#include "machine/gmem.h"
#include "machine/memmap.h"

#define FDT_ALIGN UINT64_C(8)	      /* Documentation/arch/arm64/booting.rst */
#define ANY_HOST_PAGE UINT64_C(65536) /* the largest page of an arm64 host */
/* Ibid.: kernel and initrd are in one window this large that begins at such an address. */
#define INITRD_WINDOW (UINT64_C(32) << 30)
#define INITRD_WINDOW_ALIGN (UINT64_C(1) << 30)

#define ALIGN_DOWN(x, a) ((x) & ~((a) - 1))
#define MIB (UINT64_C(1) << 20)

/* A thing that has a place, for the check and for its message. */
struct thing {
	const char *name;
	uint32_t which; /* behind the name, unless ONLY */
	struct place_range at;
};
#define ONLY UINT32_MAX
/* Parts of a board one by one, redistributors as one, RAM, and what is in RAM. */
#define THINGS_MAX (GMEM_MAX_REGIONS + 64)

struct things {
	struct thing thing[THINGS_MAX];
	size_t nr;
};

static int no_room(const struct place_want *w, const char *what, uint64_t bytes, struct err *e)
{
	return err_set(e, -EINVAL,
		       "board %s with %" PRIu64 " MiB of memory: no room for %s of %" PRIu64
		       " bytes",
		       w->board->name, w->memory_bytes / MIB, what, bytes);
}

/* Puts @size bytes as high as can be below @*top, which moves down; false: there is no such place. */
static bool put_below(uint64_t *top, uint64_t floor, uint64_t size, uint64_t align,
		      struct place_range *ret)
{
	if (size > *top - floor || ALIGN_DOWN(*top - size, align) < floor)
		return false;
	ret->base = ALIGN_DOWN(*top - size, align);
	ret->end = ret->base + size;
	*top = ret->base;
	return true;
}

static int plan_kernel(const struct place_want *w, struct place *p, struct err *e)
{
	uint64_t base = ALIGN_UP(p->ram.base, (uint64_t)KERNEL_ALIGN);

	if (!w->kernel_size) {
		p->kernel = (struct place_range){ base, base };
		return 0;
	}
	if (__builtin_add_overflow(base, w->text_offset, &p->kernel.base) ||
	    __builtin_add_overflow(p->kernel.base, w->kernel_size, &p->kernel.end))
		return no_room(w, "a kernel", w->kernel_size, e);
	return 0;
}

static int plan_initrd(const struct place_want *w, struct place *p, struct err *e)
{
	uint64_t window = ALIGN_DOWN(p->kernel.base, INITRD_WINDOW_ALIGN) + INITRD_WINDOW;
	uint64_t page = w->host_page ? w->host_page : ANY_HOST_PAGE;
	uint64_t top = MIN(p->pvtime.base, window);

	if (!w->initrd_size) {
		p->initrd = (struct place_range){ top, top };
		return 0;
	}
	if (!put_below(&top, p->ram.base, w->initrd_size, page, &p->initrd))
		return no_room(w, "an initrd", w->initrd_size, e);
	return 0;
}

static int plan_ram(const struct place_want *w, struct place *p, struct err *e)
{
	const struct board_range *ram = &w->board->part[PART_RAM];

	if (w->memory_bytes > ram->size)
		return err_set(e, -EINVAL,
			       "board %s: %" PRIu64 " MiB of memory are more than its %" PRIu64
			       " MiB",
			       w->board->name, w->memory_bytes / MIB, ram->size / MIB);
	p->ram = (struct place_range){ ram->base, ram->base + w->memory_bytes };
	return 0;
}

int place_plan(const struct place_want *w, struct place *ret, struct err *e)
{
	uint64_t stolen = (uint64_t)PVTIME_SLOT * w->nr_cpus;
	struct place p = { 0 };
	int r = plan_ram(w, &p, e);

	if (r < 0)
		return r;
	uint64_t top = p.ram.end;
	if (!put_below(&top, p.ram.base, FDT_MAX, FDT_ALIGN, &p.fdt))
		return no_room(w, "a device tree", FDT_MAX, e);
	if (!put_below(&top, p.ram.base, stolen, PVTIME_ALIGN, &p.pvtime))
		return no_room(w, "stolen time", stolen, e);
	r = plan_kernel(w, &p, e);
	if (!r)
		r = plan_initrd(w, &p, e);
	if (!r)
		r = place_seal(w, &p, NULL, e);
	if (r < 0)
		return r;
	*ret = p;
	return 0;
}

uint64_t place_pvtime_of(const struct place *p, uint32_t cpu)
{
	return p->pvtime.base + (uint64_t)cpu * PVTIME_SLOT;
}

/* Things of no size take no place. */
static void add(struct things *t, const char *name, uint32_t which, uint64_t base, uint64_t end)
{
	if (base == end)
		return;
	assert(t->nr < THINGS_MAX);
	t->thing[t->nr++] = (struct thing){ name, which, { base, end } };
}

static const char *const part_names[NR_BOARD_PARTS] = {
	[PART_GIC_DIST] = "interrupt distributor",
	[PART_GIC_REDIST] = "interrupt redistributors",
	[PART_GIC_REDIST_MORE] = "further interrupt redistributors",
	[PART_UART_PL011] = "UART",
	[PART_UART_16550] = "UART",
	[PART_RTC_PL031] = "clock",
	[PART_VIRTIO_MMIO] = "virtio window",
};

/* Redistributors of the CPUs there are; KVM claims no more. */
static void add_redists(struct things *t, const struct place_want *w)
{
	const struct board_range *first = &w->board->part[PART_GIC_REDIST];
	const struct board_range *more = &w->board->part[PART_GIC_REDIST_MORE];
	uint64_t here = more->nr ? MIN(w->nr_cpus, first->nr) : w->nr_cpus;

	add(t, part_names[PART_GIC_REDIST], ONLY, first->base, first->base + here * first->size);
	add(t, part_names[PART_GIC_REDIST_MORE], ONLY, more->base,
	    more->base + (w->nr_cpus - here) * more->size);
}

static void add_devices(struct things *t, const struct place_want *w)
{
	for (int part = 0; part < NR_BOARD_PARTS; part++) {
		const struct board_range *r = &w->board->part[part];

		if (part == PART_RAM || part == PART_GIC_REDIST || part == PART_GIC_REDIST_MORE)
			continue;
		for (uint32_t i = 0; i < r->nr; i++)
			add(t, part_names[part], r->nr > 1 ? i : ONLY, r->base + i * r->size,
			    r->base + (i + 1) * r->size);
	}
	add_redists(t, w);
}

static void add_ram(struct things *t, const struct place *p, const struct gmem *ram)
{
	if (!ram)
		add(t, "RAM", ONLY, p->ram.base, p->ram.end);
	for (uint32_t i = 0; ram && i < ram->nr; i++)
		add(t, "RAM of node", ram->region[i].node, ram->region[i].gpa,
		    ram->region[i].gpa + ram->region[i].len);
}

static const char *name_of(const struct thing *t, char *buf, size_t cap)
{
	if (t->which == ONLY)
		snprintf(buf, cap, "%s", t->name);
	else
		snprintf(buf, cap, "%s %u", t->name, t->which);
	return buf;
}

static int overlap(const struct place_want *w, const struct thing *a, const struct thing *b,
		   struct err *e)
{
	char one[48], other[48];

	return err_set(e, -EINVAL,
		       "board %s with %" PRIu64 " MiB of memory and %u CPUs: %s (0x%" PRIx64
		       " to 0x%" PRIx64 ") and %s (0x%" PRIx64 " to 0x%" PRIx64 ") overlap",
		       w->board->name, w->memory_bytes / MIB, w->nr_cpus,
		       name_of(a, one, sizeof(one)), a->at.base, a->at.end,
		       name_of(b, other, sizeof(other)), b->at.base, b->at.end);
}

static int check_apart(const struct place_want *w, const struct things *t, struct err *e)
{
	for (size_t i = 0; i < t->nr; i++)
		for (size_t j = 0; j < i; j++)
			if (t->thing[j].at.base < t->thing[i].at.end &&
			    t->thing[i].at.base < t->thing[j].at.end)
				return overlap(w, &t->thing[j], &t->thing[i], e);
	return 0;
}

/* The end of the region that @at is in; @at itself where there is none. */
static uint64_t ram_up_to(const struct things *ram, uint64_t at)
{
	for (size_t i = 0; i < ram->nr; i++)
		if (at >= ram->thing[i].at.base && at < ram->thing[i].at.end)
			return ram->thing[i].at.end;
	return at;
}

/* All of @r is RAM, in one region or in several side by side. */
static bool is_ram(const struct things *ram, struct place_range r)
{
	uint64_t at = r.base, next;

	for (; at < r.end; at = next) {
		next = ram_up_to(ram, at);
		if (next == at)
			return false;
	}
	return true;
}

static bool is_one_region(const struct things *ram, struct place_range r)
{
	for (size_t i = 0; i < ram->nr; i++)
		if (r.base >= ram->thing[i].at.base && r.end <= ram->thing[i].at.end)
			return true;
	return false;
}

static int check_inside(const struct place_want *w, const struct things *ram,
			const struct things *in, struct err *e)
{
	for (size_t i = 0; i < in->nr; i++)
		if (!is_ram(ram, in->thing[i].at))
			return err_set(e, -EINVAL,
				       "board %s with %" PRIu64 " MiB of memory: the %s (0x%" PRIx64
				       " to 0x%" PRIx64 ") is not all in RAM",
				       w->board->name, w->memory_bytes / MIB, in->thing[i].name,
				       in->thing[i].at.base, in->thing[i].at.end);
	return 0;
}

int place_seal(const struct place_want *w, const struct place *p, const struct gmem *ram,
	       struct err *e)
{
	struct things board = { 0 }, in = { 0 }, regions = { 0 };

	add_devices(&board, w);
	add_ram(&board, p, ram);
	add_ram(&regions, p, ram);
	add(&in, "kernel", ONLY, p->kernel.base, p->kernel.end);
	add(&in, "initrd", ONLY, p->initrd.base, p->initrd.end);
	add(&in, "stolen time", ONLY, p->pvtime.base, p->pvtime.end);
	add(&in, "device tree", ONLY, p->fdt.base, p->fdt.end);
	int r = check_apart(w, &board, e);
	if (!r)
		r = check_apart(w, &in, e);
	if (!r)
		r = check_inside(w, &regions, &in, e);
	if (r < 0)
		return r;
	if (!is_one_region(&regions, p->pvtime))
		return err_set(e, -EINVAL,
			       "board %s: the stolen time of %u CPUs (0x%" PRIx64 " to 0x%" PRIx64
			       ") is not in one region of RAM",
			       w->board->name, w->nr_cpus, p->pvtime.base, p->pvtime.end);
	return 0;
}
