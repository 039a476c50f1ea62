/* SPDX-License-Identifier: GPL-2.0-only */
/* The tiny guest that finds out what a /dev/kvm is worth. Internal. */
#ifndef VM_PROBE_KVM_H
#define VM_PROBE_KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvm_run;

enum kvm_trial_step {
	KVM_TRIAL_OPEN,
	KVM_TRIAL_VERSION,
	KVM_TRIAL_CREATE_VM,
	KVM_TRIAL_MEMORY,
	KVM_TRIAL_CREATE_VCPU,
	KVM_TRIAL_REGISTERS,
	KVM_TRIAL_RUN,	/* errno of KVM_RUN */
	KVM_TRIAL_EXIT, /* an exit other than the one that says "done" */
	KVM_TRIAL_SUMS, /* done, but the instructions gave wrong results */
	KVM_TRIAL_DONE,
};

/* What the child that runs the trial sends back: plain numbers. */
struct kvm_trial {
	uint32_t step;
	int32_t error;	   /* errno, 0 = none */
	uint32_t exit;	   /* KVM_EXIT_* */
	uint32_t suberror; /* of KVM_EXIT_INTERNAL_ERROR, reason of KVM_EXIT_FAIL_ENTRY */
	int32_t version;   /* of the API */
	uint32_t faulted;  /* the exit is the guest's own way to say that it took an exception */
	uint64_t reached;  /* how far the guest came: the last mark it set */
};

/* Runs the host's guest on an open /dev/kvm. Between fork and _exit(): nothing but system calls. */
void kvm_trial_run(int kvm, struct kvm_trial *ret);
/* What the guest was doing at mark @reached, as in "... at its first <text>". */
const char *kvm_trial_mark(uint64_t reached);

/* Where things are in the guest's memory. */
#define TRIAL_MEM_SIZE 0x10000
#define TRIAL_SUMS 0x5000 /* what it leaves behind: first its mark (8 bytes), then its results */
#define TRIAL_CODE 0x8000

struct trial {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	uint8_t *mem;
};

/*
 * The guest of one host: probe_kvm_<arch>.c, chosen in meson.build. The functions that return int
 * return a descriptor or 0, -1 with errno.
 */
struct trial_guest {
	uint64_t mem_base; /* guest physical */
	const char *code, *code_end;
	const char *const *marks; /* what the guest is about to do when it has set that mark */
	size_t nr_marks;
	int (*create_vm)(int kvm);
	void (*fill_memory)(uint8_t *mem); /* all but the code */
	int (*set_registers)(const struct trial *t);
	bool (*says_done)(const struct kvm_run *run);
	bool (*says_fault)(const struct kvm_run *run); /* NULL: an exception is a triple fault */
	bool (*sums_are_right)(const uint8_t *sums);
};
extern const struct trial_guest trial_guest;

#endif
