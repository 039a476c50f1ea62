/* SPDX-License-Identifier: GPL-2.0-only */
/* A test binary for author_registry.c, as an author would write it; nothing here refers to the records. */
#include <ktstr/ktstr.h>

KTSTR_SCHEDULER(mine, .binary = "scx_mine", .args = "--slice 5000", .attach_timeout_ms = 1234,
		.limits.max_gap_ms = KTSTR_LIMIT(250));

KTSTR_TEST(c_says_much, .summary = "a summary", .scheduler = "mine", .topology = "1n2l2c1t",
	   .flags = KTSTR_TEST_EXPECT_FAIL | KTSTR_TEST_NEEDS_SMT, .expect = "gap",
	   .duration_ms = 700, .limits.max_unfair_pct = KTSTR_LIMIT(12.5),
	   .limits.isolation = KTSTR_OFF)
{
	ktstr_expect_ge(t, ktstr_nr_cpus(t), 1);
	ktstr_expect_eq(t, ktstr_seed(t), 99);
	ktstr_note(t, "scheduler %s", ktstr_scheduler(t) ? ktstr_scheduler(t) : "none");
}

KTSTR_TEST(c_says_nothing, .memory_mib = 1)
{
}

KTSTR_TEST(c_says_too_much, .summary = "a result larger than a frame")
{
	for (int i = 0; i < 900; i++)
		ktstr_note(t, "%0200d", i);
	ktstr_expect_true(t, true);
	ktstr_value(t, "nonsense", 1.0 / (double)(ktstr_seed(t) == 1), "");
}
