/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/kvm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>

#include "arch/arm64/abi.h"
#include "arch/arm64/clidr.h"
#include "arch/arm64/gic.h"
#include "base/err.h"
#include "kvm/calls.h"
#include "machine/memmap.h"

#define API_VERSION 12
#define IPA_MIN 32
#define IPA_DEFAULT 40 /* of every VM before KVM_CAP_ARM_VM_IPA_SIZE */

static void vcpus_destroy(struct machine *m)
{
	const struct kvm_calls *k = m->calls;

	/* a statistics descriptor is a reference to the VM, and a mapped kvm_run one to its vCPU */
	for (uint32_t i = 0; i < m->nr_vcpus; i++)
		kvm_close(k, &m->vcpu[i].stats_fd);
	for (uint32_t i = 0; i < m->nr_vcpus; i++) {
		if (m->vcpu[i].run)
			k->munmap(k->ctx, m->vcpu[i].run, m->run_size);
		kvm_close(k, &m->vcpu[i].fd);
	}
	free(m->vcpu);
}

static void irqfds_deassign(struct machine *m)
{
	for (uint32_t i = 0; i < m->nr_irqfds; i++) {
		struct kvm_irqfd f = { .fd = (uint32_t)m->irqfd[i].fd,
				       .gsi = m->irqfd[i].gsi,
				       .flags = KVM_IRQFD_FLAG_DEASSIGN };

		kvm_ioctl(m->calls, m->vm, KVM_IRQFD, &f);
	}
}

/* Files may change again: nothing of them is mapped any more. */
static void overlays_release(struct machine *m)
{
	for (uint32_t i = 0; i < m->nr_overlays; i++) {
		/* a close alone would wake a waiter before the lock is free */
		m->calls->flock(m->calls->ctx, m->overlay[i], LOCK_UN);
		kvm_close(m->calls, &m->overlay[i]);
	}
	free(m->overlay);
}

/*
 * The order of vmm.md 1.3: all references to the VM go before its memory, because the last of them
 * waits for whoever may still look at that; and the files mapped into it can change only after.
 */
void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	vcpus_destroy(m);
	kvm_close(m->calls, &m->gic);
	irqfds_deassign(m);
	kvm_close(m->calls, &m->vm);
	ram_fini(&m->ram);
	ram_fini(&m->placeholder);
	overlays_release(m);
	kvm_close(m->calls, &m->kvm);
	free(m);
}

const struct gmem *machine_memory(const struct machine *m)
{
	return m->has_memory ? &m->ram.mem : &m->placeholder.mem;
}

static struct machine *machine_new(const struct machine_spec *s)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->calls = s->calls ? s->calls : &kvm_real;
	m->board = s->board;
	m->topo = s->topo;
	m->kvm = m->vm = m->gic = -1;
	m->huge_pages = s->huge_pages;
	m->performance = s->performance;
	memcpy(m->host_nodes, s->host_nodes, sizeof(m->host_nodes));
	for (uint32_t i = 0; i < TOPO_MAX_NODES; i++)
		m->binds_memory |= m->host_nodes[i] != 0;
	ram_init(&m->ram, m->calls);
	ram_init(&m->placeholder, m->calls);
	m->vcpu = calloc(topo_cpus(&m->topo), sizeof(*m->vcpu));
	if (!m->vcpu) {
		free(m);
		return NULL;
	}
	return m;
}

static int check_memory(const struct machine *m, uint64_t bytes, uint32_t ipa_bits, struct err *e)
{
	const struct board_range *ram = &m->board->part[PART_RAM];
	uint64_t least = (uint64_t)topo_nodes(&m->topo) * HUGE_PAGE, end = ram->base + bytes;

	if (bytes < least || bytes > ram->size)
		return err_set(e, -EINVAL, "guest memory: %llu bytes, %llu to %llu fit",
			       (unsigned long long)bytes, (unsigned long long)least,
			       (unsigned long long)ram->size);
	if (ipa_bits < 64 && (end - 1) >> ipa_bits)
		return err_class(e, ERR_TOPOLOGY,
				 err_set(e, -E2BIG,
					 "guest memory: ends at 0x%llx, guests have %u bits of "
					 "physical address here",
					 (unsigned long long)end, ipa_bits));
	return 0;
}

