/* SPDX-License-Identifier: GPL-2.0-only */
/* vmm.md 1.1: what of the memory map no compiler can see. The rest is asserted in memmap.c. */
#include "unit.h"

#include "base/io.h"
#include "machine/memmap.h"

TEST(item_5_guest_kernels_have_room_for_as_many_cpus)
{
	SCOPED(mem_free) char *text = NULL;
	const char *path = getenv("KERNEL_CONFIG"), *at;

	assert_non_null(path);
	assert_int_equal(read_file(path, 1 << 20, &text, NULL, NULL), 0);
	at = strstr(text, "\nCONFIG_NR_CPUS=");
	assert_non_null(at);
	assert_int_equal(strtoul(strchr(at, '=') + 1, NULL, 10), KVM_ARM64_MAX_CPUS);
}

UNIT_MAIN(NULL, NULL)
