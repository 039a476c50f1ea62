/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/topology.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "machine/preset.h"

#define DISTANCE_LOCAL 10
#define DISTANCE_REMOTE 20
#define MEMORY_GRAIN ((uint64_t)2 << 20) /* a huge page: nodes never share one */

static_assert(TOPO_MAX_CPUS <= CPUSET_MAX, "a cpuset cannot hold a whole machine");

/* A number of the text form and the letter behind it. */
struct dim {
	char letter;
	const char *what;
	size_t offset;
};

/* The four there always are, in their order. */
static const struct dim dims[] = {
	{ 'n', "nodes", offsetof(struct topology, nodes) },
	{ 'l', "LLCs", offsetof(struct topology, llcs) },
	{ 'c', "cores per LLC", offsetof(struct topology, cores) },
	{ 't', "threads per core", offsetof(struct topology, threads) },
};

static const struct dim memory_dim = { 'm', "memory-only nodes",
				       offsetof(struct topology, memory_nodes) };

static uint32_t dim_get(const struct topology *t, const struct dim *d)
{
	return *(const uint32_t *)((const char *)t + d->offset);
}

static bool fits(const struct topology *t)
{
	uint64_t n = (uint64_t)t->llcs * t->cores;

	return n <= TOPO_MAX_CPUS && n * t->threads <= TOPO_MAX_CPUS;
}

/* "topology 1n2l": what every message begins with. */
static const char *name_of(const struct topology *t, char *buf, size_t cap)
{
	size_t n = (size_t)snprintf(buf, cap, "topology ");

	topo_format(t, buf + n, cap - n);
	return buf;
}

static int check_nodes(const struct topology *t, const char *name, struct err *e)
{
	if (t->llcs % t->nodes)
		return err_set(e, -EINVAL, "%s: %u LLC%s cannot be split evenly over %u nodes",
			       name, t->llcs, t->llcs == 1 ? "" : "s", t->nodes);
	if (!fits(t))
		return err_set(e, -ERANGE, "%s: %u x %u x %u CPUs are more than %u", name, t->llcs,
			       t->cores, t->threads, TOPO_MAX_CPUS);
	if (t->nodes > TOPO_MAX_NODES || t->memory_nodes > TOPO_MAX_NODES - t->nodes)
		return err_set(e, -ERANGE, "%s: %llu nodes are more than %u", name,
			       (unsigned long long)t->nodes + t->memory_nodes, TOPO_MAX_NODES);
	return 0;
}

static int check_kinds(const struct topology *t, const char *name, struct err *e)
{
	uint32_t cores = t->llcs * t->cores, most = 0;

	if (!t->nr_kinds)
		return 0;
	if (t->nr_kinds > TOPO_MAX_KINDS || cores % t->nr_kinds)
		return err_set(e, -EINVAL, "%s: %u cores cannot be split evenly over %u kinds",
			       name, cores, t->nr_kinds);
	for (uint32_t i = 0; i < t->nr_kinds; i++) {
		if (!t->capacity[i] || t->capacity[i] > TOPO_CAPACITY_MAX)
			return err_set(e, -ERANGE, "%s: a capacity of %u is not from 1 to %u", name,
				       t->capacity[i], TOPO_CAPACITY_MAX);
		most = MAX(most, t->capacity[i]);
	}
	if (most != TOPO_CAPACITY_MAX)
		return err_set(e, -EINVAL,
			       "%s: the largest capacity has to be %u, because kernels scale it so",
			       name, TOPO_CAPACITY_MAX);
	return 0;
}

int topo_check(const struct topology *t, struct err *e)
{
	char name[160]; /* impossible ones may be longer than TOPO_TEXT_MAX */

	name_of(t, name, sizeof(name));
	for (size_t i = 0; i < ARRAY_SIZE(dims); i++)
		if (!dim_get(t, &dims[i]))
			return err_set(e, -EINVAL, "%s: %s must be at least 1", name, dims[i].what);
	int r = check_nodes(t, name, e);
	return r ? r : check_kinds(t, name, e);
}

/* Digits; moves *s behind them, or says why not. */
static int take_number(const char **s, uint32_t *ret, const char **why)
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
	if (p == *s) {
		*why = "no number there";
		return -EINVAL;
	}
	*s = p;
	*ret = v;
	return 0;
}

