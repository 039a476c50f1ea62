/* SPDX-License-Identifier: GPL-2.0-only */
/* What a machine lacks for measuring on it, and how a process stands that is short of something. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/io.h"
#include "harness/host.h"

/* The first line of a small file, "" if there is none. */
static const char *line_of(const char *root, const char *path, char buf[128])
{
	char full[300];

	snprintf(full, sizeof(full), "%.150s%s", root, path);
	if (read_line_at(AT_FDCWD, full, buf, 128) < 0)
		buf[0] = 0;
	return buf;
}

static void add(struct buf *out, const char *text)
{
	buf_printf(out, "%s%s", out->len ? ", " : "", text);
}

bool host_may_fifo(void)
{
	const struct sched_param one = { .sched_priority = 2 }, none = { 0 };
	int before = sched_getscheduler(0);

	if (before == SCHED_FIFO || before == SCHED_RR)
		return true;
	if (sched_setscheduler(0, SCHED_FIFO, &one) < 0)
		return false;
	sched_setscheduler(0, before, &none);
	return true;
}

void host_lacks(const struct hosttopo *h, const char *root, bool fifo, struct buf *out)
{
	char text[128];

	if (h->nr_cpus < 2)
		add(out, "a second CPU (so not at all)");
	if (!fifo)
		add(out, "real-time priority");
	line_of(root, "/proc/sys/kernel/sched_rt_runtime_us", text);
	if (fifo && text[0] && text[0] != '-')
		add(out, "an end of real-time throttling");
	line_of(root, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", text);
	if (strtoull(text, NULL, 10) == 0)
		add(out, "free huge pages");
	if (!*line_of(root, "/sys/devices/system/cpu/isolated", text))
		add(out, "isolated CPUs");
	line_of(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text);
	if (text[0] && strcmp(text, "performance") != 0)
		add(out, "a steady clock (cpufreq governor)");
}

static uint64_t open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint64_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n > 3 ? n - 3 : 0; /* ".", ".." and its own */
}

static uint64_t status_of(const char *text, const char *name)
{
	const char *at = text ? strstr(text, name) : NULL;

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

void host_state(struct buf *out)
{
	SCOPED(mem_free) char *status = NULL;
	struct rlimit l = { .rlim_cur = RLIM_INFINITY };
	uint64_t files = open_files();

	getrlimit(RLIMIT_NOFILE, &l);
	read_file("/proc/self/status", 1 << 16, &status, NULL, NULL);
	buf_printf(out, "this process: %llu descriptors%s, %llu MiB, %llu threads",
		   (unsigned long long)files,
		   l.rlim_cur != RLIM_INFINITY && files >= l.rlim_cur / 10 * 9 ? " (near its limit)"
									       : "",
		   (unsigned long long)(status_of(status, "VmRSS:") >> 10),
		   (unsigned long long)status_of(status, "Threads:"));
}
