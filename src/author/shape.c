/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "author/shape.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"

#define LIST_MAX 4096

void shape_fini(struct shape *s)
{
	free(s->llc);
	free(s->node);
	*s = (struct shape){ 0 };
}

static int read_cpus(const char *path, struct cpuset *ret)
{
	char list[LIST_MAX];
	int r = read_line_at(AT_FDCWD, path, list, sizeof(list));

	return r < 0 ? r : cpuset_parse(list, ret);
}

static int add_set(struct cpuset **sets, unsigned *nr, const struct cpuset *set)
{
	for (unsigned i = 0; i < *nr; i++)
		if (cpuset_equal(&(*sets)[i], set))
			return 0;
	struct cpuset *more = reallocarray(*sets, *nr + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	more[(*nr)++] = *set;
	*sets = more;
	return 0;
}

/* The cache that is shared furthest is the one with the highest index: the kernel orders them. */
static int last_level_cpus(const char *sysfs, unsigned cpu, struct cpuset *ret)
{
	char path[LIST_MAX];
	int found = -ENOENT;

	for (int i = 0;; i++) {
		snprintf(path, sizeof(path),
			 "%s/devices/system/cpu/cpu%u/cache/index%d/shared_cpu_list", sysfs, cpu,
			 i);
		int r = read_cpus(path, ret);
		if (r < 0)
			return r == -ENOENT ? found : r;
		found = 0;
	}
}

/* A machine that does not describe its caches: the package is what shares one, if anything does. */
static int package_cpus(const char *sysfs, unsigned cpu, struct cpuset *ret)
{
	char path[LIST_MAX];

	snprintf(path, sizeof(path), "%s/devices/system/cpu/cpu%u/topology/package_cpus_list",
		 sysfs, cpu);
	return read_cpus(path, ret);
}

static int read_llcs(const char *sysfs, struct shape *s, struct err *e)
{
	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++) {
		struct cpuset set;

		if (!cpuset_has(&s->online, cpu))
			continue;
		int r = last_level_cpus(sysfs, cpu, &set);
		if (r == -ENOENT)
			r = package_cpus(sysfs, cpu, &set);
		if (!r)
			r = add_set(&s->llc, &s->nr_llcs, &set);
		if (r < 0)
			return err_sys(e, r, "cpu%u: caches", cpu);
	}
	return 0;
}

/* Nodes of memory that no CPU is in. */
static unsigned count_memory_nodes(const char *sysfs, const struct cpuset *with_cpus)
{
	char path[LIST_MAX];
	struct cpuset nodes, rest;

	snprintf(path, sizeof(path), "%s/devices/system/node/has_memory", sysfs);
	if (read_cpus(path, &nodes) < 0)
		return 0;
	rest = cpuset_minus(&nodes, with_cpus);
	return cpuset_count(&rest);
}

static int read_nodes(const char *sysfs, struct shape *s, struct err *e)
{
	char path[LIST_MAX];
	struct cpuset nodes, set;

	snprintf(path, sizeof(path), "%s/devices/system/node/has_cpu", sysfs);
	if (read_cpus(path, &nodes) < 0) /* a kernel without NUMA */
		return add_set(&s->node, &s->nr_nodes, &s->online);
	s->nr_memory_nodes = count_memory_nodes(sysfs, &nodes);
	for (unsigned n = 0; n < CPUSET_MAX; n++) {
		if (!cpuset_has(&nodes, n))
			continue;
		snprintf(path, sizeof(path), "%s/devices/system/node/node%u/cpulist", sysfs, n);
		int r = read_cpus(path, &set);
		if (!r)
			r = add_set(&s->node, &s->nr_nodes, &set);
		if (r < 0)
			return err_sys(e, r, "%s", path);
	}
	return 0;
}

static void read_capacities(const char *sysfs, struct shape *s)
{
	char path[LIST_MAX], text[16];
	uint32_t v;

	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++) {
		snprintf(path, sizeof(path), "%s/devices/system/cpu/cpu%u/cpu_capacity", sysfs,
			 cpu);
		if (cpuset_has(&s->online, cpu) &&
		    read_line_at(AT_FDCWD, path, text, sizeof(text)) >= 0 &&
		    parse_u32(text, &v) >= 0 && v <= UINT16_MAX)
			s->capacity[cpu] = (uint16_t)v;
	}
}

int shape_read(const char *sysfs, struct shape *ret, struct err *e)
{
	SCOPED(shape_fini) struct shape s = { 0 };
	char path[LIST_MAX];

	snprintf(path, sizeof(path), "%s/devices/system/cpu/online", sysfs);
	int r = read_cpus(path, &s.online);
	if (r < 0)
		return err_sys(e, r, "%s", path);
	r = read_llcs(sysfs, &s, e);
	if (r < 0)
		return r;
	r = read_nodes(sysfs, &s, e);
	if (r < 0)
		return r;
	read_capacities(sysfs, &s);
	*ret = s;
	s = (struct shape){ 0 };
	return 0;
}

#define KINDS_MAX 8

