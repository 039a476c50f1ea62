/* SPDX-License-Identifier: GPL-2.0-only */
/* What the vCPUs of the fake answer, and what they refuse. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/arm64/abi.h"
#include "kvm/fake_parts.h"

#define STEAL_TIME_SIZE 64

static struct fake_reg *reg_find(struct fake_vcpu *v, uint64_t id)
{
	for (uint32_t i = 0; i < v->nr_regs; i++)
		if (v->reg[i].id == id)
			return &v->reg[i];
	assert(v->nr_regs < FAKE_MAX_REGS);
	v->reg[v->nr_regs] = (struct fake_reg){ .id = id };
	return &v->reg[v->nr_regs++];
}

static const char *reg_name(uint64_t id, char *buf, size_t cap)
{
	static const struct {
		uint64_t id;
		const char *name;
	} names[] = {
		{ ARM64_REG_X(0), "x0" },
		{ ARM64_REG_PC, "pc" },
		{ ARM64_REG_PSTATE, "pstate" },
		{ ARM64_REG_MPIDR_EL1, "mpidr_el1" },
		{ ARM64_REG_CLIDR_EL1, "clidr_el1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].id == id)
			return names[i].name;
	snprintf(buf, cap, "0x%llx", (unsigned long long)id);
	return buf;
}

/* kvm_vcpu_init_check_features() */
static int check_features(const struct kvm_fake *f, uint32_t features)
{
	const uint32_t ptrauth = 1u << ARM64_PTRAUTH_ADDRESS | 1u << ARM64_PTRAUTH_GENERIC;
	const uint32_t known = 1u << ARM64_POWER_OFF | 1u << ARM64_PSCI_0_2 | 1u << ARM64_PMU_V3 |
			       ptrauth;

	if (features & ~known)
		return -ENOENT;
	if ((features & 1u << ARM64_PMU_V3 && !f->host.pmu) ||
	    ((features & ptrauth) && (features & ptrauth) != ptrauth) ||
	    (features & ptrauth && !(f->host.ptrauth_address && f->host.ptrauth_generic)))
		return -EINVAL;
	return 0;
}

static const char *feature_names(uint32_t features, char *buf, size_t cap)
{
	static const char *const names[] = { "power_off",      "el1_32bit", "psci_0_2",
					     "pmu_v3",	       "sve",	    "ptrauth_address",
					     "ptrauth_generic" };
	size_t n = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < ARRAY_SIZE(names); i++)
		if (features & 1u << i && n < cap)
			n += (size_t)snprintf(buf + n, cap - n, " %s", names[i]);
	return buf;
}

static long vcpu_init(struct kvm_fake *f, const struct fake_thing *t,
		      const struct arm64_vcpu_init *init)
{
	struct fake_vcpu *v = &f->vm->vcpu[t->nr];
	char names[100];
	long r = fake_begin(f, "vcpu_init");

	if (!r && init->target != 5)
		r = -EINVAL;
	if (!r)
		r = check_features(f, init->features[0]);
	if (!r) {
		v->init = true;
		v->features = init->features[0];
		/* reset_mpidr() */
		reg_find(v, ARM64_REG_MPIDR_EL1)->value =
			(1ull << 31 | (t->nr & 0xf) | (t->nr >> 4 & 0xff) << 8) +
			f->host.mpidr_skew;
		reg_find(v, ARM64_REG_CLIDR_EL1)->value = f->host.clidr;
	}
	return fake_end(f, "vcpu_init", r, "%s target %u%s", t->name, init->target,
			feature_names(init->features[0], names, sizeof(names)));
}

static long one_reg(struct kvm_fake *f, const struct fake_thing *t, const struct kvm_one_reg *q,
		    bool set)
{
	const char *verb = set ? "set_reg" : "get_reg";
	struct fake_vcpu *v = &f->vm->vcpu[t->nr];
	uint64_t *user = (uint64_t *)(uintptr_t)q->addr;
	char name[32];
	long r = fake_begin(f, verb);

	if (!r && !v->init)
		r = -ENOEXEC;
	if (!r && set)
		reg_find(v, q->id)->value = *user;
	else if (!r)
		*user = reg_find(v, q->id)->value;
	return fake_end(f, verb, r, "%s %s = 0x%llx", t->name, reg_name(q->id, name, sizeof(name)),
			(unsigned long long)*user);
}

/* kvm_arm_pmu_v3_set_attr(), kvm_arm_pmu_v3_init() */
static int pmu_attr(struct kvm_fake *f, struct fake_vcpu *v, const struct kvm_device_attr *a)
{
	if (!(v->features & 1u << ARM64_PMU_V3))
		return -ENODEV;
	if (v->pmu_init)
		return -EBUSY;
	if (a->attr == ARM64_PMU_INIT) {
		if (!f->vm->gic_init)
			return -ENODEV;
		if (!v->pmu_irq)
			return -ENXIO;
		v->pmu_init = true;
		return 0;
	}
	uint32_t irq = *(uint32_t *)(uintptr_t)a->addr;
	for (uint32_t i = 0; i < f->vm->nr_vcpus; i++)
		if (f->vm->vcpu[i].pmu_irq && f->vm->vcpu[i].pmu_irq != irq)
			return -EINVAL; /* a PPI is the same for all */
	if (irq < 16 || irq > 31)
		return -EINVAL;
	v->pmu_irq = irq;
	return 0;
}

