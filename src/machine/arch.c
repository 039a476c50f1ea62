/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/arch.h"

#include <assert.h>
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/scoped.h"

static const struct arch_names names[] = {
	[ARCH_X86_64] = {
		.name = "x86_64",
		.uname = "x86_64",
		.debian = "amd64",
		.triplet = "x86_64-linux-gnu",
		.qemu = "x86_64",
		.elf_machine = EM_X86_64,
	},
	[ARCH_ARM64] = {
		.name = "arm64",
		.uname = "aarch64",
		.debian = "arm64",
		.triplet = "aarch64-linux-gnu",
		.qemu = "aarch64",
		.elf_machine = EM_AARCH64,
	},
};
static_assert(ARRAY_SIZE(names) == NR_ARCHES, "an architecture has no names");

const struct arch_names *arch_names(enum arch a)
{
	return &names[a];
}

enum arch arch_host(void)
{
	/* The one place that asks the compiler; everything else asks here. */
#if defined(__x86_64__)
	return ARCH_X86_64;
#elif defined(__aarch64__)
	return ARCH_ARM64;
#else
#error "ktstr runs on x86_64 and arm64"
#endif
}

int arch_parse(const char *s, enum arch *ret)
{
	for (int a = 0; a < NR_ARCHES; a++) {
		const struct arch_names *n = &names[a];

		if (strcmp(s, n->name) && strcmp(s, n->uname) && strcmp(s, n->debian) &&
		    strcmp(s, n->triplet))
			continue;
		*ret = (enum arch)a;
		return 0;
	}
	return -EINVAL;
}

int arch_from_elf(uint16_t elf_machine, enum arch *ret)
{
	for (int a = 0; a < NR_ARCHES; a++) {
		if (names[a].elf_machine != elf_machine)
			continue;
		*ret = (enum arch)a;
		return 0;
	}
	return -ENOENT;
}