/* "12n": the number and its letter; moves *s behind them. */
static int take_dim(const char **s, const struct dim *d, struct topology *t, const char **why)
{
	uint32_t v;
	int r = take_number(s, &v, why);

	if (r < 0)
		return r;
	if (**s != d->letter) {
		*why = "another letter or none behind the number";
		return -EINVAL;
	}
	*s += 1;
	memcpy((char *)t + d->offset, &v, sizeof(v));
	return 0;
}

/* "@1024:512", moves *s behind it. */
static int take_kinds(const char **s, struct topology *t, const char **why)
{
	do {
		*s += 1;
		if (t->nr_kinds == TOPO_MAX_KINDS) {
			*why = "more kinds of cores than 8";
			return -ERANGE;
		}
		int r = take_number(s, &t->capacity[t->nr_kinds++], why);
		if (r < 0)
			return r;
	} while (**s == ':');
	return 0;
}
static_assert(TOPO_MAX_KINDS == 8, "the message says another number");

static int take_rest(const char **s, struct topology *t, const char **what, const char **why)
{
	int r = 0;

	*what = "memory-only nodes (1m)";
	if (**s >= '0' && **s <= '9')
		r = take_dim(s, &memory_dim, t, why);
	if (r < 0)
		return r;
	*what = "capacities (@1024:512)";
	return **s == '@' ? take_kinds(s, t, why) : 0;
}

static int parse_shape(const char *text, struct topology *ret, struct err *e)
{
	struct topology t = { 0 };
	const char *s = text, *why, *what;

	for (size_t i = 0; i < ARRAY_SIZE(dims); i++) {
		int r = take_dim(&s, &dims[i], &t, &why);

		if (r < 0)
			return err_set(e, r,
				       "topology %.64s: %s (%c): %s; the form is "
				       "AnBlCcDt, " TOPO_FORM_HELP,
				       text, dims[i].what, dims[i].letter, why);
	}
	int r = take_rest(&s, &t, &what, &why);
	if (r < 0)
		return err_set(e, r, "topology %.64s: %s: %s", text, what, why);
	if (*s)
		return err_set(e, -EINVAL,
			       "topology %.64s: only memory-only nodes (1m) and capacities "
			       "(@1024:512) may follow the threads",
			       text);
	r = topo_check(&t, e);
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

/* Appends to the @n bytes in @buf; more than fits is cut off. */
static size_t __attribute__((format(printf, 4, 5))) add_text(char *buf, size_t cap, size_t n,
							     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int more = vsnprintf(buf + n, cap - n, fmt, ap);
	va_end(ap);
	return more < 0 ? n : MIN(n + (size_t)more, cap - 1);
}

const char *topo_format(const struct topology *t, char *buf, size_t cap)
{
	size_t n = add_text(buf, cap, 0, "%un%ul%uc%ut", t->nodes, t->llcs, t->cores, t->threads);

	if (t->memory_nodes)
		n = add_text(buf, cap, n, "%um", t->memory_nodes);
	for (uint32_t i = 0; i < MIN(t->nr_kinds, (uint32_t)TOPO_MAX_KINDS); i++)
		n = add_text(buf, cap, n, "%c%u", i ? ':' : '@', t->capacity[i]);
	return buf;
}

uint32_t topo_cpus(const struct topology *t)
{
	return t->llcs * t->cores * t->threads;
}

uint32_t topo_nodes(const struct topology *t)
{
	return t->nodes + t->memory_nodes;
}

uint32_t topo_capacity_of(const struct topology *t, uint32_t cpu)
{
	if (!t->nr_kinds)
		return TOPO_CAPACITY_MAX;
	return t->capacity[topo_core_of(t, cpu) / (t->llcs * t->cores / t->nr_kinds)];
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
	uint32_t want = MAX(256 + 8 * topo_cpus(t), 128 * topo_nodes(t));

	return ALIGN_UP(want, 16 * topo_nodes(t));
}

void topo_node_memory(const struct topology *t, uint64_t bytes, uint32_t node, uint64_t *ret_off,
		      uint64_t *ret_len)
{
	uint64_t share = bytes / topo_nodes(t) & ~(MEMORY_GRAIN - 1);

	*ret_off = node * share;
	*ret_len = node + 1 == topo_nodes(t) ? bytes - *ret_off : share;
}
