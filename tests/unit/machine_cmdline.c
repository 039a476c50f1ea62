/* SPDX-License-Identifier: GPL-2.0-only */
/* vmm.md 21 */
#include "unit.h"

#include "base/buf.h"
#include "machine/cmdline.h"
#include "machine/memmap.h"

#define ALWAYS \
	"console=ttyS0 panic=-1 cryptomgr.notests=1 nokaslr mitigations=off init_on_alloc=0 " \
	"damon_stat.enabled=N " \
	"cma=0 " \
	"swiotlb=noforce kfence.sample_interval=0 earlycon=uart8250,mmio,0xc010000"

static void assert_line(bool verbose, const char *more, const char *want)
{
	SCOPED(buf_fini) struct buf out = { 0 };

	cmdline_arm64(&board_kvm_arm64, verbose, more, &out);
	assert_string_equal(buf_str(&out), want);
}

TEST(the_words_are_these)
{
	assert_line(false, NULL, "quiet " ALWAYS);
	assert_line(true, "", ALWAYS);
	assert_line(true, "cma=64M foo", ALWAYS " cma=64M foo");
}

TEST(the_early_console_is_where_the_uart_is)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct board b = board_kvm_arm64;

	b.part[PART_UART_16550].base = 0xabcd000;
	cmdline_arm64(&b, false, NULL, &out);
	assert_non_null(strstr(buf_str(&out), " earlycon=uart8250,mmio,0xabcd000"));
}

/* They do nothing but make noise there. */
TEST(words_of_x86_stay_there)
{
	static const char *const words[] = { "pci=",  "reboot=",   "no_timer_check",
					     "i8042", "nomodules", "virtio_mmio.device" };
	SCOPED(buf_fini) struct buf out = { 0 };

	cmdline_arm64(&board_kvm_arm64, true, NULL, &out);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		assert_null(strstr(buf_str(&out), words[i]));
}

UNIT_MAIN(NULL, NULL)
