/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * How soon two CPUs hear of each other, with the others asleep or at work: what rate and turn length
 * of virtual time are chosen by. Run with --topology for each size of machine.
 */
#include <stdio.h>

#include <ktstr/ktstr.h>

static void others_work(struct ktstr *t)
{
	unsigned cpus = ktstr_nr_cpus(t);
	char rest[24];

	if (cpus <= 2)
		return;
	snprintf(rest, sizeof(rest), "2-%u", cpus - 1);
	ktstr_cgroup(t, "others", .cpus = rest);
	ktstr_spawn(t, "others", .workers = cpus - 2, .affinity = "each");
}

static void measure(struct ktstr *t, enum ktstr_work work, bool busy)
{
	ktstr_cgroup(t, "pair", .cpus = ktstr_nr_cpus(t) > 1 ? "0-1" : "0");
	if (busy)
		others_work(t);
	if (work == KTSTR_PIPE_IO)
		ktstr_spawn(t, "pair", .work = work, .workers = 2, .affinity = "each",
			    .pipe_io = { .spin = 1 });
	else
		ktstr_spawn(t, "pair", .work = work, .workers = 2, .affinity = "each",
			    .futex_ping_pong = { .spin = 1 });
	ktstr_hold(t, KTSTR_FULL);

	struct ktstr_stats st = ktstr_measure(t, "pair");
	/* Both partners count a round trip, and both live as long. */
	if (ktstr_expect_true(t, st.iterations > 0))
		ktstr_value(t, "round_trip", (double)st.wall_ns / (double)st.iterations / 1e3,
			    "us");
}

KTSTR_TEST(pipe_idle, .summary = "a byte through pipes, other CPUs asleep", .duration_ms = 200,
	   .topology = "1n1l2c1t")
{
	measure(t, KTSTR_PIPE_IO, false);
}

KTSTR_TEST(pipe_busy, .summary = "a byte through pipes, other CPUs at work", .duration_ms = 200,
	   .topology = "1n1l2c1t")
{
	measure(t, KTSTR_PIPE_IO, true);
}

KTSTR_TEST(futex_idle, .summary = "a token by futex, other CPUs asleep", .duration_ms = 200,
	   .topology = "1n1l2c1t")
{
	measure(t, KTSTR_FUTEX_PING_PONG, false);
}

KTSTR_TEST(futex_busy, .summary = "a token by futex, other CPUs at work", .duration_ms = 200,
	   .topology = "1n1l2c1t")
{
	measure(t, KTSTR_FUTEX_PING_PONG, true);
}
