/* SPDX-License-Identifier: GPL-2.0-only */
#include "arch/arm64/vcpu.h"

#include "arch/arm64/abi.h"
#include "base/err.h"
#include "base/scoped.h"
#include "kvm/calls.h"
#include "machine/memmap.h"

void arm64_caps_read(const struct kvm_calls *k, int vm, struct arm64_caps *ret)
{
	ret->pmu = kvm_check(k, vm, KVM_CAP_ARM_PMU_V3) > 0;
	ret->ptrauth_address = kvm_check(k, vm, KVM_CAP_ARM_PTRAUTH_ADDRESS) > 0;
	ret->ptrauth_generic = kvm_check(k, vm, KVM_CAP_ARM_PTRAUTH_GENERIC) > 0;
}

void arm64_init_features(struct arm64_vcpu_init *init, const struct arm64_caps *caps, uint32_t cpu)
{
	uint32_t f = 1u << ARM64_PSCI_0_2;

	/*
	 * KVM wants both or none. Without them instructions of pointer authentication, which is how
	 * many distributions compile, are undefined.
	 */
	if (caps->ptrauth_address && caps->ptrauth_generic)
		f |= 1u << ARM64_PTRAUTH_ADDRESS | 1u << ARM64_PTRAUTH_GENERIC;
	if (caps->pmu)
		f |= 1u << ARM64_PMU_V3;
	if (cpu)
		f |= 1u << ARM64_POWER_OFF;
	init->features[0] |= f;
}

int arm64_preferred_target(const struct kvm_calls *k, int vm, struct arm64_vcpu_init *ret,
			   struct err *e)
{
	long r = kvm_ioctl(k, vm, ARM64_PREFERRED_TARGET, ret);

	return r < 0 ? err_sys(e, (int)r, "get preferred target") : 0;
}

int arm64_vcpu_create(const struct kvm_calls *k, int vm, uint32_t cpu,
		      const struct arm64_vcpu_init *target, const struct arm64_caps *caps, int *fd,
		      struct err *e)
{
	struct arm64_vcpu_init init = *target;
	long r = kvm_ioctl_n(k, vm, KVM_CREATE_VCPU, cpu);

	if (r < 0)
		return kvm_fail(e, (int)r, "create vCPU %u", cpu);
	*fd = (int)r;
	arm64_init_features(&init, caps, cpu);
	r = kvm_ioctl(k, *fd, ARM64_VCPU_INIT, &init);
	return r < 0 ? kvm_fail(e, (int)r, "init vCPU %u", cpu) : 0;
}

int arm64_vcpu_pmu(const struct kvm_calls *k, int vcpu, uint32_t cpu, struct err *e)
{
	const uint32_t intid = PPI_INTID(PPI_PMU);
	int r = kvm_set_attr(k, vcpu, ARM64_PMU_CTRL, ARM64_PMU_IRQ, &intid);

	if (r < 0)
		return err_sys(e, r, "set PMU IRQ on vcpu %u", cpu);
	r = kvm_set_attr(k, vcpu, ARM64_PMU_CTRL, ARM64_PMU_INIT, NULL);
	return r < 0 ? err_sys(e, r, "init PMU on vcpu %u", cpu) : 0;
}

int arm64_vcpu_boot(const struct kvm_calls *k, int vcpu, uint64_t entry, uint64_t fdt,
		    struct err *e)
{
	const struct {
		const char *name;
		uint64_t id, value;
	} regs[] = {
		{ "pstate", ARM64_REG_PSTATE, ARM64_PSTATE_BOOT },
		{ "x0", ARM64_REG_X(0), fdt },
		{ "pc", ARM64_REG_PC, entry },
	};

	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		int r = kvm_set_reg(k, vcpu, regs[i].id, regs[i].value);

		if (r < 0)
			return err_sys(e, r, "vCPU 0: set %s", regs[i].name);
	}
	return 0;
}

static const struct {
	uint64_t id;
	size_t at;
} registers[] = {
#define R(id, field) { id, offsetof(struct arm64_regs, field) }
	R(ARM64_REG_SP, sp_el0),	   R(ARM64_REG_PC, pc),
	R(ARM64_REG_PSTATE, pstate),	   R(ARM64_REG_SP_EL1, sp_el1),
	R(ARM64_REG_ELR_EL1, elr_el1),	   R(ARM64_REG_SPSR_EL1, spsr_el1),
	R(ARM64_REG_SCTLR_EL1, sctlr_el1), R(ARM64_REG_TTBR0_EL1, ttbr0_el1),
	R(ARM64_REG_TTBR1_EL1, ttbr1_el1), R(ARM64_REG_TCR_EL1, tcr_el1),
	R(ARM64_REG_ESR_EL1, esr_el1),	   R(ARM64_REG_FAR_EL1, far_el1),
	R(ARM64_REG_VBAR_EL1, vbar_el1),   R(ARM64_REG_TPIDR_EL1, tpidr_el1),
	R(ARM64_REG_MPIDR_EL1, mpidr_el1),
#undef R
};

int arm64_vcpu_registers(const struct kvm_calls *k, int vcpu, uint32_t cpu, struct arm64_regs *ret,
			 struct err *e)
{
	struct arm64_regs regs = { 0 };
	int r = 0;

	for (uint32_t i = 0; !r && i < ARRAY_SIZE(regs.x); i++)
		r = kvm_get_reg(k, vcpu, ARM64_REG_X(i), &regs.x[i]);
	for (size_t i = 0; !r && i < ARRAY_SIZE(registers); i++)
		r = kvm_get_reg(k, vcpu, registers[i].id,
				(uint64_t *)(void *)((char *)&regs + registers[i].at));
	if (r < 0)
		return err_sys(e, r, "vCPU %u: registers", cpu);
	*ret = regs;
	return 0;
}
