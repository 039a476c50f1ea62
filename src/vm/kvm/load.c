/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/kvm/load.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "base/io.h"
#include "base/scoped.h"
#include "machine/gmem.h"

#define THREADS_MAX 4
#define CHUNK (2ull << 20) /* a huge page is cleared by one thread and waited for by the others */

struct loading {
	const struct gmem *mem;
	uint64_t gpa, len;
	int fd;
	uint64_t next; /* offset nobody has taken */
	int error;     /* of one of those that failed */
};

static int copy(const struct loading *j, uint64_t off, uint64_t end)
{
	for (size_t n; off < end; off += n) {
		void *to = gmem_piece(j->mem, j->gpa + off, end - off, &n);
		int r = to ? pread_full(j->fd, to, n, off) : -EFAULT;

		if (r < 0)
			return r;
	}
	return 0;
}

static void *work(void *arg)
{
	struct loading *j = arg;

	while (!__atomic_load_n(&j->error, __ATOMIC_RELAXED)) {
		uint64_t off = __atomic_fetch_add(&j->next, CHUNK, __ATOMIC_RELAXED);

		if (off >= j->len)
			break;
		int r = copy(j, off, MIN(off + CHUNK, j->len));
		if (r < 0)
			__atomic_store_n(&j->error, r, __ATOMIC_RELAXED);
	}
	return NULL;
}

static uint32_t helpers_for(uint64_t len)
{
	uint64_t chunks = (len + CHUNK - 1) / CHUNK;
	cpu_set_t may;

	if (sched_getaffinity(0, sizeof(may), &may) < 0)
		return 0;
	return (uint32_t)MIN(MIN(chunks, (uint64_t)CPU_COUNT(&may)), (uint64_t)THREADS_MAX) - 1;
}

int load_file(const struct gmem *mem, uint64_t gpa, int fd, uint64_t len)
{
	struct loading j = { .mem = mem, .gpa = gpa, .len = len, .fd = fd };
	pthread_t helper[THREADS_MAX - 1];
	uint32_t nr = 0, want = len ? helpers_for(len) : 0;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the caller's */
	while (nr < want && pthread_create(&helper[nr], NULL, work, &j) == 0)
		nr++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	work(&j); /* all of it, if there are no helpers */
	while (nr)
		pthread_join(helper[--nr], NULL);
	return j.error;
}
