/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The planner: from the host's CPUs and a guest's topology to a host CPU for each vCPU. Pure.
 * Lines of hosttopo.place[] are sorted by node, LLC, core, CPU, so that a core is a run of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "machine/hosttopo.h"
#include "vm/pin.h"

#define HALT_POLL_NS 200000 /* beside others: vmm.md 16, authoring.md 16.1 */

/* How well a host LLC can be a guest's. */
enum fit {
	FIT_NOT,
	FIT_PACKED, /* CPUs enough, but not a host core for every guest core */
	FIT_CORES,
};

struct candidate {
	uint32_t llc, node;
	enum fit fit;
	bool busy;
	bool chosen;
};

struct planner {
	const struct pin_request *r;
	const struct hosttopo *h;
	struct pin_plan *out;
	struct candidate *cand; /* of every LLC of the host */
	uint32_t *llc;		/* of the host, by guest LLC */
	bool *used;		/* by index of h->place */
};

void pin_plan_fini(struct pin_plan *p)
{
	free(p->claim);
	p->claim = NULL;
	p->nr_claims = 0;
}

static void planner_fini(struct planner *p)
{
	free(p->cand);
	free(p->llc);
	free(p->used);
}
DEFINE_SCOPED_FINI(struct planner, planner_fini)

static const struct pin_load *load_of(const struct planner *p, uint32_t llc)
{
	static const struct pin_load none;

	return p->r->load ? &p->r->load[llc] : &none;
}

/* One past the last CPU of the core that begins at @i, inside its LLC. */
static uint32_t core_end(const struct hosttopo *h, uint32_t i)
{
	uint32_t end = h->llc[h->place[i].llc].first + h->llc[h->place[i].llc].nr, n = i + 1;

	while (n < end && h->place[n].core == h->place[i].core)
		n++;
	return n;
}

static enum fit fit_of(const struct planner *p, const struct host_llc *l)
{
	const struct topology *g = &p->r->guest;
	uint32_t whole = 0;

	for (uint32_t i = l->first, end; i < l->first + l->nr; i = end) {
		end = core_end(p->h, i);
		whole += end - i >= g->threads;
	}
	if (whole >= g->cores)
		return FIT_CORES;
	return l->nr >= g->cores * g->threads ? FIT_PACKED : FIT_NOT;
}

/* Free ones first, then better fitting ones. */
static bool better(const struct candidate *a, const struct candidate *b)
{
	if (a->busy != b->busy)
		return !a->busy;
	return a->fit > b->fit;
}

/* The best LLC not chosen yet, of @node or (PIN_NONE) of all; NULL = none. */
static struct candidate *best_of(struct planner *p, uint32_t node)
{
	struct candidate *best = NULL;

	for (uint32_t i = 0; i < p->h->llcs; i++) {
		struct candidate *c = &p->cand[i];

		if (c->fit != FIT_NOT && !c->chosen && (node == PIN_NONE || c->node == node) &&
		    (!best || better(c, best)))
			best = c;
	}
	return best;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The @nr best of @node, in the host's own order. */
static void choose(struct planner *p, uint32_t node, uint32_t *to, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		struct candidate *c = best_of(p, node);

		c->chosen = true;
		to[i] = c->llc;
	}
	qsort(to, nr, sizeof(*to), by_number);
}

static uint32_t count_fit(const struct planner *p, uint32_t node, bool only_free)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->h->llcs; i++)
		n += p->cand[i].fit != FIT_NOT && !(only_free && p->cand[i].busy) &&
		     (node == PIN_NONE || p->cand[i].node == node);
	return n;
}

/* The host node that can be a guest node with the fewest LLCs of others in it; PIN_NONE = none. */
static uint32_t best_node(const struct planner *p, uint32_t per, const bool *node_used)
{
	uint32_t best = PIN_NONE, most = 0;

	for (uint32_t i = 0; i < p->h->llcs; i++) {
		uint32_t node = p->h->llc[i].node;
		uint32_t free_ones = MIN(count_fit(p, node, true), per);

		if (node_used[i] || count_fit(p, node, false) < per)
			continue;
		if (best == PIN_NONE || free_ones > most) {
			best = node;
			most = free_ones;
		}
	}
	return best;
}

static void mark_node(const struct planner *p, uint32_t node, bool *node_used)
{
	for (uint32_t i = 0; i < p->h->llcs; i++)
		if (p->h->llc[i].node == node)
			node_used[i] = true;
}

