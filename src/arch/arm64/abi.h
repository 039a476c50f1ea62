/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * arm64's part of the KVM interface, for every host: <asm/kvm.h> has it on arm64 only, and there it is
 * compared with this. Names are the kernel's without KVM_ and with ARM64_ in front.
 */
#ifndef ARCH_ARM64_ABI_H
#define ARCH_ARM64_ABI_H

#include <linux/kvm.h>
#include <stdint.h>

struct arm64_vcpu_init {
	uint32_t target;
	uint32_t features[7];
};

#define ARM64_VCPU_INIT _IOW(KVMIO, 0xae, struct arm64_vcpu_init)
#define ARM64_PREFERRED_TARGET _IOR(KVMIO, 0xaf, struct arm64_vcpu_init)
#define ARM64_GET_STATS_FD _IO(KVMIO, 0xce) /* of every architecture, but not in old headers */

/* bits of features[0] */
enum arm64_feature {
	ARM64_POWER_OFF,
	ARM64_EL1_32BIT,
	ARM64_PSCI_0_2,
	ARM64_PMU_V3,
	ARM64_SVE,
	ARM64_PTRAUTH_ADDRESS,
	ARM64_PTRAUTH_GENERIC,
	ARM64_HAS_EL2,
};

/* attributes of a GICv3 */
enum {
	ARM64_VGIC_GRP_ADDR = 0,
	ARM64_VGIC_GRP_NR_IRQS = 3,
	ARM64_VGIC_GRP_CTRL = 4,
	ARM64_VGIC_ADDR_DIST = 2,
	ARM64_VGIC_ADDR_REDIST = 3,
	ARM64_VGIC_CTRL_INIT = 0,
};

/* attributes of a vCPU */
enum {
	ARM64_PMU_CTRL = 0,
	ARM64_PMU_IRQ = 0,
	ARM64_PMU_INIT = 1,
	ARM64_PVTIME_CTRL = 2,
	ARM64_PVTIME_IPA = 0,
};

/* Registers of 64 bits: the core ones by their place in struct kvm_regs, in words of 32 bits. */
#define ARM64_CORE(word) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | 0x100000ull | (word))
#define ARM64_REG_X(n) ARM64_CORE(2 * (n))
#define ARM64_REG_SP ARM64_CORE(62) /* SP_EL0 */
#define ARM64_REG_PC ARM64_CORE(64)
#define ARM64_REG_PSTATE ARM64_CORE(66)
#define ARM64_REG_SP_EL1 ARM64_CORE(68)
#define ARM64_REG_ELR_EL1 ARM64_CORE(70)
#define ARM64_REG_SPSR_EL1 ARM64_CORE(72)

#define ARM64_SYSREG(op0, op1, crn, crm, op2) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | 0x130000ull | (uint64_t)(op0) << 14 | \
	 (uint64_t)(op1) << 11 | (uint64_t)(crn) << 7 | (uint64_t)(crm) << 3 | (uint64_t)(op2))
#define ARM64_REG_MPIDR_EL1 ARM64_SYSREG(3, 0, 0, 0, 5)
#define ARM64_REG_SCTLR_EL1 ARM64_SYSREG(3, 0, 1, 0, 0)
#define ARM64_REG_TTBR0_EL1 ARM64_SYSREG(3, 0, 2, 0, 0)
#define ARM64_REG_TTBR1_EL1 ARM64_SYSREG(3, 0, 2, 0, 1)
#define ARM64_REG_TCR_EL1 ARM64_SYSREG(3, 0, 2, 0, 2)
#define ARM64_REG_ESR_EL1 ARM64_SYSREG(3, 0, 5, 2, 0)
#define ARM64_REG_FAR_EL1 ARM64_SYSREG(3, 0, 6, 0, 0)
#define ARM64_REG_VBAR_EL1 ARM64_SYSREG(3, 0, 12, 0, 0)
#define ARM64_REG_TPIDR_EL1 ARM64_SYSREG(3, 0, 13, 0, 4)
#define ARM64_REG_CLIDR_EL1 ARM64_SYSREG(3, 1, 0, 0, 1)

/* EL1 with its own stack pointer; debug exceptions, SError, IRQ and FIQ masked */
#define ARM64_PSTATE_BOOT 0x3c5u
/* Aff0 to Aff2, what the device tree calls a CPU */
#define ARM64_MPIDR_AFF 0xffffffu

