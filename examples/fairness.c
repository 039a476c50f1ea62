/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Does everybody get the CPU time that is due? */
#include <ktstr/ktstr.h>

/* The scheduler to try these on: ktstr test fairness -s scx_ktstr. Without -s it is the kernel's own. */
KTSTR_SCHEDULER(scx_ktstr, .summary = "fair by virtual time, misbehaves on command",
		.binary = "scx_ktstr");

/*
 * Four busy workers on two CPUs, two in each cgroup. The kernel's own balancing leaves three of them
 * on one CPU at times, which takes a third of its share from one cgroup: so 40 % less is allowed
 * here. That every worker gets on and that nobody waits for half a second is checked too.
 */
KTSTR_TEST(two_cgroups, .summary = "two busy cgroups of equal weight share the CPUs",
	   .topology = "1n1l2c1t", .duration_ms = 2000, .limits.max_unfair_pct = KTSTR_LIMIT(40),
	   .limits.max_gap_ms = KTSTR_LIMIT(500))
{
	ktstr_cgroup(t, "cg_0");
	ktstr_cgroup(t, "cg_1");
	ktstr_spawn(t, "cg_0", .workers = 2);
	ktstr_spawn(t, "cg_1", .workers = 2);
	ktstr_hold(t, KTSTR_FULL);
}

/* The same check knows weights. On one CPU nothing is balanced, and shares can be had exactly. */
KTSTR_TEST(weighted_cgroups,
	   .summary = "a cgroup of three times the weight gets three times as much",
	   .topology = "1n1l1c1t", .duration_ms = 2000, .limits.max_unfair_pct = KTSTR_LIMIT(15))
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

/* Two pairs of equal workers, each pair tied to one CPU: all four should wait half of the time. */
KTSTR_TEST(equal_workers, .summary = "equal workers on one CPU wait equally long",
	   .topology = "1n1l2c1t", .duration_ms = 1500, .limits.max_spread_pct = KTSTR_LIMIT(25))
{
	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .workers = 4, .affinity = "each");
	ktstr_hold(t, KTSTR_FULL);
}
