/* SPDX-License-Identifier: GPL-2.0-only */
/* What the vCPU threads and this process use. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "vm/kvm/kvm.h"
#include "vm/kvm/machine.h"
#include "vm/usage.h"

/* Memory changes slowly and is dear to read. */
#define RSS_LOOK_NS 1000000000ull
#define RESIDENT_CHUNK 16384 /* pages */

/* What of guest memory is there and counts as ours, which it does where it is private. */
static uint64_t guest_resident(const struct gmem_region *r)
{
	unsigned char there[RESIDENT_CHUNK];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), sum = 0;

	for (uint64_t off = 0, n; off < r->len; off += n) {
		n = MIN(r->len - off, sizeof(there) * page);
		if (mincore(r->host + off, n, there) < 0)
			return sum;
		for (uint64_t i = 0; i < n / page; i++)
			sum += there[i] & 1;
	}
	return sum * page;
}

static int read_rss(struct kvm_vm *k, uint64_t *ret)
{
	const struct ram *ram = &k->machine->ram;
	uint64_t all, guest = 0;
	int r = usage_of_memory(getpid(), &all);

	if (r < 0)
		return r;
	for (uint32_t i = 0; ram->file < 0 && i < ram->mem.nr; i++)
		guest += guest_resident(&ram->mem.region[i]);
	*ret = all > guest ? all - guest : 0;
	return 0;
}

void kvm_stats_init(struct kvm_vm *k)
{
	for (size_t i = 0; i < ARRAY_SIZE(k->sched_fd); i++)
		k->sched_fd[i] = -1;
}

void kvm_stats_close(struct kvm_vm *k)
{
	for (size_t i = 0; i < ARRAY_SIZE(k->sched_fd); i++)
		close_fd(&k->sched_fd[i]);
}

/* A thread that is gone leaves the values before that. */
static int read_vcpus(struct kvm_vm *k)
{
	for (uint32_t i = 0; i < k->crew.nr; i++) {
		pid_t tid = __atomic_load_n(&k->crew.hand[i].tid, __ATOMIC_ACQUIRE);

		if (!tid) /* on its way to its first instruction */
			continue;
		int r = usage_of_thread(getpid(), tid, &k->sched_fd[i], &k->stats.vcpu[i]);
		if (r < 0 && r != -ESRCH && r != -ENOENT)
			return r;
	}
	return 0;
}

int kvm_stats(struct vm *vm, struct vm_stats *ret, struct err *e)
{
	struct kvm_vm *k = kvm_of(vm);
	uint64_t now = now_ns();
	int r = read_vcpus(k);

	k->stats.setup_ns = k->setup_ns;
	k->stats.nr_vcpus = k->crew.nr;
	if (!r && now - k->rss_at >= RSS_LOOK_NS) {
		r = read_rss(k, &k->stats.rss_bytes);
		k->rss_at = now;
	}
	if (r < 0)
		return err_sys(e, r, "vCPU threads");
	*ret = k->stats;
	return 0;
}
