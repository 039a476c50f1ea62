/* SPDX-License-Identifier: GPL-2.0-only */
/* What KVM of arm64 answers, and what it refuses; the kernel's functions are named where it matters. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arm64/abi.h"
#include "kvm/fake_parts.h"

#define RUN_SIZE 8192

void fake_vm_free(struct kvm_fake *f)
{
	free(f->vm);
	f->vm = NULL;
}

bool fake_is_slot(const struct kvm_fake *f, const uint8_t *at, size_t n)
{
	for (uint32_t i = 0; f->vm && i < FAKE_MAX_SLOTS; i++) {
		const struct fake_slot *s = &f->vm->slot[i];

		if (s->len && at < s->host + s->len && s->host < at + n)
			return true;
	}
	return false;
}

/* /dev/kvm and capabilities */

static long check_extension(struct kvm_fake *f, const struct fake_thing *t, uint64_t cap)
{
	const struct fake_host *h = &f->host;
	const struct {
		uint64_t cap;
		const char *name;
		uint32_t value;
	} caps[] = {
		{ KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT", h->immediate_exit },
		{ KVM_CAP_ARM_PMU_V3, "ARM_PMU_V3", h->pmu },
		{ KVM_CAP_ARM_PTRAUTH_ADDRESS, "ARM_PTRAUTH_ADDRESS", h->ptrauth_address },
		{ KVM_CAP_ARM_PTRAUTH_GENERIC, "ARM_PTRAUTH_GENERIC", h->ptrauth_generic },
		{ KVM_CAP_ARM_VM_IPA_SIZE, "ARM_VM_IPA_SIZE", h->ipa_bits },
		{ KVM_CAP_MAX_VCPUS, "MAX_VCPUS", h->max_vcpus },
	};
	long r = fake_begin(f, "check_extension");

	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		if (caps[i].cap != cap)
			continue;
		r = r ? r : (long)caps[i].value;
		return fake_end(f, "check_extension", r, "%s %s = %ld", t->name, caps[i].name,
				MAX(r, 0));
	}
	return fake_end(f, "check_extension", r, "%s %llu = 0", t->name, (unsigned long long)cap);
}

/* kvm_init_ipa_range() */
static long create_vm(struct kvm_fake *f, uint64_t type)
{
	uint32_t most = f->host.ipa_bits;
	long r = fake_begin(f, "create_vm");

	if (!r && type && (!most || type < 32 || type > most))
		r = -EINVAL;
	if (!r && f->vm)
		r = -EMFILE; /* the fake has one */
	if (!r) {
		f->vm = calloc(1, sizeof(*f->vm));
		assert(f->vm);
		f->vm->ipa_bits = type ? (uint32_t)type : 40;
		r = fake_add(f, FAKE_VM, 0, -1, "vm");
	}
	return fake_end(f, "create_vm", r, "ipa %llu", (unsigned long long)type);
}

static long simple(struct kvm_fake *f, const char *verb, long value)
{
	long r = fake_begin(f, verb);

	return fake_end(f, verb, r ? r : value, "%s", "");
}

