/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/random.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "link/job.h"

#define MAX_FILES (1u << 20)

int setup_priority(struct err *e)
{
	const struct sched_param sp = { .sched_priority = 50 };

	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &sp) < 0)
		return err_sys(e, -errno, "real-time priority of init");
	return 0;
}

/* A kernel without network has no loopback to bring up. */
void setup_loopback(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	SCOPED(close_fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		return;
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		dprintf(STDERR_FILENO, "network lo could not be brought up: %s\n", strerror(errno));
}

static int set_sysctl(const char *path_and_value, struct err *e)
{
	char path[PATH_MAX];
	const char *blank = strchr(path_and_value, ' ');

	if (!blank)
		return err_set(e, -EINVAL, "sysctl \"%s\": no value", path_and_value);
	snprintf(path, sizeof(path), "/proc/sys/%.*s", (int)(blank - path_and_value),
		 path_and_value);
	return write_attr(path, blank + 1, strlen(blank + 1), e);
}

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static int seed_random_numbers(uint64_t *state)
{
	struct {
		struct rand_pool_info head;
		uint64_t data[8];
	} pool = { .head = { .entropy_count = 512, .buf_size = sizeof(pool.data) } };
	SCOPED(close_fd) int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(pool.data); i++)
		pool.data[i] = splitmix(state);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0)
		return -errno;
	/* At once: a kernel that has its random numbers already mixes new ones in once a minute. */
	return ioctl(fd, RNDRESEEDCRNG) < 0 ? -errno : 0;
}

#define PHASE_NS 8000000u /* two ticks of a kernel with 250 of them a second */

int setup_seed(const struct job *j, struct err *e)
{
	uint64_t seed;

	if (!job_in_virtual_time(j) || !j->seed)
		return 0;
	if (parse_u64(j->seed, &seed) < 0)
		return err_set(e, -EINVAL, "job: seed: not a number: %s", j->seed);
	int r = seed_random_numbers(&seed);
	if (r < 0)
		return err_sys(e, r, "random numbers of the kernel");
	struct timespec ts = { 0, (long)(splitmix(&seed) % PHASE_NS) };
	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
	return 0;
}

int setup_system(const struct job *j, struct err *e)
{
	const struct rlimit files = { 1024, MAX_FILES };
	const char *host = j->hostname ? j->hostname : "ktstr";

	if (sethostname(host, strlen(host)) < 0)
		return err_sys(e, -errno, "host name %s", host);
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_sys(e, -errno, "limit of open files");
	int r = make_dirs("/root", 0700, e);
	for (size_t i = 0; !r && i < j->sysctls.nr; i++)
		r = set_sysctl(j->sysctls.at[i], e);
	return r;
}
