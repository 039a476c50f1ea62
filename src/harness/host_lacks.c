/* SPDX-License-Identifier: GPL-2.0-only */
/* What a machine lacks for measuring on it. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