/* kvm_arm_pvtime_set_attr() */
static int pvtime_attr(struct kvm_fake *f, struct fake_vcpu *v, const struct kvm_device_attr *a)
{
	if (!f->host.steal_time)
		return -ENXIO;
	uint64_t gpa = *(uint64_t *)(uintptr_t)a->addr;
	if (gpa % STEAL_TIME_SIZE)
		return -EINVAL;
	if (v->steal)
		return -EEXIST;
	for (uint32_t i = 0; i < FAKE_MAX_SLOTS; i++) {
		const struct fake_slot *s = &f->vm->slot[i];

		if (s->len && gpa >= s->gpa && gpa - s->gpa < s->len) {
			v->steal = gpa;
			return 0;
		}
	}
	return -EINVAL;
}

static long vcpu_set_attr(struct kvm_fake *f, const struct fake_thing *t,
			  const struct kvm_device_attr *a)
{
	struct fake_vcpu *v = &f->vm->vcpu[t->nr];
	long r = fake_begin(f, "vcpu_attr");

	if (a->group == ARM64_PVTIME_CTRL) {
		r = r ? r : pvtime_attr(f, v, a);
		return fake_end(f, "vcpu_attr", r, "%s pvtime 0x%llx", t->name,
				*(unsigned long long *)(uintptr_t)a->addr);
	}
	if (a->group != ARM64_PMU_CTRL)
		return fake_end(f, "vcpu_attr", -ENXIO, "%s group %u", t->name, a->group);
	r = r ? r : pmu_attr(f, v, a);
	if (a->attr == ARM64_PMU_INIT)
		return fake_end(f, "vcpu_attr", r, "%s pmu init", t->name);
	return fake_end(f, "vcpu_attr", r, "%s pmu irq %u", t->name,
			*(uint32_t *)(uintptr_t)a->addr);
}

static long vcpu_has_attr(struct kvm_fake *f, const struct fake_thing *t,
			  const struct kvm_device_attr *a)
{
	long r = fake_begin(f, "has_attr");

	if (!r && (a->group != ARM64_PVTIME_CTRL || !f->host.steal_time))
		r = -ENXIO;
	return fake_end(f, "has_attr", r, "%s group %u attr %llu", t->name, a->group,
			(unsigned long long)a->attr);
}

static long stats_fd(struct kvm_fake *f, const struct fake_thing *t)
{
	char name[16];
	long r = fake_begin(f, "get_stats_fd");

	if (!r && !f->host.stats)
		r = -ENOTTY;
	snprintf(name, sizeof(name), "stats%u", t->nr);
	if (!r)
		r = fake_add(f, FAKE_STATS, t->nr, -1, name);
	return fake_end(f, "get_stats_fd", r, "%s", t->name);
}

static long run(struct kvm_fake *f, const struct fake_thing *t)
{
	uint32_t cpu = t->nr;
	struct kvm_run *page = NULL;

	for (uint32_t i = 0; i < f->nr_mappings; i++)
		if (f->mapping[i].live && f->mapping[i].use == FAKE_RUN &&
		    f->thing[f->mapping[i].thing].nr == cpu)
			page = (struct kvm_run *)(void *)f->mapping[i].at;
	if (!f->run || !page)
		return -ENOSYS;
	pthread_mutex_unlock(&f->lock); /* it may take as long as it likes, beside others */
	long r = f->run(f, cpu, page);
	pthread_mutex_lock(&f->lock);
	return r;
}

long fake_vcpu_ioctl(struct kvm_fake *f, struct fake_thing *t, unsigned long req, void *arg)
{
	switch (req) {
	case KVM_RUN:
		return run(f, t);
	case ARM64_VCPU_INIT:
		return vcpu_init(f, t, arg);
	case KVM_GET_ONE_REG:
		return one_reg(f, t, arg, false);
	case KVM_SET_ONE_REG:
		return one_reg(f, t, arg, true);
	case KVM_SET_DEVICE_ATTR:
		return vcpu_set_attr(f, t, arg);
	case KVM_HAS_DEVICE_ATTR:
		return vcpu_has_attr(f, t, arg);
	case ARM64_GET_STATS_FD:
		return stats_fd(f, t);
	default:
		return -ENOTTY;
	}
}

/* struct kvm_stats_desc with its name, which there is an array without a size. */
struct named_desc {
	uint32_t flags;
	int16_t exponent;
	uint16_t size;
	uint32_t offset, bucket_size;
	char name[16];
};
static_assert(offsetof(struct named_desc, name) == sizeof(struct kvm_stats_desc) &&
		      offsetof(struct named_desc, size) == offsetof(struct kvm_stats_desc, size) &&
		      offsetof(struct named_desc, offset) ==
			      offsetof(struct kvm_stats_desc, offset),
	      "as in linux/kvm.h");

/* A statistics file of two counters and a histogram; "exits" is 1000 and the number of the vCPU. */
ssize_t fake_stats(const struct kvm_fake *f, const struct fake_thing *t, void *buf, size_t n)
{
	struct {
		struct kvm_stats_header h;
		char id[8];
		struct named_desc desc[3];
		uint64_t data[4];
	} file = {
		.h = { .name_size = 16,
		       .num_desc = 3,
		       .id_offset = 24,
		       .desc_offset = 32,
		       .data_offset = 32 + 3 * 32 },
		.desc = { { .size = 1, .offset = 0, .name = "exits" },
			  { .size = 2, .offset = 8, .name = "a_histogram" },
			  { .size = 1, .offset = 24, .name = "signal_exits" } },
		.data = { 1000 + t->nr, 1, 2, 7 },
	};

	n = MIN(n, sizeof(file));
	memcpy(buf, &file, n);
	return (ssize_t)n;
}
