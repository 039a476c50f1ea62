/* SPDX-License-Identifier: GPL-2.0-only */
/* The interrupt controller of an arm64 guest, KVM's own GICv3, and which interrupt goes to it how. */
#ifndef ARCH_ARM64_GIC_H
#define ARCH_ARM64_GIC_H

#include <stdint.h>

struct board;
struct err;
struct kvm_calls;

/*
 * Whether all redistributors find room below the devices: KVM claims their addresses on its own bus,
 * and a device page below one would never reach us.
 */
int arm64_gic_check(const struct board *b, uint32_t nr_cpus, struct err *e);
/* After all vCPUs are there; *fd is to be closed when it fails, too. */
int arm64_gic_create(const struct kvm_calls *k, int vm, const struct board *b, uint32_t nr_cpus,
		     int *fd, struct err *e);
/* GSI n is interrupt n, for every device of the board; a GIC made as a device has no routes. */
int arm64_gic_route(const struct kvm_calls *k, int vm, const struct board *b, struct err *e);

#endif