/* A host node for each guest node; false if there are not so many. */
static bool choose_by_node(struct planner *p)
{
	const struct topology *g = &p->r->guest;
	uint32_t node[TOPO_MAX_NODES], per = g->llcs / g->nodes;
	SCOPED(mem_free) bool *node_used = calloc(p->h->llcs, sizeof(*node_used));

	if (!node_used)
		return false;
	for (uint32_t i = 0; i < g->nodes; i++) {
		node[i] = best_node(p, per, node_used);
		if (node[i] == PIN_NONE)
			return false;
		mark_node(p, node[i], node_used);
	}
	qsort(node, g->nodes, sizeof(*node), by_number);
	for (uint32_t i = 0; i < g->nodes; i++)
		choose(p, node[i], p->llc + (size_t)i * per, per);
	return true;
}

static int choose_llcs(struct planner *p, struct err *e)
{
	const struct topology *g = &p->r->guest;
	char text[TOPO_TEXT_MAX];

	for (uint32_t i = 0; i < p->h->llcs; i++) {
		const struct pin_load *l = load_of(p, i);

		p->cand[i] = (struct candidate){ i, p->h->llc[i].node, fit_of(p, &p->h->llc[i]),
						 l->taken || l->claimed, false };
	}
	if (count_fit(p, PIN_NONE, false) < g->llcs)
		return err_class(e, ERR_TOPOLOGY,
				 err_set(e, -ENOSPC,
					 "performance mode: %s takes %u host cache%s of %u CPUs "
					 "each; of the "
					 "%u here %u will do",
					 topo_format(g, text, sizeof(text)), g->llcs,
					 g->llcs == 1 ? "" : "s", g->cores * g->threads, p->h->llcs,
					 count_fit(p, PIN_NONE, false)));
	if (!choose_by_node(p)) {
		choose(p, PIN_NONE, p->llc, g->llcs);
		pin_warn(&p->out->warnings, "nodes",
			 "guest nodes are not host nodes: %u with %u last-level cache%s "
			 "each is more than the host has",
			 g->nodes, g->llcs / g->nodes, g->llcs == g->nodes ? "" : "s");
	}
	return 0;
}

/* The host CPU at place[@i] becomes vCPU @vcpu's. */
static void give(struct planner *p, uint32_t vcpu, uint32_t i)
{
	struct vm_placement *v = &p->out->place;
	const struct topo_place *at = &p->h->place[i];
	uint32_t node = topo_node_of(&p->r->guest, vcpu);

	v->cpu[vcpu] = at->cpu;
	pin_mask_set(&v->cpus, at->cpu);
	p->used[i] = true;
	if (at->node < 64)
		v->host_nodes[node] |= 1ull << at->node;
	else
		pin_warn(&p->out->warnings, "memory-node",
			 "guest node %u: its memory is not bound to host node %u", node, at->node);
}

/* Guest core by guest core: each on a host core if they suffice, else one CPU after the other. */
static void place_llc(struct planner *p, uint32_t guest_llc)
{
	const struct topology *g = &p->r->guest;
	const struct host_llc *l = &p->h->llc[p->llc[guest_llc]];
	uint32_t vcpu = guest_llc * g->cores * g->threads, end = vcpu + g->cores * g->threads;

	if (p->cand[p->llc[guest_llc]].fit == FIT_PACKED) {
		for (uint32_t i = l->first; vcpu < end; i++)
			give(p, vcpu++, i);
		return;
	}
	for (uint32_t i = l->first, next; vcpu < end; i = next) {
		next = core_end(p->h, i);
		for (uint32_t t = 0; next - i >= g->threads && t < g->threads; t++)
			give(p, vcpu++, i + t);
	}
}

static uint32_t index_of(const struct hosttopo *h, uint32_t cpu)
{
	uint32_t i = 0;

	while (h->place[i].cpu != cpu)
		i++;
	return i;
}

