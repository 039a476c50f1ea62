/* SPDX-License-Identifier: GPL-2.0-only */
/* The only door to hwloc. */
#include "machine/hosttopo.h"

#include <errno.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"

void hosttopo_fini(struct hosttopo *h)
{
	free(h->place);
	free(h->llc);
	*h = (struct hosttopo){ 0 };
}

static void hwloc_fini(hwloc_topology_t *t)
{
	if (*t)
		hwloc_topology_destroy(*t);
}
DEFINE_SCOPED_FINI(hwloc_topology_t, hwloc_fini)

static int load(hwloc_topology_t *ret, const char *synthetic, struct err *e)
{
	SCOPED(hwloc_fini) hwloc_topology_t t = NULL;

	if (hwloc_topology_init(&t) < 0)
		return err_sys(e, -errno, "host topology");
	/* It asks every CPU in turn; the kernel has told it all, twenty times as fast. */
	hwloc_topology_set_components(t, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86");
	if (synthetic && hwloc_topology_set_synthetic(t, synthetic) < 0)
		return err_sys(e, -errno, "host topology %s", synthetic);
	if (hwloc_topology_load(t) < 0)
		return err_sys(e, -errno, "host topology");
	*ret = t;
	t = NULL;
	return 0;
}

/* The cache that is furthest from @pu, or the package where caches are not known. */
static hwloc_obj_t llc_of(hwloc_obj_t pu)
{
	hwloc_obj_t found = NULL, package = NULL;

	for (hwloc_obj_t o = pu->parent; o; o = o->parent) {
		if (hwloc_obj_type_is_dcache(o->type))
			found = o;
		if (o->type == HWLOC_OBJ_PACKAGE || (!package && !o->parent))
			package = o;
	}
	return found ? found : package;
}

static hwloc_obj_t node_of(hwloc_topology_t t, hwloc_obj_t pu)
{
	return hwloc_get_next_obj_covering_cpuset_by_type(t, pu->cpuset, HWLOC_OBJ_NUMANODE, NULL);
}

/* The lowest CPU, seen or not, of what @llc and @node have in common: a node may cut a cache. */
static uint32_t llc_id(hwloc_obj_t llc, hwloc_obj_t node, hwloc_obj_t pu)
{
	hwloc_bitmap_t both = hwloc_bitmap_alloc();
	int first = -1;

	if (both && llc && node) {
		hwloc_bitmap_and(both, llc->complete_cpuset, node->complete_cpuset);
		first = hwloc_bitmap_first(both);
	}
	hwloc_bitmap_free(both);
	return first < 0 ? pu->os_index : (uint32_t)first;
}

static int by_place(const void *x, const void *y)
{
	const struct topo_place *a = x, *b = y;
	const int64_t diff[] = {
		(int64_t)a->node - b->node,
		(int64_t)a->llc - b->llc,
		(int64_t)a->core - b->core,
		(int64_t)a->cpu - b->cpu,
	};

	for (size_t i = 0; i < ARRAY_SIZE(diff); i++)
		if (diff[i])
			return diff[i] < 0 ? -1 : 1;
	return 0;
}

static void place_pu(hwloc_topology_t t, hwloc_obj_t pu, struct topo_place *ret,
		     uint64_t *llc_bytes)
{
	hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(t, HWLOC_OBJ_CORE, pu);
	hwloc_obj_t llc = llc_of(pu), node = node_of(t, pu);

	*ret = (struct topo_place){
		.cpu = pu->os_index,
		.node = node ? node->os_index : 0,
		.llc = llc_id(llc, node, pu),
		.core = core ? core->logical_index : pu->logical_index,
	};
	if (llc && hwloc_obj_type_is_dcache(llc->type) && llc->attr->cache.size > *llc_bytes)
		*llc_bytes = llc->attr->cache.size;
}

/* Counts, and numbers the LLCs, which so far go by their ids, from zero on. h->llc has room. */
static void count(struct hosttopo *h)
{
	struct topo_place before = { 0 };

	h->nodes = h->llcs = h->cores = 0;
	for (size_t i = 0; i < h->nr_cpus; i++) {
		struct topo_place *p = &h->place[i], now = *p;
		bool node = !i || now.node != before.node, llc = node || now.llc != before.llc;

		h->nodes += node;
		h->cores += llc || now.core != before.core;
		if (llc)
			h->llc[h->llcs++] = (struct host_llc){ now.llc, now.node, (uint32_t)i, 0 };
		h->llc[h->llcs - 1].nr++;
		p->llc = h->llcs - 1;
		before = now;
	}
}

static int gather(struct hosttopo *h, hwloc_topology_t t, struct err *e)
{
	int nr = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU);

	if (nr <= 0)
		return err_set(e, -ENODATA, "host topology: no CPUs found");
	h->place = calloc((size_t)nr, sizeof(*h->place));
	h->llc = calloc((size_t)nr, sizeof(*h->llc));
	if (!h->place || !h->llc)
		return err_sys(e, -ENOMEM, "host topology");
	h->nr_cpus = (size_t)nr;
	for (int i = 0; i < nr; i++)
		place_pu(t, hwloc_get_obj_by_type(t, HWLOC_OBJ_PU, (unsigned int)i), &h->place[i],
			 &h->llc_bytes);
	qsort(h->place, h->nr_cpus, sizeof(*h->place), by_place);
	count(h);
	return 0;
}

static int init(struct hosttopo *h, const char *synthetic, struct err *e)
{
	SCOPED(hwloc_fini) hwloc_topology_t t = NULL;
	SCOPED(hosttopo_fini) struct hosttopo n = { 0 };
	int r = load(&t, synthetic, e);

	if (r == 0)
		r = gather(&n, t, e);
	if (r < 0)
		return r;
	hwloc_obj_t package = hwloc_get_obj_by_type(t, HWLOC_OBJ_PACKAGE, 0);
	const char *model = package ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;
	snprintf(n.model, sizeof(n.model), "%s", model ? model : "");
	/* hwloc's sum over the nodes misses what a balloon gave back. */
	n.memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	*h = n;
	n = (struct hosttopo){ 0 };
	return 0;
}

int hosttopo_init(struct hosttopo *h, struct err *e)
{
	return init(h, NULL, e);
}

int hosttopo_init_synthetic(struct hosttopo *h, const char *text, struct err *e)
{
	return init(h, text, e);
}

int hosttopo_keep(struct hosttopo *h, bool (*keep)(const void *ctx, uint32_t cpu), const void *ctx,
		  struct err *e)
{
	size_t nr = 0;

	for (size_t i = 0; i < h->nr_cpus; i++) {
		struct topo_place p = h->place[i];

		if (!keep(ctx, p.cpu))
			continue;
		p.llc = h->llc[p.llc].id;
		h->place[nr++] = p;
	}
	h->nr_cpus = nr;
	count(h);
	return nr ? 0 : err_set(e, -ENODATA, "host topology: none of its CPUs is ours to use");
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

void hosttopo_summary(const struct hosttopo *h, struct buf *out)
{
	buf_printf(out, "%zu CPU%s: %u node%s, %u LLC%s", h->nr_cpus, plural((uint32_t)h->nr_cpus),
		   h->nodes, plural(h->nodes), h->llcs, plural(h->llcs));
	if (h->llc_bytes)
		buf_printf(out, " of %.4g MiB", (double)h->llc_bytes / (1 << 20));
	buf_printf(out, ", %u core%s; %.1f GiB", h->cores, plural(h->cores),
		   (double)h->memory_bytes / (1 << 30));
	if (h->model[0])
		buf_printf(out, "; %s", h->model);
}
