/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Does the scheduler use the machine it has, and only the part it may use? */
#include <ktstr/ktstr.h>

/* As many busy workers as CPUs, free to run anywhere: none of the CPUs should stay idle for good. */
KTSTR_TEST(llc_spread, .summary = "a full load reaches every CPU of every cache",
	   .topology = "1n2l2c1t", .duration_ms = 1500)
{
	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .workers = ktstr_nr_cpus(t));
	ktstr_hold(t, KTSTR_FULL);

	ktstr_expect_ran_on(t, "all");
}

/* Running outside a cpuset fails every test that has one: nothing has to be said for it. */
KTSTR_TEST(cpusets_are_kept, .summary = "cpusets hold, also when they change under load",
	   .topology = "1n2l1c1t", .duration_ms = 1500)
{
	ktstr_cgroup(t, "cg_0", .cpus = "llc:0");
	ktstr_cgroup(t, "cg_1", .cpus = "llc:1");
	ktstr_spawn(t, "cg_0", .workers = 2);
	ktstr_spawn(t, "cg_1", .workers = 2);
	ktstr_hold(t, 0.5);

	ktstr_cgroup_set_cpus(t, "cg_0", "llc:1");
	ktstr_cgroup_set_cpus(t, "cg_1", "llc:0");
	ktstr_hold(t, 0.5);

	ktstr_expect_ran_on(t, "all");
}

/* Cgroups come and go while others work. */
KTSTR_TEST(cgroups_come_and_go, .summary = "the load survives cgroups being made and removed",
	   .topology = "1n1l2c1t", .duration_ms = 1500)
{
	ktstr_cgroup(t, "stays");
	ktstr_spawn(t, "stays", .workers = 2);
	for (int i = 0; i < 3; i++) {
		ktstr_cgroup(t, "guest", .weight = 200);
		ktstr_spawn(t, "guest", .work = KTSTR_YIELD_HEAVY, .workers = 2);
		ktstr_hold(t, KTSTR_FULL / 3);
		ktstr_cgroup_remove(t, "guest");
	}
}
