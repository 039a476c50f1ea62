/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A KVM of arm64 that is none, for tests on every host. It does what the real one does until a vCPU
 * runs, refuses what that refuses, writes down every call in order, fails the call it is told to
 * fail, and notices what must not be: a thing released twice or never, or guest memory that goes
 * before the last reference to the VM. Memory, eventfds and files are real ones; descriptors of KVM are numbers.
 * Any thread may call it.
 */
#ifndef KVM_FAKE_H
#define KVM_FAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "kvm/calls.h"

struct kvm_run;

/* What its host is like; to be changed before the first call. */
struct fake_host {
	bool immediate_exit, pmu, ptrauth_address, ptrauth_generic, steal_time, stats;
	uint32_t ipa_bits; /* 0: a kernel that cannot say */
	uint32_t max_vcpus;
	uint32_t mpidr_skew; /* added to every MPIDR */
	uint64_t clidr;
	uint64_t free_huge_pages;
	const char *thp, *thp_files; /* the kernel's settings of transparent huge pages */
	const char *cache[8][2]; /* level and type of each index of a CPU's sysfs; ends at NULL */
};

/* @times calls of @verb (its name in the trace) fail with @code, after the first @after of them. */
struct fake_fault {
	const char *verb;
	uint32_t after, times;
	int code; /* positive errno */
};

struct fake_thing;
struct fake_mapping;

struct kvm_fake {
	struct kvm_calls calls; /* what is to be tested takes this */
	struct fake_host host;
	struct fake_fault fault;
	int fail_at; /* the call to fail, from 0, of those that can; -1: none */
	int fail_code;
	const char *failed; /* verb of what failed that way */
	uint32_t nr_calls;  /* so far, of those that can fail */
	uint64_t slept_ns;
	struct buf trace; /* a line per call */
	char broken[160]; /* the first rule that was broken, or "" */
	/* KVM_RUN; without it -ENOSYS. Any number of threads at once. */
	long (*run)(struct kvm_fake *f, uint32_t cpu, struct kvm_run *run);
	void *run_ctx;

	/* the rest is the fake's own */
	pthread_mutex_t lock;
	struct fake_thing *thing;
	uint32_t nr_things;
	struct fake_mapping *mapping;
	uint32_t nr_mappings;
	struct fake_vm *vm;
};

struct kvm_fake *kvm_fake_create(void);
/* Releases also what was leaked. */
void kvm_fake_destroy(struct kvm_fake *f);
DEFINE_SCOPED(struct kvm_fake *, kvm_fake_destroy)

/* What of it is still open or mapped, or "" */
const char *kvm_fake_leak(struct kvm_fake *f, char *buf, size_t cap);
/* The trace as text; valid until the next call. */
const char *kvm_fake_trace(struct kvm_fake *f);
/* Where in the trace line @nth that begins with @begin is, from 1; 0: there is none. */
uint32_t kvm_fake_line(struct kvm_fake *f, const char *begin, uint32_t nth);
/* How many lines begin with it. */
uint32_t kvm_fake_count(struct kvm_fake *f, const char *begin);

#endif
