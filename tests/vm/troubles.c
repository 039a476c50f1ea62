/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Tests that go wrong in every way a test can; tests/vm/e2e says what each must be called. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

KTSTR_TEST(crashes, .summary = "the body dereferences nothing", .topology = "1n1l1c1t")
{
	raise(SIGSEGV);
}

KTSTR_TEST(never_ends, .summary = "the body waits for ever", .topology = "1n1l1c1t")
{
	for (;;)
		pause();
}

/* Above init, and for ever: on one CPU nothing else runs any more. */
KTSTR_TEST(hangs, .summary = "the body takes the only CPU for itself", .topology = "1n1l1c1t")
{
	const struct sched_param most = { .sched_priority = 99 };
	FILE *f = fopen("/proc/sys/kernel/sched_rt_runtime_us", "w");

	ktstr_expect_true(t, f && fputs("-1", f) >= 0 && !fclose(f));
	ktstr_expect_eq(t, sched_setscheduler(0, SCHED_FIFO, &most), 0);
	for (;;)
		;
}

KTSTR_TEST(loses_its_link, .summary = "the body takes the link's device away",
	   .topology = "1n1l1c1t")
{
	FILE *f = fopen("/sys/bus/virtio/drivers/virtio_console/unbind", "w");

	ktstr_expect_true(t, f && fputs("virtio0", f) >= 0 && fflush(f) == 0);
	for (;;)
		pause();
}

KTSTR_TEST(skips, .summary = "the body says it makes no sense here", .topology = "1n1l1c1t")
{
	ktstr_skip(t, "not today");
}

KTSTR_TEST(wants_two_llcs, .summary = "cannot run on one LLC", .topology = "1n2l1c1t",
	   .min_llcs = 2)
{
	ktstr_expect_ge(t, ktstr_nr_llcs(t), 2);
}

KTSTR_TEST(fails_as_expected, .summary = "fails and says the word", .topology = "1n1l1c1t",
	   .flags = KTSTR_TEST_EXPECT_FAIL, .expect = "two_and_two")
{
	int two_and_two = 4;

	ktstr_expect_eq(t, two_and_two, 5);
}

KTSTR_TEST(fails_otherwise, .summary = "fails for another reason than expected",
	   .topology = "1n1l1c1t", .flags = KTSTR_TEST_EXPECT_FAIL, .expect = "no such words")
{
	ktstr_expect_true(t, false);
}
