/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * How long does it take from being woken to running? The limits are generous, so that they also
 * hold on CPUs emulated by a busy machine; on real ones a hundredth of them would do.
 */
#include <ktstr/ktstr.h>

/* Two processes pass a byte to and fro; each hand-over is one wake-up. */
KTSTR_TEST(pipe_wakeups, .summary = "partners on a pipe wake each other promptly",
	   .topology = "1n1l2c1t", .duration_ms = 1000,
	   .limits.max_p99_wake_us = KTSTR_LIMIT(50000))
{
	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .work = KTSTR_PIPE_IO, .workers = 2);
	ktstr_hold(t, KTSTR_FULL);

	struct ktstr_latency wake = ktstr_measure(t, "cg_0").wake;
	uint64_t wakeups_behind_p99 = wake.count;

	ktstr_expect_ge(t, wakeups_behind_p99, 25); /* a percentile of a few would say nothing */
	ktstr_value(t, "p99_wake", (double)wake.p99_ns / 1e3, "us");
}

/* One process wakes three at once, again and again. */
KTSTR_TEST(futex_wakeups, .summary = "receivers of a broadcast all start promptly",
	   .topology = "1n1l2c1t", .duration_ms = 1000,
	   .limits.max_p99_wake_us = KTSTR_LIMIT(100000))
{
	ktstr_cgroup(t, "cg_0");
	ktstr_spawn(t, "cg_0", .work = KTSTR_FUTEX_FAN_OUT, .futex_fan_out = { .fan_out = 3 });
	ktstr_hold(t, KTSTR_FULL);
}

/* Something that sleeps most of the time must not wait behind those that never do. */
KTSTR_TEST(interactive_beside_batch, .summary = "short bursts are not held up by busy neighbours",
	   .topology = "1n1l2c1t", .duration_ms = 1500,
	   .limits.max_p99_wake_us = KTSTR_LIMIT(250000))
{
	ktstr_cgroup(t, "ui");
	ktstr_cgroup(t, "batch");
	ktstr_spawn(t, "ui", .work = KTSTR_BURSTY, .workers = 2,
		    .bursty = { .run_us = 500, .sleep_us = 10000 });
	ktstr_spawn(t, "batch", .workers = 4);
	ktstr_hold(t, KTSTR_FULL);
}
