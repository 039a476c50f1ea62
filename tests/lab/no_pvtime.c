/* SPDX-License-Identifier: GPL-2.0-only */
/* Linked into a ktstr: its host cannot give its guests an account of stolen time. */
#include <errno.h>

#include "arch/arm64/pvtime.h"

int __wrap_arm64_pvtime_probe(const struct kvm_calls *k, int vcpu);

int __wrap_arm64_pvtime_probe(const struct kvm_calls *k, int vcpu)
{
	return -ENXIO;
}
