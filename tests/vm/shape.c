/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Does the guest's sysfs show the machine that was declared? Run with --topology for each shape. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ktstr/ktstr.h>

#include "abi/job.h"

struct shape {
	unsigned nodes, llcs, cores, threads, memory_nodes;
	char kinds[80]; /* "@1024:512" */
};

/* As the host declared it, not as the library found it. */
static bool read_declared(struct shape *s)
{
	char line[1024];
	FILE *f = fopen(GUEST_JOB_PATH, "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "topology=%un%ul%uc%ut%79s", &s->nodes, &s->llcs, &s->cores,
			       &s->threads, s->kinds) >= 4;
	if (f)
		fclose(f);
	if (found && sscanf(s->kinds, "%um", &s->memory_nodes) == 1)
		memmove(s->kinds, strchr(s->kinds, 'm') + 1, strlen(strchr(s->kinds, 'm')));
	return found;
}

static bool read_line(const char *path, char *buf, size_t cap)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fgets(buf, (int)cap, f);

	if (f)
		fclose(f);
	if (!ok)
		snprintf(buf, cap, "(no %s)", path);
	buf[strcspn(buf, "\n")] = 0;
	return ok;
}

/* The kernel's way to print @count CPUs from @first. */
static void range(unsigned first, unsigned count, char *buf, size_t cap)
{
	if (count == 1)
		snprintf(buf, cap, "%u", first);
	else
		snprintf(buf, cap, "%u-%u", first, first + count - 1);
}

/* One attribute of one CPU must list exactly the @count CPUs from the group's first on. */
static void check_group(struct ktstr *t, unsigned cpu, const char *attribute, unsigned count)
{
	char path[160], want[32], have[256];

	range(cpu / count * count, count, want, sizeof(want));
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/%s", cpu, attribute);
	read_line(path, have, sizeof(have));
	if (!ktstr_expect_true(t, !strcmp(have, want)))
		ktstr_note(t, "cpu%u %s: sysfs says %s, declared %s", cpu, attribute, have, want);
}

/* The cache of the highest level there is. */
static bool last_level_cache(unsigned cpu, char *attribute, size_t cap)
{
	int best = -1, best_level = 0;

	for (int i = 0; i < 8; i++) {
		char path[160], level[16];
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/cache/index%d/level",
			 cpu, i);
		if (!read_line(path, level, sizeof(level)))
			break;
		if (atoi(level) > best_level) {
			best_level = atoi(level);
			best = i;
		}
	}
	snprintf(attribute, cap, "cache/index%d/shared_cpu_list", best);
	return best >= 0;
}

/* "@1024:512": each kind has as many of the machine's cores as the other, in order. */
static void check_capacity(struct ktstr *t, const struct shape *s, unsigned cpu)
{
	unsigned nr = 0, kind = 0;
	char path[160], have[64];
	const char *want = s->kinds;

	for (const char *p = want; *p; p++)
		nr += *p == '@' || *p == ':';
	if (!nr)
		return;
	for (kind = cpu / s->threads / (s->llcs * s->cores / nr); kind; kind--)
		want = strchr(want + 1, ':');
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/cpu_capacity", cpu);
	read_line(path, have, sizeof(have));
	if (!ktstr_expect_eq(t, atoi(have), atoi(want + 1)))
		ktstr_note(t, "cpu%u capacity: sysfs says %s, declared %s", cpu, have, s->kinds);
}

static void check_cpu(struct ktstr *t, const struct shape *s, unsigned cpu)
{
	unsigned per_llc = s->cores * s->threads;
	char llc[64];

	check_group(t, cpu, "topology/thread_siblings_list", s->threads);
	check_group(t, cpu, "topology/package_cpus_list", s->llcs / s->nodes * per_llc);
	ktstr_expect_true(t, last_level_cache(cpu, llc, sizeof(llc)));
	check_group(t, cpu, llc, per_llc);
	check_capacity(t, s, cpu);
}

static void check_node(struct ktstr *t, const struct shape *s, unsigned node)
{
	unsigned cpus = s->llcs / s->nodes * s->cores * s->threads;
	char path[96], want[512] = "", have[512];
	size_t n = 0;

	for (unsigned other = 0; other < s->nodes + s->memory_nodes; other++)
		n += (size_t)snprintf(want + n, sizeof(want) - n, "%s%d", other ? " " : "",
				      other == node ? 10 : 20);
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/distance", node);
	read_line(path, have, sizeof(have));
	if (!ktstr_expect_true(t, !strcmp(have, want)))
		ktstr_note(t, "node%u distances: sysfs says %s, declared %s", node, have, want);
	want[0] = 0; /* a node of memory only */
	if (node < s->nodes)
		range(node * cpus, cpus, want, sizeof(want));
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", node);
	read_line(path, have, sizeof(have));
	if (!ktstr_expect_true(t, !strcmp(have, want)))
		ktstr_note(t, "node%u CPUs: sysfs says %s, declared %s", node, have, want);
}

KTSTR_TEST(sysfs_shows_the_declared_machine,
	   .summary = "threads, cores, LLCs, packages, nodes and distances are as declared")
{
	char have[64], want[32];
	struct shape s = { 0 };

	if (!ktstr_expect_true(t, read_declared(&s)))
		return;
	unsigned cpus = s.llcs * s.cores * s.threads;
	range(0, cpus, want, sizeof(want));
	read_line("/sys/devices/system/cpu/online", have, sizeof(have));
	if (!ktstr_expect_true(t, !strcmp(have, want)))
		ktstr_note(t, "online: sysfs says %s, declared %s", have, want);
	for (unsigned cpu = 0; cpu < cpus; cpu++)
		check_cpu(t, &s, cpu);
	for (unsigned node = 0; node < s.nodes + s.memory_nodes; node++)
		check_node(t, &s, node);
	/* The library's own view must agree. */
	ktstr_expect_eq(t, ktstr_nr_cpus(t), cpus);
	ktstr_expect_eq(t, ktstr_nr_llcs(t), s.llcs);
	ktstr_expect_eq(t, ktstr_nr_nodes(t), s.nodes);
}