static long kvm_fd_ioctl(struct kvm_fake *f, struct fake_thing *t, unsigned long req, void *arg)
{
	switch (req) {
	case KVM_GET_API_VERSION:
		return simple(f, "get_api_version", KVM_API_VERSION);
	case KVM_CHECK_EXTENSION:
		return check_extension(f, t, (uintptr_t)arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return simple(f, "get_vcpu_mmap_size", RUN_SIZE);
	case KVM_CREATE_VM:
		return create_vm(f, (uintptr_t)arg);
	default:
		return -ENOTTY;
	}
}

/* The VM */

static int add_slot(struct fake_vm *vm, const struct kvm_userspace_memory_region *s)
{
	uint64_t end = s->guest_phys_addr + s->memory_size;

	if (s->slot >= FAKE_MAX_SLOTS || !s->memory_size || s->memory_size % 4096 ||
	    s->guest_phys_addr % 4096 || s->userspace_addr % 4096)
		return -EINVAL;
	if (vm->slot[s->slot].len) /* __kvm_set_memory_region(): only the flags can change */
		return -EINVAL;
	if ((end - 1) >> vm->ipa_bits)
		return -EFAULT; /* kvm_arch_prepare_memory_region() */
	for (uint32_t i = 0; i < FAKE_MAX_SLOTS; i++)
		if (vm->slot[i].len && s->guest_phys_addr < vm->slot[i].gpa + vm->slot[i].len &&
		    vm->slot[i].gpa < end)
			return -EEXIST;
	vm->slot[s->slot] = (struct fake_slot){ s->guest_phys_addr, s->memory_size,
						(const uint8_t *)(uintptr_t)s->userspace_addr };
	return 0;
}

static long set_memory(struct kvm_fake *f, const struct kvm_userspace_memory_region *s)
{
	char where[40];
	long r = fake_begin(f, "set_memory");

	if (!r)
		r = add_slot(f->vm, s);
	return fake_end(f, "set_memory", r, "slot %u gpa 0x%llx len 0x%llx at %s", s->slot,
			(unsigned long long)s->guest_phys_addr, (unsigned long long)s->memory_size,
			fake_where(f, (void *)(uintptr_t)s->userspace_addr, where, sizeof(where)));
}

static long create_vcpu(struct kvm_fake *f, uint64_t id)
{
	char name[16];
	long r = fake_begin(f, "create_vcpu");

	if (!r && (id >= f->host.max_vcpus || id >= FAKE_MAX_VCPUS))
		r = -EINVAL;
	if (!r && id < f->vm->nr_vcpus)
		r = -EEXIST;
	if (!r && f->vm->gic_init)
		r = -EBUSY; /* kvm_arch_vcpu_precreate() */
	snprintf(name, sizeof(name), "vcpu%llu", (unsigned long long)id);
	if (!r && id != f->vm->nr_vcpus)
		fake_break(f, "%s is created before vcpu%u", name, f->vm->nr_vcpus);
	if (!r) {
		f->vm->nr_vcpus = (uint32_t)id + 1;
		r = fake_add(f, FAKE_VCPU, (uint32_t)id, -1, name);
	}
	return fake_end(f, "create_vcpu", r, "%llu", (unsigned long long)id);
}

static long preferred_target(struct kvm_fake *f, struct arm64_vcpu_init *init)
{
	long r = fake_begin(f, "preferred_target");

	if (!r)
		*init = (struct arm64_vcpu_init){ .target = 5 };
	return fake_end(f, "preferred_target", r, "%s", "");
}

static long create_device(struct kvm_fake *f, struct kvm_create_device *d)
{
	long r = fake_begin(f, "create_device");

	if (!r && d->type != KVM_DEV_TYPE_ARM_VGIC_V3)
		r = -ENODEV;
	if (!r && f->vm->gic)
		r = -EEXIST;
	if (!r) {
		f->vm->gic = true;
		d->fd = (uint32_t)fake_add(f, FAKE_GIC, 0, -1, "gic");
	}
	return fake_end(f, "create_device", r, "type %u flags %u", d->type, d->flags);
}

static long set_routing(struct kvm_fake *f, const struct kvm_irq_routing *t)
{
	char text[160] = "";
	size_t n = 0;
	long r = fake_begin(f, "set_gsi_routing");

	for (uint32_t i = 0; i < t->nr; i++) {
		const struct kvm_irq_routing_entry *e = &t->entries[i];

		if (e->type != KVM_IRQ_ROUTING_IRQCHIP || e->flags || e->pad ||
		    e->u.irqchip.irqchip)
			r = r ? r : -EINVAL;
		if (n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n, " %u:%u", e->gsi,
					      e->u.irqchip.pin);
	}
	if (!r)
		f->vm->nr_routes = t->nr;
	return fake_end(f, "set_gsi_routing", r, "%u%s", t->nr, text);
}

static long irqfd(struct kvm_fake *f, const struct kvm_irqfd *q)
{
	bool off = q->flags & KVM_IRQFD_FLAG_DEASSIGN;
	long r = off ? 0 : fake_begin(f, "irqfd");

	if (!fake_find(f, (int)q->fd))
		r = -EBADF;
	if (!r && !off && !f->vm->nr_routes)
		fake_break(f, "irqfd for GSI %u before there is a route", q->gsi);
	return fake_end(f, "irqfd", r, "gsi %u%s", q->gsi, off ? " off" : "");
}

static long ioeventfd(struct kvm_fake *f, const struct kvm_ioeventfd *q)
{
	long r = fake_begin(f, "ioeventfd");

	if (!r && q->flags & KVM_IOEVENTFD_FLAG_DATAMATCH)
		return fake_end(f, "ioeventfd", r, "0x%llx len %u match %llu",
				(unsigned long long)q->addr, q->len,
				(unsigned long long)q->datamatch);
	return fake_end(f, "ioeventfd", r, "0x%llx len %u", (unsigned long long)q->addr, q->len);
}

static long enable_cap(struct kvm_fake *f, const struct kvm_enable_cap *c)
{
	long r = fake_begin(f, "enable_cap");

	if (!r && (c->cap != KVM_CAP_HALT_POLL || c->flags))
		r = -EINVAL;
	return fake_end(f, "enable_cap", r, "%u %llu", c->cap, (unsigned long long)c->args[0]);
}

static long vm_ioctl(struct kvm_fake *f, struct fake_thing *t, unsigned long req, void *arg)
{
	switch (req) {
	case KVM_CHECK_EXTENSION:
		return check_extension(f, t, (uintptr_t)arg);
	case KVM_SET_USER_MEMORY_REGION:
		return set_memory(f, arg);
	case KVM_CREATE_VCPU:
		return create_vcpu(f, (uintptr_t)arg);
	case ARM64_PREFERRED_TARGET:
		return preferred_target(f, arg);
	case KVM_CREATE_DEVICE:
		return create_device(f, arg);
	case KVM_SET_GSI_ROUTING:
		return set_routing(f, arg);
	case KVM_ENABLE_CAP:
		return enable_cap(f, arg);
	case KVM_IRQFD:
		return irqfd(f, arg);
	case KVM_IOEVENTFD:
		return ioeventfd(f, arg);
	default:
		return -ENOTTY;
	}
}

/* The interrupt controller */

static int gic_addr(struct fake_vm *vm, uint64_t attr, uint64_t gpa)
{
	uint64_t *to = attr == ARM64_VGIC_ADDR_DIST ? &vm->dist : &vm->redist;

	if (attr != ARM64_VGIC_ADDR_DIST && attr != ARM64_VGIC_ADDR_REDIST)
		return -ENXIO;
	if (gpa % 0x10000)
		return -EINVAL;
	if (*to)
		return -EEXIST;
	*to = gpa;
	return 0;
}

static int gic_init(struct fake_vm *vm)
{
	if (!vm->dist || !vm->redist || !vm->nr_irqs)
		return -ENXIO;
	for (uint32_t i = 0; i < vm->nr_vcpus; i++)
		if (!vm->vcpu[i].init)
			return -EBUSY;
	vm->gic_init = true;
	return 0;
}

static long gic_set_attr(struct kvm_fake *f, const struct kvm_device_attr *a)
{
	struct fake_vm *vm = f->vm;
	long r = fake_begin(f, "gic_attr");

	if (a->group == ARM64_VGIC_GRP_NR_IRQS) {
		uint32_t n = *(uint32_t *)(uintptr_t)a->addr;

		if (!r && (n < 64 || n > 1024 || n % 32))
			r = -EINVAL;
		if (!r)
			vm->nr_irqs = n;
		return fake_end(f, "gic_attr", r, "nr_irqs %u", n);
	}
	if (a->group == ARM64_VGIC_GRP_ADDR) {
		uint64_t gpa = *(uint64_t *)(uintptr_t)a->addr;

		r = r ? r : gic_addr(vm, a->attr, gpa);
		return fake_end(f, "gic_attr", r, "%s 0x%llx",
				a->attr == ARM64_VGIC_ADDR_DIST ? "dist" : "redist",
				(unsigned long long)gpa);
	}
	r = r ? r : gic_init(vm);
	return fake_end(f, "gic_attr", r, "init");
}

long fake_ioctl(struct kvm_fake *f, struct fake_thing *t, unsigned long req, void *arg)
{
	switch (t->kind) {
	case FAKE_KVM:
		return kvm_fd_ioctl(f, t, req, arg);
	case FAKE_VM:
		return vm_ioctl(f, t, req, arg);
	case FAKE_VCPU:
		return fake_vcpu_ioctl(f, t, req, arg);
	case FAKE_GIC:
		return req == KVM_SET_DEVICE_ATTR ? gic_set_attr(f, arg) : -ENOTTY;
	default:
		return -ENOTTY;
	}
}
