/* SPDX-License-Identifier: GPL-2.0-only */
/* What KVM counted while the machine ran, over all vCPUs. */
#include <errno.h>

#include "base/scoped.h"
#include "vm/kvm/kvm.h"
#include "vm/kvm/machine.h"

_Static_assert(NR_KSTATS <= VM_MAX_COUNTERS, "each has a place");

int kvm_counters(struct vm *vm, struct vm_counter *ret)
{
	struct kvm_vm *k = kvm_of(vm);
	struct kstats sum = { 0 }, one;
	struct vm_stop why;
	int n = 0;

	/* a vCPU in its guest would not answer until it leaves it */
	if (!crew_gone(&k->crew, &why))
		return -EBUSY;
	for (uint32_t cpu = 0; cpu < k->machine->nr_vcpus; cpu++) {
		int r = machine_stats(k->machine, cpu, &one, NULL);

		if (r < 0)
			return r;
		kstats_add(&sum, &one);
	}
	for (uint32_t i = 0; i < NR_KSTATS; i++)
		if (sum.known & 1u << i)
			ret[n++] = (struct vm_counter){ kstat_names[i], sum.value[i] };
	return n;
}
