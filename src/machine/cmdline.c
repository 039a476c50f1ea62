/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/cmdline.h"

#include <stddef.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "machine/memmap.h"

enum when {
	ALWAYS,
	QUIET, /* unless everything is asked for */
};

/*
 * Words of an arm64 guest, in their order. What is not here: what kernels do by themselves
 * (rdinit=/init, random.trust_cpu), what x86 alone knows (pci=off, reboot=k, no_timer_check and
 * i8042.*, which arm64 warns about), what would take our own modules away (nomodules), and what would
 * make a scheduler behave unlike elsewhere (numa_balancing=, sched_schedstats).
 */
static const struct word {
	enum when when;
	const char *text, *why;
} words[] = {
	{ QUIET, "quiet",
	  "a byte on the UART is an exit; before earlycon, which prints the log so far" },
	{ ALWAYS, "console=ttyS0", "the first UART by the aliases of the device tree" },
	{ ALWAYS, "panic=-1", "a panic ends the machine at once" },
	{ ALWAYS, "cryptomgr.notests=1", "half a second of self tests" },
	{ ALWAYS, "nokaslr",
	  "kernels of CPUs with FEAT_RNG move without a seed of ours, elsewhere in each run" },
	{ ALWAYS, "mitigations=off", "nobody in there to protect from anybody" },
	{ ALWAYS, "init_on_alloc=0", "the same" },
	{ ALWAYS, "damon_stat.enabled=N", "a thread that looks at page tables all the time" },
	{ ALWAYS, "cma=0", "64 MiB for devices we do not have, and as much again per node" },
	{ ALWAYS, "swiotlb=noforce", "64 MiB more from 3 GiB on: our devices reach all of RAM" },
	{ ALWAYS, "kfence.sample_interval=0", "a timer that has nothing to do with the test" },
};

/*
 * Always, so that a guest that dies before it has a console says why: what a kernel finds out by
 * itself from stdout-path can fail without a word. The address is that of the device tree.
 */
static void put_earlycon(const struct board *b, struct buf *out)
{
	buf_printf(out, " earlycon=uart8250,mmio,0x%llx",
		   (unsigned long long)board_at(b, PART_UART_16550, 0));
}

void cmdline_arm64(const struct board *b, bool verbose, const char *more, struct buf *out)
{
	const char *space = "";

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].when == QUIET && verbose)
			continue;
		buf_printf(out, "%s%s", space, words[i].text);
		space = " ";
	}
	put_earlycon(b, out);
	if (more && *more)
		buf_printf(out, " %s", more);
}
