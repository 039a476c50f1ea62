/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the halves of the fake: fake.c keeps the books, the others are KVM. */
#ifndef KVM_FAKE_PARTS_H
#define KVM_FAKE_PARTS_H

#include "kvm/fake.h"

enum fake_kind {
	FAKE_KVM,
	FAKE_VM,
	FAKE_VCPU,
	FAKE_GIC,
	FAKE_STATS,
	FAKE_MEMFD,
	FAKE_EVENTFD,
	FAKE_FILE,
};

struct fake_thing {
	enum fake_kind kind;
	int fd;
	uint32_t nr; /* of the vCPU */
	bool open;
	char name[16];
};

enum fake_use {
	FAKE_RESERVED,
	FAKE_RAM, /* in a reservation, and goes with it */
	FAKE_OVERLAY,
	FAKE_RUN,
	FAKE_PLAIN,
};

struct fake_mapping {
	uint8_t *at;
	size_t n;
	enum fake_use use;
	bool live;
	uint32_t thing; /* index of what is mapped, if anything is */
};

/* What KVM has in mind of its VM. */
#define FAKE_MAX_VCPUS 512
#define FAKE_MAX_SLOTS 64
#define FAKE_MAX_REGS 64

struct fake_reg {
	uint64_t id, value;
};

struct fake_vcpu {
	bool init, pmu_init;
	uint32_t features, pmu_irq;
	uint64_t steal;
	struct fake_reg reg[FAKE_MAX_REGS];
	uint32_t nr_regs;
};

struct fake_slot {
	uint64_t gpa, len;
	const uint8_t *host;
};

struct fake_vm {
	uint32_t ipa_bits, nr_vcpus, nr_routes;
	struct fake_slot slot[FAKE_MAX_SLOTS];
	bool gic, gic_init;
	uint32_t nr_irqs;
	uint64_t dist, redist;
	struct fake_vcpu vcpu[FAKE_MAX_VCPUS];
};

/* A call by that name begins: 0, or the negative errno it is to fail with. The lock is held. */
int fake_begin(struct kvm_fake *f, const char *verb);
/* Writes the line "<verb> <text>", and what came of it. Returns @r. */
long fake_end(struct kvm_fake *f, const char *verb, long r, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void fake_break(struct kvm_fake *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* NULL: no such descriptor is open. */
struct fake_thing *fake_find(struct kvm_fake *f, int fd);
/* A new one; @fd < 0: with a number of its own. */
int fake_add(struct kvm_fake *f, enum fake_kind kind, uint32_t nr, int fd, const char *name);
/* Whether something KVM may still look at memory through is left. */
bool fake_vm_lives(const struct kvm_fake *f);
/* "ram+0x200000" for addresses we gave away. */
const char *fake_where(const struct kvm_fake *f, const void *p, char *buf, size_t cap);

/* fake_arm64.c, fake_vcpu.c */
long fake_ioctl(struct kvm_fake *f, struct fake_thing *t, unsigned long req, void *arg);
long fake_vcpu_ioctl(struct kvm_fake *f, struct fake_thing *t, unsigned long req, void *arg);
bool fake_is_slot(const struct kvm_fake *f, const uint8_t *at, size_t n);
ssize_t fake_stats(const struct kvm_fake *f, const struct fake_thing *t, void *buf, size_t n);
void fake_vm_free(struct kvm_fake *f);

#endif
