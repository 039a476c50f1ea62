/* SPDX-License-Identifier: GPL-2.0-only */
/* The tiny guest that finds out what a /dev/kvm is worth; one implementation per host. Internal. */
#ifndef VM_PROBE_KVM_H
#define VM_PROBE_KVM_H

#include <stdint.h>

enum kvm_trial_step {
	KVM_TRIAL_OPEN,
	KVM_TRIAL_VERSION,
	KVM_TRIAL_CREATE_VM,
	KVM_TRIAL_MEMORY,
	KVM_TRIAL_CREATE_VCPU,
	KVM_TRIAL_REGISTERS,
	KVM_TRIAL_RUN,	/* errno of KVM_RUN */
	KVM_TRIAL_EXIT, /* an exit other than the one that says "done" */
	KVM_TRIAL_SUMS, /* done, but the instructions gave wrong results */
	KVM_TRIAL_DONE,
};

/* What the child that runs the trial sends back: plain numbers. */
struct kvm_trial {
	uint32_t step;
	int32_t error;	   /* errno, 0 = none */
	uint32_t exit;	   /* KVM_EXIT_* */
	uint32_t suberror; /* of KVM_EXIT_INTERNAL_ERROR, reason of KVM_EXIT_FAIL_ENTRY */
	int32_t version;   /* of the API */
	uint32_t faulted;  /* the exit is the guest's own way to say that it took an exception */
	uint64_t reached;  /* how far the guest came: the last mark it set */
};

/* Runs the guest on an open /dev/kvm. Between fork and _exit(): nothing but system calls. */
void kvm_trial_run(int kvm, struct kvm_trial *ret);
/* What the guest was doing at mark @reached, as in "... at its first <text>". */
const char *kvm_trial_mark(uint64_t reached);

#endif
