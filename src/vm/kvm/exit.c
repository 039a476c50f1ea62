/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/kvm/exit.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/scoped.h"
#include "vm/vm.h"

static const char *const errors[] = {
	[KVM_INTERNAL_ERROR_EMULATION] = "emulation failure",
	[KVM_INTERNAL_ERROR_SIMUL_EX] = "simultaneous exceptions",
	[KVM_INTERNAL_ERROR_DELIVERY_EV] = "event delivery failure",
	[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "unexpected exit reason",
};

static enum vcpu_exit stop(struct vm_stop *ret, enum vm_stop_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static enum vcpu_exit stop(struct vm_stop *ret, enum vm_stop_kind kind, const char *fmt, ...)
{
	va_list ap;

	*ret = (struct vm_stop){ .kind = kind };
	va_start(ap, fmt);
	vsnprintf(ret->text, sizeof(ret->text), fmt, ap);
	va_end(ap);
	return VCPU_EXIT_STOP;
}

static enum vcpu_exit system_event(uint32_t type, struct vm_stop *ret)
{
	switch (type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		return stop(ret, VM_STOP_POWEROFF, "the guest switched itself off");
	case KVM_SYSTEM_EVENT_RESET:
		return stop(ret, VM_STOP_RESET, "the guest asked for a reset");
	case KVM_SYSTEM_EVENT_CRASH:
		return stop(ret, VM_STOP_RESET, "the guest kernel reported a crash");
	}
	return stop(ret, VM_STOP_BACKEND_ERROR, "KVM: system event %u, which is not known here",
		    type);
}

static enum vcpu_exit internal_error(uint32_t suberror, struct vm_stop *ret)
{
	const char *what = suberror < ARRAY_SIZE(errors) ? errors[suberror] : NULL;

	return stop(ret, VM_STOP_BACKEND_ERROR, "KVM internal error %u%s%s%s", suberror,
		    what ? " (" : "", what ? what : "", what ? ")" : "");
}

enum vcpu_exit exit_judge(const struct kvm_run *run, struct vm_stop *ret)
{
	switch (run->exit_reason) {
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return VCPU_EXIT_NONE;
	case KVM_EXIT_MMIO:
		return VCPU_EXIT_MMIO;
	case KVM_EXIT_SYSTEM_EVENT:
		return system_event(run->system_event.type, ret);
	case KVM_EXIT_FAIL_ENTRY:
		return stop(ret, VM_STOP_BACKEND_ERROR,
			    "KVM could not enter the guest: hardware reason 0x%llx",
			    (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
	case KVM_EXIT_INTERNAL_ERROR:
		return internal_error(run->internal.suberror, ret);
	}
	return stop(ret, VM_STOP_BACKEND_ERROR, "KVM exit %u, which is not known here",
		    run->exit_reason);
}

void exit_failed(int error, struct vm_stop *ret)
{
	/* EHWPOISON is the hardware's, EFAULT that of a guest page nobody can provide. */
	if (error == -EFAULT || error == -EHWPOISON)
		stop(ret, VM_STOP_BACKEND_ERROR, "the host could not provide guest memory: %s",
		     strerror(-error));
	else if (error == -ENOSYS)
		stop(ret, VM_STOP_BACKEND_ERROR,
		     "the guest accessed a device with an instruction that KVM cannot decode");
	else
		stop(ret, VM_STOP_BACKEND_ERROR, "KVM_RUN: %s", strerror(-error));
}
