/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/accel.h"

#include <errno.h>
#include <stdio.h>

#include "vm/probe.h"

static const char *const why_not[] = {
	[PROBE_YES] = "",
	[PROBE_ABSENT] = "kvm: none on this host",
	[PROBE_FORBIDDEN] = "kvm: present, no permission to use it",
	[PROBE_UNUSABLE] = "kvm: present, cannot run kernels",
	[PROBE_TOO_OLD] = "kvm: too old",
	[PROBE_FOREIGN] = "kvm: not for this architecture",
};

int accel_choose(enum arch guest, enum vm_accel wish, enum vm_time time, bool *ret_kvm,
		 struct vm_about *about, struct err *e)
{
	struct probe_result found;
	const char *why = "tcg was asked for";

	*ret_kvm = false;
	if (time == VM_TIME_VIRTUAL && wish == VM_ACCEL_KVM)
		return err_set(e, -EINVAL,
			       "accelerator kvm: cannot run in virtual time, only emulation (tcg) "
			       "can");
	if (time == VM_TIME_VIRTUAL && wish == VM_ACCEL_AUTO) {
		wish = VM_ACCEL_TCG;
		why = "virtual time was asked for";
	}
	if (wish != VM_ACCEL_TCG) {
		probe_kvm(guest, &found);
		why = why_not[found.state];
		*ret_kvm = found.state == PROBE_YES;
	}
	if (wish == VM_ACCEL_KVM && !*ret_kvm)
		return err_set(e, -ENOTSUP, "accelerator kvm: %.250s", found.text);
	snprintf(about->accel, sizeof(about->accel), "%s", *ret_kvm ? "kvm" : "tcg");
	snprintf(about->why, sizeof(about->why), "%s", why);
	about->virtual_time = !*ret_kvm && time != VM_TIME_REAL;
	return 0;
}
