/* SPDX-License-Identifier: GPL-2.0-only */
/* Machines with the guest of tiny.h. */
#ifndef LAB_TINY_VM_H
#define LAB_TINY_VM_H

#include <stdint.h>

struct err;
struct vm;

#define TINY_MAX_CPUS 16

/* @backend: "kvm", or "qemu" with KVM below it. Running when it returns 0. */
int tiny_start(const char *backend, const char *topology, uint64_t order, uint64_t detail,
	       struct vm **ret, struct err *e);
/* How far CPU @cpu has counted; 0: not begun. */
uint64_t tiny_counter(struct vm *vm, uint32_t cpu);

#endif
