/* SPDX-License-Identifier: GPL-2.0-only */
/* The same in C++. */
#include <ktstr/ktstr.h>

KTSTR_TEST(cxx_says_much, .summary = "a summary", .topology = "1n2l2c1t", .duration_ms = 700,
	   .limits = { .max_gap_ms = KTSTR_LIMIT(250), .isolation = KTSTR_OFF })
{
	ktstr_cgroup(t, "cg_0", .cpus = "llc:1", .weight = 300);
	ktstr_spawn(t, "cg_0", .work = KTSTR_BURSTY, .workers = 2,
		    .bursty = { .run_us = 10, .sleep_us = 20 });
	ktstr_spawn(t, "cg_0");
	if (ktstr_expect_true(t, true))
		ktstr_hold(t, KTSTR_FULL);
}
