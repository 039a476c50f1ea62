/* SPDX-License-Identifier: GPL-2.0-only */
/* What the vCPU threads and this process use, from /proc; cheap enough to be read often. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "vm/kvm/kvm.h"
#include "vm/kvm/machine.h"

/* Memory changes slowly and is dear to read. */
#define RSS_LOOK_NS 1000000000ull
#define RESIDENT_CHUNK 16384 /* pages */

/* First line of schedstat: time on CPU, time waiting for one, number of slices. */
static int read_vcpu(struct kvm_vm *k, uint32_t n, struct vm_vcpu_time *ret)
{
	pid_t tid = __atomic_load_n(&k->crew.hand[n].tid, __ATOMIC_ACQUIRE);
	char text[96], *end;

	if (!tid) /* on its way to its first instruction */
		return 0;
	if (k->sched_fd[n] < 0) {
		snprintf(text, sizeof(text), "/proc/self/task/%d/schedstat", tid);
		k->sched_fd[n] = open(text, O_RDONLY | O_CLOEXEC);
	}
	ssize_t r = k->sched_fd[n] < 0 ? -1 : pread(k->sched_fd[n], text, sizeof(text) - 1, 0);
	if (r < 0)
		return -errno;
	text[r] = 0;
	ret->run_ns = strtoull(text, &end, 10);
	ret->wait_ns = strtoull(end, NULL, 10);
	return 0;
}

static uint64_t status_field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

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
	SCOPED(mem_free) char *text = NULL;
	const struct ram *ram = &k->machine->ram;
	int r = read_file("/proc/self/status", 16384, &text, NULL, NULL);

	if (r < 0)
		return r;
	uint64_t all = status_field(text, "RssAnon:") + status_field(text, "RssFile:"), guest = 0;
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
		int r = read_vcpu(k, i, &k->stats.vcpu[i]);

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