/* The host has checked the text; here it is only taken apart. */
struct declared {
	unsigned nodes, llcs, cores, threads, memory_nodes;
	unsigned nr_kinds, capacity[KINDS_MAX];
};

static bool parse_kinds(const char *s, struct declared *d)
{
	int n;

	for (char before = '@'; *s; before = ':', s += n) {
		if (*s != before || d->nr_kinds == KINDS_MAX ||
		    sscanf(s + 1, "%u%n", &d->capacity[d->nr_kinds++], &n) != 1)
			return false;
		n++;
	}
	return true;
}

static bool parse_declared(const char *text, struct declared *d)
{
	unsigned more;
	int end = 0, n = 0;

	*d = (struct declared){ 0 };
	if (sscanf(text, "%un%ul%uc%ut%n", &d->nodes, &d->llcs, &d->cores, &d->threads, &end) !=
		    4 ||
	    !end)
		return false;
	if (sscanf(text + end, "%um%n", &more, &n) == 1 && n) {
		d->memory_nodes = more;
		end += n;
	}
	return parse_kinds(text + end, d);
}

static int check_capacities(const struct shape *s, const struct declared *d, const char *text,
			    struct err *e)
{
	unsigned cores = d->llcs * d->cores;

	if (!d->nr_kinds || cores % d->nr_kinds)
		return 0;
	for (unsigned cpu = 0; cpu < cores * d->threads; cpu++) {
		unsigned want = d->capacity[cpu / d->threads / (cores / d->nr_kinds)];

		if (s->capacity[cpu] != want)
			return err_set(e, -EINVAL,
				       "cpu%u has a capacity of %u, which is not the declared %s",
				       cpu, s->capacity[cpu], text);
	}
	return 0;
}

int shape_check(const struct shape *s, const char *declared, struct err *e)
{
	struct declared d;

	if (!parse_declared(declared, &d))
		return err_set(e, -EINVAL, "topology %s: not of the form AnBlCcDt", declared);
	if (d.nodes != s->nr_nodes || d.llcs != s->nr_llcs ||
	    d.llcs * d.cores * d.threads != cpuset_count(&s->online))
		return err_set(e, -EINVAL,
			       "the machine has %u nodes, %u last-level caches and %u CPUs, which "
			       "is not the declared %s",
			       s->nr_nodes, s->nr_llcs, cpuset_count(&s->online), declared);
	if (d.memory_nodes != s->nr_memory_nodes)
		return err_set(e, -EINVAL,
			       "the machine has %u nodes of memory only, which is not the declared "
			       "%s",
			       s->nr_memory_nodes, declared);
	return check_capacities(s, &d, declared, e);
}

static int pick(const struct cpuset *sets, unsigned nr, const char *what, const char *number,
		struct cpuset *ret, struct err *e)
{
	uint32_t i;

	if (parse_u32(number, &i) < 0)
		return err_set(e, -EINVAL, "CPUs \"%s:%s\": not a number", what, number);
	if (i >= nr)
		return err_set(e, -EINVAL, "CPUs \"%s:%s\": the machine has %u", what, number, nr);
	*ret = sets[i];
	return 0;
}

static void halves(const struct shape *s, struct cpuset ret[2])
{
	unsigned seen = 0, nr = cpuset_count(&s->online);

	for (unsigned cpu = 0; cpu < CPUSET_MAX; cpu++)
		if (cpuset_has(&s->online, cpu))
			cpuset_add(&ret[seen++ >= nr / 2], cpu);
}

static int listed(const struct shape *s, const char *text, struct cpuset *ret, struct err *e)
{
	struct cpuset set, absent;
	char list[128];

	if (cpuset_parse(text, &set) < 0)
		return err_set(e, -EINVAL,
			       "CPUs \"%s\": neither a list nor all, llc:N, node:N or half:N",
			       text);
	absent = cpuset_minus(&set, &s->online);
	if (cpuset_count(&absent) && cpuset_format(&absent, list, sizeof(list)) >= 0)
		return err_set(e, -EINVAL, "CPUs \"%s\": the machine has no cpu%s", text, list);
	*ret = set;
	return 0;
}

int shape_cpus(const struct shape *s, const char *text, struct cpuset *ret, struct err *e)
{
	struct cpuset half[2] = { 0 };
	int r;

	if (!text || !*text || !strcmp(text, "all")) {
		*ret = s->online;
		return 0;
	}
	halves(s, half);
	if (!strncmp(text, "llc:", 4))
		r = pick(s->llc, s->nr_llcs, "llc", text + 4, ret, e);
	else if (!strncmp(text, "node:", 5))
		r = pick(s->node, s->nr_nodes, "node", text + 5, ret, e);
	else if (!strncmp(text, "half:", 5))
		r = pick(half, 2, "half", text + 5, ret, e);
	else
		r = listed(s, text, ret, e);
	if (!r && !cpuset_count(ret))
		return err_set(e, -EINVAL, "CPUs \"%s\": none on this machine", text);
	return r;
}
