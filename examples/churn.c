/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Work that keeps the scheduler busy with everything but computing. */
#include <ktstr/ktstr.h>

/* Tasks that live for microseconds, beside one that computes. */
KTSTR_TEST(short_lives, .summary = "forking goes on beside a busy neighbour",
	   .topology = "1n1l2c1t", .duration_ms = 1000, .limits.max_gap_ms = KTSTR_LIMIT(1000))
{
	ktstr_cgroup(t, "cg_0");
	ktstr_cgroup(t, "cg_1");
	ktstr_spawn(t, "cg_0", .work = KTSTR_FORK_EXIT, .workers = 2);
	ktstr_spawn(t, "cg_1", .work = KTSTR_CACHE_PRESSURE, .cache_pressure = { .size_kib = 256 });
	ktstr_hold(t, KTSTR_FULL);

	ktstr_expect_ge(t, ktstr_measure(t, "cg_0").iterations, 3);
}

KTSTR_TEST(page_faults, .summary = "workers that fault pages in and out all get on",
	   .topology = "1n1l2c1t", .duration_ms = 1000, .limits.max_gap_ms = KTSTR_LIMIT(1000))
{
	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .work = KTSTR_PAGE_FAULT_CHURN, .workers = 3,
		    .page_fault_churn = { .region_kib = 1024 });
	ktstr_hold(t, KTSTR_FULL);
}

/* Who holds the lock when it loses its CPU holds up all the others. */
KTSTR_TEST(one_lock, .summary = "contenders for one lock all get it", .topology = "1n1l2c1t",
	   .duration_ms = 1000, .limits.max_gap_ms = KTSTR_LIMIT(1000))
{
	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .work = KTSTR_MUTEX_CONTENTION, .workers = 4);
	ktstr_hold(t, KTSTR_FULL);
}
