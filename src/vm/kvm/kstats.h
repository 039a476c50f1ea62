/* SPDX-License-Identifier: GPL-2.0-only */
/* What KVM counts per vCPU: the file that KVM_GET_STATS_FD gives, read into the counters we know. */
#ifndef VM_KVM_KSTATS_H
#define VM_KVM_KSTATS_H

#include <stddef.h>
#include <stdint.h>

struct err;

/* X(field): the names are the kernel's. A counter is added here and nowhere else. */
#define KSTATS(X) \
	X(exits) \
	X(halt_exits) \
	X(halt_successful_poll) \
	X(halt_attempted_poll) \
	X(halt_poll_invalid) \
	X(halt_wakeup) \
	X(halt_wait_ns) \
	X(halt_poll_success_ns) \
	X(halt_poll_fail_ns) \
	X(preemption_reported) \
	X(signal_exits) \
	X(hypercalls) \
	X(hvc_exit_stat) \
	X(wfe_exit_stat) \
	X(wfi_exit_stat) \
	X(mmio_exit_user) \
	X(mmio_exit_kernel)

enum kstat {
#define X(name) KSTAT_##name,
	KSTATS(X)
#undef X
		NR_KSTATS,
};

struct kstats {
	uint64_t value[NR_KSTATS];
	uint32_t known; /* bit per counter this kernel has */
};

#define KSTATS_FILE_MAX 65536 /* a vCPU's is about 3 KiB */

extern const char *const kstat_names[NR_KSTATS];

/* @n bytes from the beginning of the file. -EINVAL: not such a file. */
int kstats_parse(const uint8_t *file, size_t n, struct kstats *ret, struct err *e);
/* Adds up; a counter one of them lacks is known if the other has it. */
void kstats_add(struct kstats *sum, const struct kstats *s);

#endif
