/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Work that is about memory: caches and page faults. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "author/work.h"

#define CACHE_STEPS 1024 /* between checkpoints */
#define FAULTS_PER_MARK 8

static void cache_begin(struct worker *w)
{
	worker_map(w, w->args->cache_pressure.size_kib * 1024ull);
}

static void cache_pass(struct worker *w)
{
	volatile uint8_t *mem = w->mem;

	for (int i = 0; i < CACHE_STEPS; i++) {
		mem[w->mem_at] = (uint8_t)(mem[w->mem_at] + 1);
		w->mem_at = (w->mem_at + w->args->cache_pressure.stride) % w->mem_len;
	}
	worker_mark(w, CACHE_STEPS);
}

const struct work_type work_cache_pressure = {
	.name = "cache_pressure",
	.params =
		(const struct work_param[]){
			WORK_PARAM(cache_pressure.size_kib, 32, 1, 1u << 22),
			WORK_PARAM(cache_pressure.stride, 64, 1, 1u << 20),
			{ 0 },
		},
	.group = 1,
	.begin = cache_begin,
	.pass = cache_pass,
};

static void fault_begin(struct worker *w)
{
	worker_map(w, w->args->page_fault_churn.region_kib * 1024ull);
	madvise(w->mem, w->mem_len,
		MADV_NOHUGEPAGE); /* without huge pages there is none to refuse */
}

static void fault_pass(struct worker *w)
{
	unsigned touches = w->args->page_fault_churn.touches;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (unsigned i = 1; i <= touches; i++) {
		size_t at = worker_random(w) % (w->mem_len / page) * page;

		__atomic_store_n(&w->mem[at], (uint8_t)i, __ATOMIC_RELAXED);
		if (i % FAULTS_PER_MARK == 0 || i == touches)
			worker_mark(w, i % FAULTS_PER_MARK ? i % FAULTS_PER_MARK : FAULTS_PER_MARK);
	}
	if (madvise(w->mem, w->mem_len, MADV_DONTNEED) < 0)
		_exit(errno);
	worker_spin(w, w->args->page_fault_churn.spin);
}

const struct work_type work_page_fault_churn = {
	.name = "page_fault_churn",
	.params =
		(const struct work_param[]){
			/* one page of 64 KiB is the largest there is */
			WORK_PARAM(page_fault_churn.region_kib, 4096, 64, 1u << 22),
			WORK_PARAM(page_fault_churn.touches, 256, 1, 1u << 24),
			WORK_PARAM(page_fault_churn.spin, 64, 1, 1000000000),
			{ 0 },
		},
	.group = 1,
	.begin = fault_begin,
	.pass = fault_pass,
};
