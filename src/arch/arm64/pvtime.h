/* SPDX-License-Identifier: GPL-2.0-only */
/* Stolen time: where in guest memory the host counts what each vCPU had to wait. */
#ifndef ARCH_ARM64_PVTIME_H
#define ARCH_ARM64_PVTIME_H

#include <stdint.h>

struct err;
struct kvm_calls;

/*
 * Whether the host can; asked of one vCPU. Negative errno: no, usually a kernel without
 * CONFIG_SCHED_INFO. The guest then finds no such service and shows a steal time of 0.
 */
int arm64_pvtime_probe(const struct kvm_calls *k, int vcpu);
/* Once per vCPU, with memory at @gpa registered. */
int arm64_pvtime_set(const struct kvm_calls *k, int vcpu, uint32_t cpu, uint64_t gpa,
		     struct err *e);

#endif
