/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "author/worker.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/scoped.h"

#define SPIN_CHUNK 1024 /* loops between checkpoints: a few us, also under emulation */

uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The C library registers rseq for every thread; where it did not, the vDSO knows as well. */
uint32_t current_cpu(void)
{
	const char *thread = __builtin_thread_pointer();
	const struct rseq *rs = (const void *)(thread + __rseq_offset);
	int32_t cpu = (int32_t)__atomic_load_n(&rs->cpu_id, __ATOMIC_RELAXED);

	return (uint32_t)(__rseq_size && cpu >= 0 ? cpu : sched_getcpu());
}

long futex_wait(uint32_t *word, uint32_t while_it_is, const struct timespec *relative)
{
	return syscall(SYS_futex, word, FUTEX_WAIT, while_it_is, relative, NULL, 0);
}

void futex_wake(uint32_t *word, int nr)
{
	syscall(SYS_futex, word, FUTEX_WAKE, nr, NULL, NULL, 0);
}

void worker_mark_cpu(struct worker *w, uint32_t cpu, uint32_t epoch)
{
	struct cpuset *used = &w->slot->used[epoch];

	if (cpu < CPUSET_MAX && !cpuset_has(used, cpu))
		__atomic_fetch_or(&used->bits[cpu / 64], 1ull << cpu % 64, __ATOMIC_RELAXED);
}

static void mark_at(struct worker *w, uint64_t now, uint64_t units)
{
	struct slot *s = w->slot;
	/* the epoch first: see CPU_EPOCHS */
	uint32_t epoch = __atomic_load_n(&w->crew->epoch, __ATOMIC_ACQUIRE);
	uint32_t cpu = current_cpu();
	uint64_t gap = now > s->last_ns ? now - s->last_ns : 0;

	if (gap > s->max_gap_ns) {
		shared_put(&s->max_gap_ns, gap);
		shared_put(&s->max_gap_from_ns, s->last_ns);
		shared_put(&s->max_gap_cpu, s->cpu);
	}
	worker_mark_cpu(w, cpu, epoch);
	if (cpu != s->cpu && s->began)
		shared_put(&s->migrations, s->migrations + 1);
	shared_put(&s->cpu, cpu);
	shared_put(&s->began, 1u);
	shared_put(&s->work, s->work + units);
	shared_put(&s->last_ns, now);
}

void worker_mark(struct worker *w, uint64_t units)
{
	mark_at(w, clock_ns(), units);
}

void worker_block(struct worker *w)
{
	worker_mark(w, 0);
	__atomic_store_n(&w->slot->blocked, 1, __ATOMIC_SEQ_CST);
}

/*
 * A stamp from before the wait began means that there was nothing to wait for. The order of the
 * stores leaves no moment at which the controller could take the wait itself for a gap.
 */
void worker_unblock(struct worker *w)
{
	struct slot *s = w->slot;
	uint64_t woken = __atomic_load_n(&s->woken_ns, __ATOMIC_SEQ_CST), now = clock_ns();

	if (woken > s->last_ns) {
		hist_add(&s->wake, now - woken);
		shared_put(&s->last_ns, woken);
	}
	__atomic_store_n(&s->blocked, 0, __ATOMIC_SEQ_CST);
	mark_at(w, now, 0);
	__atomic_store_n(&s->woken_ns, 0, __ATOMIC_SEQ_CST);
}

/*
 * The first stamp of a wait stays: until it runs, later wake-ups change nothing. One from before
 * the last checkpoint is left over and gives way.
 */
void slot_wake(struct slot *s)
{
	uint64_t old = __atomic_load_n(&s->woken_ns, __ATOMIC_SEQ_CST);

	if (old <= shared_get(&s->last_ns))
		__atomic_compare_exchange_n(&s->woken_ns, &old, clock_ns(), false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
}

void worker_sleep(struct worker *w, uint64_t ns)
{
	worker_block(w);
	uint64_t until = w->slot->last_ns + ns;
	struct timespec ts = { (time_t)(until / 1000000000), (long)(until % 1000000000) };

	shared_put(&w->slot->woken_ns, until);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
	worker_unblock(w);
}

/* Opaque to the compiler, and with a dependency from loop to loop. */
static void burn(uint64_t loops)
{
	uint64_t x = loops;

	while (loops--) {
		x = x * 6364136223846793005u + 1;
		__asm__ volatile("" : "+r"(x));
	}
}

/*
 * The architecture's hint that a loop spins. To an emulator that executes the CPUs in turns, as in
 * virtual time, it says that the turn may end: without it the others would wait for the next timer.
 */
static void relax(void)
{
#if defined(__x86_64__)
	__asm__ volatile("pause");
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

void worker_spin(struct worker *w, uint64_t loops)
{
	while (loops) {
		uint64_t n = MIN(loops, SPIN_CHUNK);

		burn(n);
		worker_mark(w, n);
		relax();
		loops -= n;
	}
}

void worker_map(struct worker *w, size_t len)
{
	w->mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->mem == MAP_FAILED)
		_exit(ENOMEM);
	w->mem_len = len;
}

/* xorshift64*: any seed but 0 */
uint64_t worker_random(struct worker *w)
{
	w->rng ^= w->rng >> 12;
	w->rng ^= w->rng << 25;
	w->rng ^= w->rng >> 27;
	return w->rng * 2685821657736338717u;
}
