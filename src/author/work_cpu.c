/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Work that needs nothing but a CPU: spinning, yielding, bursts with pauses. */
#include <sched.h>

#include "author/work.h"

#define SPIN_PER_PASS 1024

static void spin_pass(struct worker *w)
{
	worker_spin(w, SPIN_PER_PASS);
}

const struct work_type work_spin_wait = {
	.name = "spin_wait",
	.group = 1,
	.pass = spin_pass,
};

static void yield_pass(struct worker *w)
{
	worker_mark(w, 1);
	sched_yield();
}

const struct work_type work_yield_heavy = {
	.name = "yield_heavy",
	.group = 1,
	.pass = yield_pass,
};

/* By CPU time used, a preempted burst would be as long as its work; by the clock it is as declared. */
static void bursty_pass(struct worker *w)
{
	uint64_t until = clock_ns() + w->args->bursty.run_us * 1000ull;

	while (clock_ns() < until)
		worker_spin(w, SPIN_PER_PASS);
	worker_sleep(w, w->args->bursty.sleep_us * 1000ull);
}

const struct work_type work_bursty = {
	.name = "bursty",
	.wakes = true,
	.params =
		(const struct work_param[]){
			WORK_PARAM(bursty.run_us, 50000, 1, 100000000),
			WORK_PARAM(bursty.sleep_us, 100000, 1, 100000000),
			{ 0 },
		},
	.group = 1,
	.pass = bursty_pass,
};