_Static_assert(sizeof(struct arm64_vcpu_init) == 32, "part of the numbers of two requests");
_Static_assert(ARM64_REG_MPIDR_EL1 == 0x603000000013c005, "vmm.md 2.2");
_Static_assert(ARM64_REG_CLIDR_EL1 == 0x603000000013c801, "vmm.md 2.5");

#ifdef __aarch64__
_Static_assert(ARM64_VCPU_INIT == KVM_ARM_VCPU_INIT, "");
_Static_assert(ARM64_PREFERRED_TARGET == KVM_ARM_PREFERRED_TARGET, "");
_Static_assert((int)ARM64_POWER_OFF == KVM_ARM_VCPU_POWER_OFF, "");
_Static_assert((int)ARM64_EL1_32BIT == KVM_ARM_VCPU_EL1_32BIT, "");
_Static_assert((int)ARM64_PSCI_0_2 == KVM_ARM_VCPU_PSCI_0_2, "");
_Static_assert((int)ARM64_PMU_V3 == KVM_ARM_VCPU_PMU_V3, "");
_Static_assert((int)ARM64_SVE == KVM_ARM_VCPU_SVE, "");
_Static_assert((int)ARM64_PTRAUTH_ADDRESS == KVM_ARM_VCPU_PTRAUTH_ADDRESS, "");
_Static_assert((int)ARM64_PTRAUTH_GENERIC == KVM_ARM_VCPU_PTRAUTH_GENERIC, "");
#ifdef KVM_ARM_VCPU_HAS_EL2 /* Linux 6.16 */
_Static_assert((int)ARM64_HAS_EL2 == KVM_ARM_VCPU_HAS_EL2, "");
#endif
_Static_assert((int)ARM64_VGIC_GRP_ADDR == KVM_DEV_ARM_VGIC_GRP_ADDR, "");
_Static_assert((int)ARM64_VGIC_GRP_NR_IRQS == KVM_DEV_ARM_VGIC_GRP_NR_IRQS, "");
_Static_assert((int)ARM64_VGIC_GRP_CTRL == KVM_DEV_ARM_VGIC_GRP_CTRL, "");
_Static_assert((int)ARM64_VGIC_ADDR_DIST == KVM_VGIC_V3_ADDR_TYPE_DIST, "");
_Static_assert((int)ARM64_VGIC_ADDR_REDIST == KVM_VGIC_V3_ADDR_TYPE_REDIST, "");
_Static_assert((int)ARM64_VGIC_CTRL_INIT == KVM_DEV_ARM_VGIC_CTRL_INIT, "");
_Static_assert((int)ARM64_PMU_CTRL == KVM_ARM_VCPU_PMU_V3_CTRL, "");
_Static_assert((int)ARM64_PMU_IRQ == KVM_ARM_VCPU_PMU_V3_IRQ, "");
_Static_assert((int)ARM64_PMU_INIT == KVM_ARM_VCPU_PMU_V3_INIT, "");
_Static_assert((int)ARM64_PVTIME_CTRL == KVM_ARM_VCPU_PVTIME_CTRL, "");
_Static_assert((int)ARM64_PVTIME_IPA == KVM_ARM_VCPU_PVTIME_IPA, "");
#define ARM64_SAME_CORE(reg, field) \
	_Static_assert((reg) == (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
				 __builtin_offsetof(struct kvm_regs, field) / 4), \
		       #field)
ARM64_SAME_CORE(ARM64_REG_X(0), regs.regs[0]);
ARM64_SAME_CORE(ARM64_REG_X(30), regs.regs[30]);
ARM64_SAME_CORE(ARM64_REG_SP, regs.sp);
ARM64_SAME_CORE(ARM64_REG_PC, regs.pc);
ARM64_SAME_CORE(ARM64_REG_PSTATE, regs.pstate);
ARM64_SAME_CORE(ARM64_REG_SP_EL1, sp_el1);
ARM64_SAME_CORE(ARM64_REG_ELR_EL1, elr_el1);
ARM64_SAME_CORE(ARM64_REG_SPSR_EL1, spsr[0]);
_Static_assert(ARM64_REG_CLIDR_EL1 == ARM64_SYS_REG(3, 1, 0, 0, 1), "");
_Static_assert(ARM64_REG_TPIDR_EL1 == ARM64_SYS_REG(3, 0, 13, 0, 4), "");
#endif

#endif