/* How many bits guest-physical addresses get: as few as will do, which saves levels of page tables. */
static int choose_ipa(struct machine *m, uint64_t bytes, struct err *e)
{
	uint32_t most = (uint32_t)kvm_check(m->calls, m->kvm, KVM_CAP_ARM_VM_IPA_SIZE);
	uint64_t end = m->board->part[PART_RAM].base + bytes;
	int r = bytes ? check_memory(m, bytes, most ? most : IPA_DEFAULT, e) : 0;

	if (r < 0)
		return r;
	m->ipa_bits = IPA_DEFAULT;
	if (most && bytes)
		m->ipa_bits = MAX(IPA_MIN, 64 - (uint32_t)__builtin_clzll(end - 1));
	if (most)
		m->ipa_bits = MIN(m->ipa_bits, most);
	return most ? (int)m->ipa_bits : 0;
}

static int open_kvm(struct machine *m, struct err *e)
{
	uint32_t cpus = topo_cpus(&m->topo), most;
	int r = m->calls->open(m->calls->ctx, "/dev/kvm", O_RDWR);

	if (r < 0)
		return kvm_fail(e, r, "open /dev/kvm");
	m->kvm = r;
	r = (int)kvm_ioctl_n(m->calls, m->kvm, KVM_GET_API_VERSION, 0);
	if (r != API_VERSION)
		return err_set(e, -ENOTSUP, "/dev/kvm: API version %d, %d needed", r, API_VERSION);
	m->has_immediate_exit = kvm_check(m->calls, m->kvm, KVM_CAP_IMMEDIATE_EXIT) > 0;
	most = (uint32_t)kvm_check(m->calls, m->kvm, KVM_CAP_MAX_VCPUS);
	if (cpus > most)
		return err_class(e, ERR_TOPOLOGY,
				 err_set(e, -E2BIG, "%u vCPUs: KVM has at most %u here", cpus,
					 most));
	r = (int)kvm_ioctl_n(m->calls, m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (r < 0)
		return err_sys(e, r, "get size of kvm_run");
	m->run_size = (size_t)r;
	return 0;
}

static int register_memory(struct machine *m, struct err *e)
{
	for (uint32_t i = 0; i < m->ram.mem.nr; i++) {
		const struct gmem_region *g = &m->ram.mem.region[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = g->gpa,
			.memory_size = g->len,
			.userspace_addr = (uintptr_t)g->host,
		};
		long r = kvm_ioctl(m->calls, m->vm, KVM_SET_USER_MEMORY_REGION, &slot);

		if (r < 0)
			return kvm_fail(e, (int)r, "register memory of node %u at 0x%llx", g->node,
					(unsigned long long)g->gpa);
	}
	return 0;
}

/* All of it is mapped before KVM hears of any. What failed stays for machine_destroy(). */
static int place_memory(struct machine *m, uint64_t bytes, struct err *e)
{
	const struct ram_plan plan = {
		.calls = m->calls,
		.topo = m->topo,
		.base = m->board->part[PART_RAM].base,
		.bytes = bytes,
		.huge_pages = m->huge_pages,
		.performance = m->performance,
		.host_nodes = m->binds_memory ? m->host_nodes : NULL,
	};
	int r = ram_alloc(&m->ram, &plan, &m->warnings, e);

	if (r == 0)
		r = register_memory(m, e);
	m->has_memory = r == 0;
	return r;
}

int machine_place_memory(struct machine *m, uint64_t bytes, struct err *e)
{
	int r;

	/* KVM would not take another address for a slot, and vCPUs may know the first */
	if (m->has_memory || m->ram.reserved)
		return err_set(e, -EEXIST, "guest memory: already allocated");
	r = check_memory(m, bytes, m->ipa_bits, e);
	if (r == 0)
		r = place_memory(m, bytes, e);
	if (r == 0)
		ram_fini(&m->placeholder);
	return r;
}

static int create_vcpu(struct machine *m, uint32_t cpu, const struct arm64_vcpu_init *target,
		       const struct arm64_caps *caps, struct err *e)
{
	struct machine_vcpu *v = &m->vcpu[cpu];
	uint64_t mpidr;
	int r;

	*v = (struct machine_vcpu){ .fd = -1, .stats_fd = -1 };
	m->nr_vcpus = cpu + 1;
	r = arm64_vcpu_create(m->calls, m->vm, cpu, target, caps, &v->fd, e);
	if (r < 0)
		return r;
	void *run = m->calls->mmap(m->calls->ctx, NULL, m->run_size, PROT_READ | PROT_WRITE,
				   MAP_SHARED, v->fd, 0);
	if (kvm_is_bad(run))
		return kvm_fail(e, kvm_bad(run), "map kvm_run of vCPU %u", cpu);
	v->run = run;
	r = kvm_get_reg(m->calls, v->fd, ARM64_REG_MPIDR_EL1, &mpidr);
	if (r < 0)
		return err_sys(e, r, "vCPU %u: read MPIDR_EL1", cpu);
	v->mpidr = (uint32_t)mpidr & ARM64_MPIDR_AFF;
	/* the device tree, which is also made where there is no KVM, has to name the same CPU */
	if (v->mpidr != topo_mpidr(&m->topo, cpu))
		return err_set(e, -ENOTSUP, "vCPU %u: KVM numbers it 0x%x, 0x%x expected", cpu,
			       v->mpidr, topo_mpidr(&m->topo, cpu));
	return 0;
}

static int create_vcpus(struct machine *m, struct err *e)
{
	struct arm64_vcpu_init target = { 0 };
	struct arm64_caps caps;
	int r = arm64_preferred_target(m->calls, m->vm, &target, e);

	if (r < 0)
		return r;
	arm64_caps_read(m->calls, m->vm, &caps);
	m->has_pmu = caps.pmu;
	for (uint32_t cpu = 0; r == 0 && cpu < topo_cpus(&m->topo); cpu++)
		r = create_vcpu(m, cpu, &target, &caps, e);
	return r;
}

static void read_cache_dir(const struct kvm_calls *k, const char *dir, struct clidr_types *ret)
{
	char path[256], level[16], type[32];

	for (uint32_t i = 0; i < 2 * CLIDR_LEVELS; i++) {
		snprintf(path, sizeof(path), "%s/index%u/level", dir, i);
		if (k->read_line(k->ctx, path, level, sizeof(level)) < 0)
			return;
		snprintf(path, sizeof(path), "%s/index%u/type", dir, i);
		if (k->read_line(k->ctx, path, type, sizeof(type)) >= 0)
			clidr_add(ret, level, type);
	}
}

/* Linux shows no cache, hence no LLC, where this register and the device tree differ. */
static int set_clidr(struct machine *m, const char *cache_dir, struct err *e)
{
	struct clidr_types types = clidr_declared;
	uint64_t old, clidr;

	if (cache_dir) {
		types = (struct clidr_types){ { CLIDR_NONE } };
		read_cache_dir(m->calls, cache_dir, &types);
	}
	int r = kvm_get_reg(m->calls, m->vcpu[0].fd, ARM64_REG_CLIDR_EL1, &old);
	if (r < 0 || !types.level[0]) {
		warn_add(&m->warnings, "caches: levels are KVM's own: %s",
			 r < 0 ? strerror(-r) : "none found in sysfs");
		return 0;
	}
	clidr = clidr_merge(old, &types);
	for (uint32_t i = 0; clidr != old && i < m->nr_vcpus; i++) {
		r = kvm_set_reg(m->calls, m->vcpu[i].fd, ARM64_REG_CLIDR_EL1, clidr);
		if (r < 0)
			return err_sys(e, r, "set cache levels of vcpu %u", i);
	}
	m->clidr = clidr;
	return 0;
}

static int create_gic(struct machine *m, struct err *e)
{
	int r = arm64_gic_create(m->calls, m->vm, m->board, m->nr_vcpus, &m->gic, e);

	if (r == 0)
		r = arm64_gic_route(m->calls, m->vm, m->board, e);
	for (uint32_t i = 0; r == 0 && m->has_pmu && i < m->nr_vcpus; i++)
		r = arm64_vcpu_pmu(m->calls, m->vcpu[i].fd, i, e);
	return r;
}

static int build(struct machine *m, const struct machine_spec *s, struct err *e)
{
	int r = open_kvm(m, e);

	if (r == 0)
		r = choose_ipa(m, s->memory_bytes, e);
	if (r < 0)
		return r;
	r = kvm_create_vm(m->calls, m->kvm, (uint64_t)r, e);
	if (r < 0)
		return r;
	m->vm = r;
	r = s->memory_bytes ? place_memory(m, s->memory_bytes, e)
			    : ram_placeholder(&m->placeholder, m->board->part[PART_RAM].base, e);
	if (r == 0)
		r = create_vcpus(m, e);
	if (r == 0)
		r = set_clidr(m, s->sysfs_cache_dir, e);
	return r == 0 ? create_gic(m, e) : r;
}

int machine_create(const struct machine_spec *s, struct machine **ret, struct err *e)
{
	SCOPED(machine_destroy) struct machine *m = NULL;
	int r = arm64_gic_check(s->board, topo_cpus(&s->topo), e);

	if (r == 0)
		r = topo_check(&s->topo, e);
	if (r < 0)
		return r;
	m = machine_new(s);
	if (!m)
		return kvm_fail(e, -ENOMEM, "machine of %u vCPUs", topo_cpus(&s->topo));
	r = build(m, s, e);
	if (r < 0)
		return r;
	*ret = hand_over(m);
	return 0;
}
