/* SPDX-License-Identifier: GPL-2.0-only */
/* Which architectures there are, and what their names are in each vocabulary. */
#ifndef MACHINE_ARCH_H
#define MACHINE_ARCH_H

#include <stdint.h>

/* Adding one: an enum value, a row in arch.c. */
enum arch {
	ARCH_X86_64,
	ARCH_ARM64,
	NR_ARCHES,
};

struct arch_names {
	const char *name;     /* ours and the kernel build's: x86_64, arm64 */
	const char *uname;    /* x86_64, aarch64 */
	const char *debian;   /* amd64, arm64 */
	const char *triplet;  /* x86_64-linux-gnu, aarch64-linux-gnu */
	const char *qemu;     /* suffix of qemu-system-: x86_64, aarch64 */
	uint16_t elf_machine; /* EM_X86_64, EM_AARCH64 */
};

const struct arch_names *arch_names(enum arch a);
enum arch arch_host(void);
/* Accepts any of the names above. 0 or -EINVAL. */
int arch_parse(const char *s, enum arch *ret);
/* 0 or -ENOENT */
int arch_from_elf(uint16_t elf_machine, enum arch *ret);

#endif
