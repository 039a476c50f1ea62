/* SPDX-License-Identifier: GPL-2.0-only */
/* The backend "kvm": our own VMM, in this process. */
#ifndef VM_KVM_BACKEND_H
#define VM_KVM_BACKEND_H

#include "vm/vm.h"

extern const struct vm_backend vm_backend_kvm;

#endif
