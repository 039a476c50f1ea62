/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done with a machine that is there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>

#include "arch/arm64/abi.h"
#include "arch/arm64/pvtime.h"
#include "base/err.h"
#include "kvm/calls.h"
#include "machine/memmap.h"
#include "vm/kvm/machine.h"

/* With more vCPUs than this each statistics file is opened anew, or descriptors would run out. */
#define KEEP_STATS 64

/* A description of its own, since a lock belongs to that; and with it of the right to read. */
static int lock_file(struct machine *m, int fd, struct err *e)
{
	const struct kvm_calls *k = m->calls;
	int *grown = realloc(m->overlay, (m->nr_overlays + 1) * sizeof(*grown));
	char path[32];

	if (!grown)
		return kvm_fail(e, -ENOMEM, "map file over guest memory");
	m->overlay = grown;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int own = k->open(k->ctx, path, O_RDONLY);
	if (own < 0)
		return kvm_fail(e, own, "open %s", path);
	m->overlay[m->nr_overlays++] = own;
	int r = k->flock(k->ctx, own, LOCK_SH | LOCK_NB);
	if (r == -EWOULDBLOCK)
		return err_class(e, ERR_CONTENTION,
				 err_set(e, r, "file for guest memory: is being written"));
	return r < 0 ? err_sys(e, r, "lock file for guest memory") : own;
}

int machine_overlay(struct machine *m, uint64_t gpa, int fd, uint64_t off, uint64_t len,
		    struct err *e)
{
	void *at = m->has_memory ? gmem_at(&m->ram.mem, gpa, len) : NULL;
	int own;

	if (!at)
		return err_set(e, -EINVAL, "file of %llu bytes at 0x%llx: not in guest memory",
			       (unsigned long long)len, (unsigned long long)gpa);
	if (m->ram.huge) /* a smaller page cannot be put over part of a huge one of a file */
		return err_set(e, -ENOTSUP, "file over guest memory: it is of huge pages");
	own = lock_file(m, fd, e);
	if (own < 0)
		return own;
	void *p = m->calls->mmap(m->calls->ctx, at, len, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_FIXED, own, (off_t)off);
	if (!kvm_is_bad(p))
		return 0;
	/* what was there may be gone */
	ram_restore(&m->ram, at, len);
	return err_sys(e, kvm_bad(p), "map file over guest memory at 0x%llx",
		       (unsigned long long)gpa);
}

int machine_steal_time(struct machine *m, uint64_t base, struct err *e)
{
	uint64_t all = (uint64_t)m->nr_vcpus * PVTIME_SLOT;
	int r;

	if (!m->has_memory || base % PVTIME_SLOT || !gmem_at(&m->ram.mem, base, all))
		return err_set(e, -EINVAL, "stolen time of %u vCPUs at 0x%llx: not in guest memory",
			       m->nr_vcpus, (unsigned long long)base);
	r = arm64_pvtime_probe(m->calls, m->vcpu[0].fd);
	if (r < 0) {
		warn_add(&m->warnings,
			 "stolen time: this host does not count it (CONFIG_SCHED_INFO): %s",
			 strerror(-r));
		return 0;
	}
	for (uint32_t i = 0; i < m->nr_vcpus; i++) {
		r = arm64_pvtime_set(m->calls, m->vcpu[i].fd, i, base + i * PVTIME_SLOT, e);
		if (r < 0)
			return r;
	}
	m->has_steal = true;
	return 0;
}

void machine_halt_poll(struct machine *m, uint32_t ns)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_HALT_POLL, .args = { ns } };
	long r = kvm_ioctl(m->calls, m->vm, KVM_ENABLE_CAP, &c);

	if (r < 0)
		warn_add(&m->warnings, "halt poll: as the host has it: %s", strerror(-(int)r));
}

int machine_boot_registers(struct machine *m, uint64_t entry, uint64_t fdt, struct err *e)
{
	return arm64_vcpu_boot(m->calls, m->vcpu[0].fd, entry, fdt, e);
}

int machine_registers(struct machine *m, uint32_t cpu, struct arm64_regs *ret, struct err *e)
{
	if (cpu >= m->nr_vcpus)
		return err_set(e, -EINVAL, "vCPU %u: there are %u", cpu, m->nr_vcpus);
	return arm64_vcpu_registers(m->calls, m->vcpu[cpu].fd, cpu, ret, e);
}

int machine_irqfd(struct machine *m, int fd, uint32_t gsi, struct err *e)
{
	struct kvm_irqfd f = { .fd = (uint32_t)fd, .gsi = gsi };
	long r;

	if (m->nr_irqfds == MACHINE_MAX_IRQFDS)
		return err_set(e, -ENOSPC, "interrupt %u: more than %u eventfds", gsi,
			       MACHINE_MAX_IRQFDS);
	r = kvm_ioctl(m->calls, m->vm, KVM_IRQFD, &f);
	if (r < 0)
		return kvm_fail(e, (int)r, "connect interrupt %u", gsi);
	m->irqfd[m->nr_irqfds].fd = fd;
	m->irqfd[m->nr_irqfds++].gsi = gsi;
	return 0;
}

int machine_ioeventfd(struct machine *m, int fd, uint64_t gpa, uint32_t len, const uint32_t *match,
		      struct err *e)
{
	struct kvm_ioeventfd f = {
		.datamatch = match ? *match : 0,
		.addr = gpa,
		.len = len,
		.fd = fd,
		.flags = match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0,
	};
	long r = kvm_ioctl(m->calls, m->vm, KVM_IOEVENTFD, &f);

	return r < 0 ? kvm_fail(e, (int)r, "connect writes to 0x%llx", (unsigned long long)gpa) : 0;
}

static int open_stats(struct machine *m, uint32_t cpu, struct err *e)
{
	struct machine_vcpu *v = &m->vcpu[cpu];
	long r = kvm_ioctl_n(m->calls, v->fd, ARM64_GET_STATS_FD, 0);

	if (r == -ENOTTY || r == -EINVAL)
		return err_set(e, -ENOTSUP, "vCPU %u: this kernel has no KVM statistics", cpu);
	if (r < 0)
		return kvm_fail(e, (int)r, "vCPU %u: open KVM statistics", cpu);
	v->stats_fd = (int)r;
	return 0;
}

int machine_stats(struct machine *m, uint32_t cpu, struct kstats *ret, struct err *e)
{
	SCOPED(mem_free) uint8_t *file = malloc(KSTATS_FILE_MAX);
	int r = m->vcpu[cpu].stats_fd < 0 ? open_stats(m, cpu, e) : 0;

	if (r < 0)
		return r;
	if (!file)
		return kvm_fail(e, -ENOMEM, "vCPU %u: read KVM statistics", cpu);
	ssize_t n = m->calls->pread(m->calls->ctx, m->vcpu[cpu].stats_fd, file, KSTATS_FILE_MAX, 0);
	if (m->nr_vcpus > KEEP_STATS)
		kvm_close(m->calls, &m->vcpu[cpu].stats_fd);
	if (n < 0)
		return kvm_fail(e, (int)n, "vCPU %u: read KVM statistics", cpu);
	return kstats_parse(file, (size_t)n, ret, e);
}
