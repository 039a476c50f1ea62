/* SPDX-License-Identifier: GPL-2.0-only */
/* What a return from KVM_RUN means. Pure. */
#ifndef VM_KVM_EXIT_H
#define VM_KVM_EXIT_H

#include <stdbool.h>

struct kvm_run;
struct vm_stop;

enum vcpu_exit {
	VCPU_EXIT_NONE, /* nothing to do: on with it */
	VCPU_EXIT_MMIO, /* a device is accessed */
	VCPU_EXIT_STOP, /* the machine has ended */
};

/* Of a KVM_RUN that returned 0; *ret is filled for VCPU_EXIT_STOP. */
enum vcpu_exit exit_judge(const struct kvm_run *run, struct vm_stop *ret);
/* Of one that returned @error (negative errno) and was not just interrupted. */
void exit_failed(int error, struct vm_stop *ret);

#endif
