/* SPDX-License-Identifier: GPL-2.0-only */
/* Emulation or KVM for an emulator that can do both. Internal. */
#ifndef VM_ACCEL_H
#define VM_ACCEL_H

#include <stdbool.h>

#include "machine/arch.h"
#include "vm/vm.h"

/*
 * Says in @about what was taken and, for emulation, why. An explicit wish for KVM may be refused, and
 * always is together with one for virtual time.
 */
int accel_choose(enum arch guest, enum vm_accel wish, enum vm_time time, bool *ret_kvm,
		 struct vm_about *about, struct err *e);

#endif
