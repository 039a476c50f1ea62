/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs in a guest and prints what it sees there: "perf" counts its own CPU cycles and instructions,
 * "steal SECONDS" keeps every CPU busy and says how much of their time was stolen.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOPS 5000000

static int counter(uint64_t config)
{
	struct perf_event_attr a = { .type = PERF_TYPE_HARDWARE,
				     .size = sizeof(a),
				     .config = config,
				     .disabled = 1,
				     .exclude_kernel = 1 };

	return (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, 0);
}

static int count(const char *name, uint64_t config)
{
	int fd = counter(config);
	uint64_t n;

	if (fd < 0) {
		printf("%s: %s\n", name, strerror(errno));
		return 1;
	}
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	for (volatile unsigned i = 0; i < LOOPS;)
		i = i + 1;
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	if (read(fd, &n, sizeof(n)) != sizeof(n))
		n = 0;
	close(fd);
	printf("%s %llu\n", name, (unsigned long long)n);
	return n == 0;
}

static int perf(void)
{
	count("instructions", PERF_COUNT_HW_INSTRUCTIONS); /* some hosts count none */
	return count("cycles", PERF_COUNT_HW_CPU_CYCLES);
}

/* user nice system idle iowait irq softirq steal, in ticks */
static void read_times(uint64_t *all, uint64_t *stolen)
{
	FILE *f = fopen("/proc/stat", "re");
	unsigned long long t[8] = { 0 };

	if (!f || fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", t, t + 1, t + 2, t + 3,
			 t + 4, t + 5, t + 6, t + 7) != 8)
		exit(2);
	fclose(f);
	*all = 0;
	for (int i = 0; i < 8; i++)
		*all += t[i];
	*stolen = t[7];
}

/* Says by a byte to @up that it has got its CPU. */
static void spin_on(int cpu, int up)
{
	cpu_set_t set;

	if (fork())
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setaffinity(0, sizeof(set), &set) < 0 || write(up, "", 1) != 1)
		_exit(1);
	for (volatile unsigned i = 0;; i = i + 1)
		;
}

static void spin_everywhere(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int fds[2];
	char byte;

	if (pipe(fds) < 0)
		exit(2);
	for (int cpu = 0; cpu < cpus; cpu++)
		spin_on(cpu, fds[1]);
	close(fds[1]);
	for (long up = 0; up < cpus; up++)
		if (read(fds[0], &byte, 1) != 1)
			exit(2);
	close(fds[0]);
}

static int steal(unsigned seconds)
{
	uint64_t all[2], stolen[2];

	spin_everywhere();
	read_times(&all[0], &stolen[0]);
	sleep(seconds);
	read_times(&all[1], &stolen[1]);
	uint64_t passed = all[1] - all[0];
	printf("stolen %llu of %llu ticks, %llu percent; since boot %llu\n",
	       (unsigned long long)(stolen[1] - stolen[0]), (unsigned long long)passed,
	       (unsigned long long)(passed ? (stolen[1] - stolen[0]) * 100 / passed : 0),
	       (unsigned long long)stolen[1]);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "perf"))
		return perf();
	if (argc == 3 && !strcmp(argv[1], "steal"))
		return steal((unsigned)atoi(argv[2]));
	fprintf(stderr, "guest_probe perf | steal SECONDS\n");
	return 2;
}
