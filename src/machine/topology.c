/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/topology.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "base/scoped.h"
#include "machine/preset.h"

#define DISTANCE_LOCAL 10
#define DISTANCE_REMOTE 20
#define MEMORY_GRAIN ((uint64_t)2 << 20) /* a huge page: nodes never share one */

static_assert(TOPO_MAX_CPUS <= CPUSET_MAX, "a cpuset cannot hold a whole machine");

/* The four numbers of the text form, in their order. */
static const struct dim {
	char letter;
	const char *what;
	size_t offset;
} dims[] = {
	{ 'n', "nodes", offsetof(struct topology, nodes) },
	{ 'l', "LLCs", offsetof(struct topology, llcs) },
	{ 'c', "cores per LLC", offsetof(struct topology, cores) },
	{ 't', "threads per core", offsetof(struct topology, threads) },
};

static uint32_t dim_get(const struct topology *t, const struct dim *d)
{
	return *(const uint32_t *)((const char *)t + d->offset);
}

static bool fits(const struct topology *t)
{
	uint64_t n = (uint64_t)t->llcs * t->cores;

	return n <= TOPO_MAX_CPUS && n * t->threads <= TOPO_MAX_CPUS;
}

int topo_check(const struct topology *t, struct err *e)
{
	char text[48]; /* impossible ones may be longer than TOPO_TEXT_MAX */

	topo_format(t, text, sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(dims); i++)
		if (!dim_get(t, &dims[i]))
			return err_set(e, -EINVAL, "topology %s: %s must be at least 1", text,
				       dims[i].what);
	if (t->llcs % t->nodes)
		return err_set(e, -EINVAL,
			       "topology %s: %u LLC%s cannot be split evenly over %u nodes", text,
			       t->llcs, t->llcs == 1 ? "" : "s", t->nodes);
	if (!fits(t))
		return err_set(e, -ERANGE, "topology %s: %u x %u x %u CPUs are more than %u", text,
			       t->llcs, t->cores, t->threads, TOPO_MAX_CPUS);
	if (t->nodes > TOPO_MAX_NODES)
		return err_set(e, -ERANGE, "topology %s: %u nodes are more than %u", text, t->nodes,
			       TOPO_MAX_NODES);
	return 0;
}

/* "12n": the number and its letter; moves *s behind them. */
static int take_dim(const char **s, const struct dim *d, uint32_t *ret, const char **why)
{
	const char *p = *s;
	uint32_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint32_t)(*p - '0'), &v)) {
			*why = "the number is too large";
			return -ERANGE;
		}
	}
	if (p == *s || *p != d->letter) {
		*why = p == *s ? "no number there" : "another letter or none behind the number";
		return -EINVAL;
	}
	*s = p + 1;
	*ret = v;
	return 0;
}

static int parse_shape(const char *text, struct topology *ret, struct err *e)
{
	struct topology t = { 0 };
	const char *s = text, *why;

	for (size_t i = 0; i < ARRAY_SIZE(dims); i++) {
		int r = take_dim(&s, &dims[i], (uint32_t *)((char *)&t + dims[i].offset), &why);

		if (r < 0)
			return err_set(e, r,
				       "topology %.64s: %s (%c): %s; the form is "
				       "AnBlCcDt, " TOPO_FORM_HELP,
				       text, dims[i].what, dims[i].letter, why);
	}
	if (*s)
		return err_set(e, -EINVAL, "topology %.64s: nothing may follow the threads", text);
	int r = topo_check(&t, e);
	if (r < 0)
		return r;
	*ret = t;
	return 0;
}

int topo_parse(const char *s, struct topology *ret, struct err *e)
{
	if (*s >= '0' && *s <= '9')
		return parse_shape(s, ret, e);
	const struct topo_preset *p = topo_preset_find(s);
	if (!p)
		return topo_preset_unknown(s, e);
	*ret = p->topo;
	return 0;
}

const char *topo_format(const struct topology *t, char *buf, size_t cap)
{
	snprintf(buf, cap, "%un%ul%uc%ut", t->nodes, t->llcs, t->cores, t->threads);
	return buf;
}

uint32_t topo_cpus(const struct topology *t)
{
	return t->llcs * t->cores * t->threads;
}

uint32_t topo_core_of(const struct topology *t, uint32_t cpu)
{
	return cpu / t->threads;
}

uint32_t topo_thread_of(const struct topology *t, uint32_t cpu)
{
	return cpu % t->threads;
}

uint32_t topo_llc_of(const struct topology *t, uint32_t cpu)
{
	return cpu / (t->cores * t->threads);
}

uint32_t topo_node_of(const struct topology *t, uint32_t cpu)
{
	return topo_llc_of(t, cpu) / (t->llcs / t->nodes);
}

/* The bits it takes to number @n things. */
static uint32_t bits_for(uint32_t n)
{
	return n > 1 ? 32 - (uint32_t)__builtin_clz(n - 1) : 0;
}

uint32_t topo_apic_id(const struct topology *t, uint32_t cpu)
{
	uint32_t llcs = t->llcs / t->nodes, id = topo_node_of(t, cpu);

	id = id << bits_for(llcs) | topo_llc_of(t, cpu) % llcs;
	id = id << bits_for(t->cores) | topo_core_of(t, cpu) % t->cores;
	return id << bits_for(t->threads) | topo_thread_of(t, cpu);
}

uint32_t topo_mpidr(const struct topology *t, uint32_t cpu)
{
	return cpu / 16 << 8 | cpu % 16;
}

uint32_t topo_distance(const struct topology *t, uint32_t a, uint32_t b)
{
	return a == b ? DISTANCE_LOCAL : DISTANCE_REMOTE;
}

/*
 * A kernel wants about a megabyte per CPU for itself; the rest of the 8 MiB is for the load a test
 * puts on it. Nodes get equal shares of whole 16 MiB and never less than 128 MiB.
 */
uint32_t topo_default_memory_mib(const struct topology *t)
{
	uint32_t want = MAX(256 + 8 * topo_cpus(t), 128 * t->nodes);

	return ALIGN_UP(want, 16 * t->nodes);
}

void topo_node_memory(const struct topology *t, uint64_t bytes, uint32_t node, uint64_t *ret_off,
		      uint64_t *ret_len)
{
	uint64_t share = bytes / t->nodes & ~(MEMORY_GRAIN - 1);

	*ret_off = node * share;
	*ret_len = node + 1 == t->nodes ? bytes - *ret_off : share;
}
