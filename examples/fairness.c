/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Does everybody get the CPU time that is due? */
#include <ktstr/ktstr.h>

/* The scheduler to try these on: ktstr test fairness -s scx_ktstr. Without -s it is the kernel's own. */
KTSTR_SCHEDULER(scx_ktstr, .summary = "fair by virtual time, misbehaves on command",
		.binary = "scx_ktstr");

/*
 * Four busy workers on two CPUs, two in each cgroup. A cgroup may get 20 % less than its half; less
 * than that is unfair. That every worker gets on and that nobody waits for half a second is checked too.
 */
KTSTR_TEST(two_cgroups, .summary = "two busy cgroups of equal weight get equal CPU time",
	   .topology = "1n1l2c1t", .duration_ms = 2000, .limits.max_unfair_pct = KTSTR_LIMIT(20),
	   .limits.max_gap_ms = KTSTR_LIMIT(500))
{
	ktstr_cgroup(t, "cg_0");
	ktstr_cgroup(t, "cg_1");
	ktstr_spawn(t, "cg_0", .workers = 2);
	ktstr_spawn(t, "cg_1", .workers = 2);
	ktstr_hold(t, KTSTR_FULL);
}

/* The same check knows weights: here 3 of 4 seconds are due to cgroup "heavy". */
KTSTR_TEST(weighted_cgroups,
	   .summary = "a cgroup of three times the weight gets three times as much",
	   .topology = "1n1l1c1t", .duration_ms = 2000, .limits.max_unfair_pct = KTSTR_LIMIT(20))
{
	ktstr_cgroup(t, "light", .weight = 100);
	ktstr_cgroup(t, "heavy", .weight = 300);
	ktstr_spawn(t, "light", .workers = 2);
	ktstr_spawn(t, "heavy", .workers = 2);
	ktstr_hold(t, KTSTR_FULL);

	double ratio =
		(double)ktstr_measure(t, "heavy").cpu_ns / (double)ktstr_measure(t, "light").cpu_ns;

	ktstr_value(t, "heavy_to_light", ratio, "");
}

/* Equal workers of one cgroup should wait equally long: nobody is a favourite. */
KTSTR_TEST(equal_workers, .summary = "equal workers wait equally long", .topology = "1n1l2c1t",
	   .duration_ms = 2000, .limits.max_spread_pct = KTSTR_LIMIT(30))
{
	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .workers = 4);
	ktstr_hold(t, KTSTR_FULL);
}
