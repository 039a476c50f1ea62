/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in a guest's memory and registers before it runs: kernel, archive, device tree. */
#ifndef VM_KVM_BOOT_H
#define VM_KVM_BOOT_H

#include <stdint.h>

#include "machine/place.h"

struct err;
struct machine;
struct vm_config;

/* A kernel and its archive, looked at, with a place for each; nothing of a machine is needed for it. */
struct boot {
	int kernel; /* descriptor */
	int initrd; /* borrowed from the caller; -1 = none */
	uint64_t kernel_len, initrd_len;
	struct place_want want;
	struct place place;
};
#define BOOT_INIT { .kernel = -1, .initrd = -1 }

int boot_open(struct boot *b, const struct vm_config *cfg, struct err *e);
void boot_close(struct boot *b);
static inline void boot_close_scoped(struct boot *b)
{
	boot_close(b);
}

/* @slots: bit mask of the virtio slots in use. */
int boot_load(const struct boot *b, const struct vm_config *cfg, struct machine *m, uint32_t slots,
	      struct err *e);

#endif
