/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* As little as a test can do: what is left of its time is what ktstr costs. */
#include <ktstr/ktstr.h>

KTSTR_TEST(trivial, .summary = "one worker for a tenth of a second", .topology = "1n1l2c1t",
	   .duration_ms = 100)
{
	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .workers = 1);
	ktstr_hold(t, KTSTR_FULL);
}
