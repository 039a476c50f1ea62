/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Do cgroups get the CPU time they are due? */
#include <ktstr/ktstr.h>

KTSTR_TEST(two_cgroups, .summary = "two busy cgroups of equal weight get equal CPU time",
	   .topology = "1n1l2c1t", .limits.max_unfair_pct = KTSTR_LIMIT(20),
	   .limits.max_gap_ms = KTSTR_LIMIT(500))
{
	ktstr_cgroup(t, "cg_0");
	ktstr_cgroup(t, "cg_1");
	ktstr_spawn(t, "cg_0", .workers = 2);
	ktstr_spawn(t, "cg_1", .workers = 2);
	ktstr_hold(t, KTSTR_FULL);
}