/* Says where guest cores and host cores are not the same thing. */
static void compare_cores(struct planner *p)
{
	const struct topology *g = &p->r->guest;
	const struct vm_placement *v = &p->out->place;
	SCOPED(mem_free) uint32_t *guest_core = calloc(p->h->nr_cpus, sizeof(*guest_core));
	uint32_t mine = PIN_NONE;

	for (uint32_t c = 0; guest_core && c < v->nr_vcpus; c++) {
		uint32_t i = index_of(p->h, v->cpu[c]), core = topo_core_of(g, c);

		if (topo_thread_of(g, c) && p->h->place[i].core != mine)
			pin_warn(&p->out->warnings, "siblings",
				 "threads of guest core %u run on different host cores", core);
		mine = p->h->place[i].core;
		guest_core[i] = core + 1;
		if (i && guest_core[i - 1] && guest_core[i - 1] != core + 1 &&
		    p->h->place[i - 1].core == mine)
			pin_warn(&p->out->warnings, "cores",
				 "guest cores %u and %u are threads of one host core",
				 guest_core[i - 1] - 1, core);
	}
}

static bool held(const struct planner *p, uint32_t llc)
{
	for (uint32_t i = 0; i < p->r->guest.llcs; i++)
		if (p->llc[i] == llc)
			return true;
	return false;
}

/* Does a vCPU run on the core of the CPU at place[@i]? */
static bool core_used(const struct planner *p, uint32_t i)
{
	uint32_t first = p->h->llc[p->h->place[i].llc].first;

	while (i > first && p->h->place[i - 1].core == p->h->place[i].core)
		i--;
	for (uint32_t end = core_end(p->h, i); i < end; i++)
		if (p->used[i])
			return true;
	return false;
}

/*
 * The CPU for all that is not a vCPU, in order of preference: a core of our own caches, another
 * cache, another one that is in use, a sibling of a vCPU.
 */
static uint32_t service_index(const struct planner *p)
{
	uint32_t best = PIN_NONE, rank = 0;

	for (uint32_t i = 0; i < p->h->nr_cpus; i++) {
		uint32_t llc = p->h->place[i].llc, mine;

		if (p->used[i])
			continue;
		if (held(p, llc))
			mine = core_used(p, i) ? 1 : 4;
		else
			mine = load_of(p, llc)->taken ? 2 : 3;
		if (mine > rank) {
			best = i;
			rank = mine;
		}
	}
	return best;
}

static int by_claim(const void *a, const void *b)
{
	return by_number(&((const struct pin_claim *)a)->id, &((const struct pin_claim *)b)->id);
}

static void claim(struct planner *p, uint32_t llc, uint32_t cpus, bool alone)
{
	struct pin_plan *o = p->out;

	o->claim[o->nr_claims++] = (struct pin_claim){ llc, p->h->llc[llc].id, cpus, alone };
}

static int place_service(struct planner *p, struct err *e)
{
	uint32_t i = service_index(p);

	if (i == PIN_NONE)
		return err_class(
			e, ERR_TOPOLOGY,
			err_set(e, -ENOSPC,
				"performance mode: %u vCPUs take one host CPU more than that, and "
				"there are %zu",
				p->out->place.nr_vcpus, p->h->nr_cpus));
	p->out->place.service = p->h->place[i].cpu;
	if (!held(p, p->h->place[i].llc))
		claim(p, p->h->place[i].llc, 1, false);
	else if (core_used(p, i))
		pin_warn(&p->out->warnings, "service-core",
			 "host CPU %u, where the emulation runs, is a sibling of a vCPU's",
			 p->h->place[i].cpu);
	return 0;
}

static int plan_performance(struct planner *p, struct err *e)
{
	const struct topology *g = &p->r->guest;
	struct vm_placement *v = &p->out->place;
	int r = choose_llcs(p, e);

	for (uint32_t i = 0; r == 0 && i < g->llcs; i++) {
		place_llc(p, i);
		claim(p, p->llc[i], p->h->llc[p->llc[i]].nr, true);
	}
	if (r == 0)
		r = place_service(p, e);
	if (r < 0)
		return r;
	compare_cores(p);
	if (p->h->nodes == 1)
		memset(v->host_nodes, 0, sizeof(v->host_nodes));
	v->fifo = v->huge_pages = v->prefault = true;
	return 0;
}

/* Where a machine of @need CPUs goes that shares: larger is better. */
static int64_t shared_rank(const struct planner *p, uint32_t llc, uint32_t need)
{
	const struct pin_load *l = load_of(p, llc);
	uint32_t nr = p->h->llc[llc].nr;

	if (l->taken)
		return INT64_MIN;
	/* Beside others while there is room, so that whole caches stay free; then evenly. */
	if ((uint64_t)l->claimed + need <= nr)
		return l->claimed;
	return -1 - (int64_t)((uint64_t)l->claimed * 1024 / nr);
}

