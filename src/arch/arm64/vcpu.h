/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual CPU of an arm64 guest, up to the moment it runs. It is a descriptor; see machine.h. */
#ifndef ARCH_ARM64_VCPU_H
#define ARCH_ARM64_VCPU_H

#include <stdbool.h>
#include <stdint.h>

struct arm64_vcpu_init;
struct err;
struct kvm_calls;

/* What the host lets a guest have. */
struct arm64_caps {
	bool pmu, ptrauth_address, ptrauth_generic;
};

/* Asked of the VM, since some differ from VM to VM. */
void arm64_caps_read(const struct kvm_calls *k, int vm, struct arm64_caps *ret);

/* How CPU number @cpu is to be initialised, from the preferred target that is in *init. */
void arm64_init_features(struct arm64_vcpu_init *init, const struct arm64_caps *caps, uint32_t cpu);

/* Into @ret what arm64_vcpu_create() wants. */
int arm64_preferred_target(const struct kvm_calls *k, int vm, struct arm64_vcpu_init *ret,
			   struct err *e);
/* Created into *fd and initialised; *fd is to be closed when it fails, too. */
int arm64_vcpu_create(const struct kvm_calls *k, int vm, uint32_t cpu,
		      const struct arm64_vcpu_init *target, const struct arm64_caps *caps, int *fd,
		      struct err *e);
/* Its overflow interrupt, then KVM_ARM_VCPU_PMU_V3_INIT: after the interrupt controller's own. */
int arm64_vcpu_pmu(const struct kvm_calls *k, int vcpu, uint32_t cpu, struct err *e);
/* Where the first CPU starts; the others are woken by the guest through PSCI. */
int arm64_vcpu_boot(const struct kvm_calls *k, int vcpu, uint64_t entry, uint64_t fdt,
		    struct err *e);

/* What a debugger or a walk of page tables wants of a CPU that does not run. */
struct arm64_regs {
	uint64_t x[31], sp_el0, pc, pstate;
	uint64_t sp_el1, elr_el1, spsr_el1;
	uint64_t sctlr_el1, ttbr0_el1, ttbr1_el1, tcr_el1;
	uint64_t esr_el1, far_el1, vbar_el1, tpidr_el1, mpidr_el1;
};
int arm64_vcpu_registers(const struct kvm_calls *k, int vcpu, uint32_t cpu, struct arm64_regs *ret,
			 struct err *e);

#endif
