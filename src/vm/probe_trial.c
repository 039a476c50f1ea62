/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The course of the trial, the same on every host. This file and the guests in probe_kvm_<arch>.c
 * are the only ones besides src/kvm that make KVM ioctls.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/scoped.h"
#include "vm/probe_kvm.h"

const char *kvm_trial_mark(uint64_t reached)
{
	return trial_guest.marks[MIN(reached, trial_guest.nr_marks - 1)];
}

static bool step(struct kvm_trial *ret, enum kvm_trial_step s, int result)
{
	ret->step = s;
	ret->error = result < 0 ? errno : 0;
	return result >= 0;
}

static int add_memory(struct trial *t)
{
	struct kvm_userspace_memory_region slot = {
		.guest_phys_addr = trial_guest.mem_base,
		.memory_size = TRIAL_MEM_SIZE,
	};

	t->mem = mmap(NULL, TRIAL_MEM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (t->mem == MAP_FAILED)
		return -1;
	memcpy(t->mem + TRIAL_CODE, trial_guest.code,
	       (size_t)(trial_guest.code_end - trial_guest.code));
	trial_guest.fill_memory(t->mem);
	slot.userspace_addr = (uintptr_t)t->mem;
	return ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &slot);
}

static int create_vcpu(struct trial *t)
{
	int len = ioctl(t->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	t->vcpu = ioctl(t->vm, KVM_CREATE_VCPU, 0);
	if (len < 0 || t->vcpu < 0)
		return -1;
	t->run = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED, t->vcpu, 0);
	return t->run == MAP_FAILED ? -1 : 0;
}

static int run_vcpu(const struct trial *t)
{
	int r;

	do
		r = ioctl(t->vcpu, KVM_RUN, 0);
	while (r < 0 && (errno == EINTR || errno == EAGAIN));
	return r;
}

static void judge(const struct trial *t, struct kvm_trial *ret)
{
	const uint8_t *sums = t->mem + TRIAL_SUMS;

	memcpy(&ret->reached, sums, sizeof(ret->reached));
	ret->exit = t->run->exit_reason;
	if (ret->exit == KVM_EXIT_INTERNAL_ERROR)
		ret->suberror = t->run->internal.suberror;
	if (ret->exit == KVM_EXIT_FAIL_ENTRY)
		ret->suberror = (uint32_t)t->run->fail_entry.hardware_entry_failure_reason;
	ret->faulted = trial_guest.says_fault && trial_guest.says_fault(t->run);
	if (!trial_guest.says_done(t->run))
		ret->step = KVM_TRIAL_EXIT;
	else
		ret->step = trial_guest.sums_are_right(sums) ? KVM_TRIAL_DONE : KVM_TRIAL_SUMS;
}

void kvm_trial_run(int kvm, struct kvm_trial *ret)
{
	struct trial t = { .kvm = kvm };

	ret->version = ioctl(kvm, KVM_GET_API_VERSION, 0);
	if (!step(ret, KVM_TRIAL_VERSION, ret->version))
		return;
	t.vm = trial_guest.create_vm(kvm);
	if (step(ret, KVM_TRIAL_CREATE_VM, t.vm) && step(ret, KVM_TRIAL_MEMORY, add_memory(&t)) &&
	    step(ret, KVM_TRIAL_CREATE_VCPU, create_vcpu(&t)) &&
	    step(ret, KVM_TRIAL_REGISTERS, trial_guest.set_registers(&t)) &&
	    step(ret, KVM_TRIAL_RUN, run_vcpu(&t)))
		judge(&t, ret);
}
