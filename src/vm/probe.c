/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/probe.h"

#include "vm/probe_store.h"

void probe_no_cache(void)
{
	probe_qemu_forget();
	probe_kvm_forget();
	probe_store_off();
}
