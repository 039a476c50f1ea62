/* SPDX-License-Identifier: GPL-2.0-only */
#include "arch/arm64/pvtime.h"

#include "arch/arm64/abi.h"
#include "base/err.h"
#include "kvm/calls.h"

int arm64_pvtime_probe(const struct kvm_calls *k, int vcpu)
{
	return kvm_has_attr(k, vcpu, ARM64_PVTIME_CTRL, ARM64_PVTIME_IPA);
}

int arm64_pvtime_set(const struct kvm_calls *k, int vcpu, uint32_t cpu, uint64_t gpa, struct err *e)
{
	int r = kvm_set_attr(k, vcpu, ARM64_PVTIME_CTRL, ARM64_PVTIME_IPA, &gpa);

	return r < 0 ? err_sys(e, r, "set stolen time of vcpu %u to 0x%llx", cpu,
			       (unsigned long long)gpa)
		     : 0;
}