/* The best LLC not chosen yet; those nearer to @seed's node first, if there is one. */
static uint32_t next_shared(const struct planner *p, uint32_t need, uint32_t seed)
{
	uint32_t best = PIN_NONE;
	int64_t best_rank = 0, best_far = 0;

	for (uint32_t i = 0; i < p->h->llcs; i++) {
		int64_t rank = shared_rank(p, i, need);
		int64_t far = seed == PIN_NONE
				      ? 0
				      : llabs((int64_t)p->h->llc[i].node - p->h->llc[seed].node);

		if (p->cand[i].chosen)
			continue;
		/* What another has to itself comes last, however near. */
		if (rank == INT64_MIN)
			far = INT64_MAX;
		if (best == PIN_NONE || far < best_far || (far == best_far && rank > best_rank)) {
			best = i;
			best_rank = rank;
			best_far = far;
		}
	}
	return best;
}

static int plan_shared(struct planner *p, uint32_t need, bool exactly)
{
	struct vm_placement *v = &p->out->place;
	uint32_t have = 0, seed = PIN_NONE;

	while (have < need) {
		uint32_t llc = next_shared(p, need - have, seed);
		const struct host_llc *l = &p->h->llc[llc];
		uint32_t take = MIN(l->nr, need - have);
		uint32_t after = load_of(p, llc)->claimed; /* not the same ones as others */

		p->cand[llc].chosen = true;
		seed = seed == PIN_NONE ? llc : seed;
		for (uint32_t i = 0; i < (exactly ? take : l->nr); i++)
			pin_mask_set(&v->cpus, p->h->place[l->first + (after + i) % l->nr].cpu);
		claim(p, llc, take, false);
		have += take;
	}
	return 0;
}

static int plan(struct planner *p, struct err *e)
{
	const struct pin_request *r = p->r;
	const uint32_t all = (uint32_t)p->h->nr_cpus;

	if (r->mode == PIN_PERFORMANCE)
		return plan_performance(p, e);
	/* Of several on one CPU, none may keep it from the others while it halts. */
	p->out->place.halt_poll_ns =
		p->out->place.nr_vcpus > (r->mode == PIN_CAPPED ? r->cpu_cap : all) ? 0
										    : HALT_POLL_NS;
	if (r->mode == PIN_SHARED)
		return plan_shared(p, MAX(MIN(r->threads, all), 1), false);
	if (r->cpu_cap > p->h->nr_cpus || !r->cpu_cap)
		return err_set(e, -EDQUOT, "CPU cap %u: this process may use %zu host CPU%s",
			       r->cpu_cap, p->h->nr_cpus, p->h->nr_cpus == 1 ? "" : "s");
	return plan_shared(p, r->cpu_cap, true);
}

int pin_plan_make(const struct pin_request *r, struct pin_plan *ret, struct err *e)
{
	const struct hosttopo *h = r->host;
	SCOPED(pin_plan_fini) struct pin_plan out = {
		.place = { .mode = r->mode,
			   .nr_vcpus = topo_cpus(&r->guest),
			   .service = PIN_NONE,
			   .halt_poll_ns = PIN_NONE },
		.claim = calloc(h->llcs, sizeof(*out.claim)),
	};
	SCOPED(planner_fini) struct planner p = {
		.r = r,
		.h = h,
		.out = &out,
		.cand = calloc(h->llcs, sizeof(*p.cand)),
		.llc = calloc(r->guest.llcs, sizeof(*p.llc)),
		.used = calloc(h->nr_cpus, sizeof(*p.used)),
	};

	if (!out.claim || !p.cand || !p.llc || !p.used)
		return err_sys(e, -ENOMEM, "placement");
	for (size_t i = 0; i < h->nr_cpus; i++)
		if (h->place[i].cpu >= PIN_MAX_CPUS)
			return err_set(e, -E2BIG, "placement: host CPU %u", h->place[i].cpu);
	int err = plan(&p, e);
	if (err < 0)
		return err;
	qsort(out.claim, out.nr_claims, sizeof(*out.claim), by_claim);
	*ret = out;
	out = (struct pin_plan){ 0 };
	return 0;
}
