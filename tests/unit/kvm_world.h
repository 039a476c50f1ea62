/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_KVM_WORLD_H
#define TESTS_KVM_WORLD_H

#include "unit.h"

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kvm/fake.h"
#include "vm/kvm/kvm.h"

#define CPUS 8
#define UART board_at(&board_kvm_arm64, PART_UART_16550, 0)
#define NOWHERE 0x1000
#define LONG_NS 20000000000ull /* a deadline that only a hang reaches */

/* One return from KVM_RUN. */
struct step {
	uint32_t exit;
	int error;
	uint64_t gpa;
	uint32_t len;
	bool is_write;
	uint32_t value; /* written; or of a system event, a suberror */
};

struct guest_cpu {
	const struct step *step;
	size_t nr;
	size_t at;
	bool reading; /* the last exit was a read that it does not have the result of */
	uint64_t got; /* the result */
};

/* Guests run their steps and then compute for ever, until they are kicked. */
struct world {
	struct kvm_fake *fake;
	struct vm *vm;
	struct guest_cpu cpu[CPUS];
	sem_t busy;    /* posted whenever a vCPU begins to compute */
	int computing; /* vCPUs that do */
	int kernel;    /* descriptor */
	char kernel_path[40];
};

int world_set_up(void **state);
int world_tear_down(void **state);
#define VM_TEST(name) TEST_WITH(name, world_set_up, world_tear_down)

struct vm_config world_config(const struct world *w, uint32_t cpus);
void world_create(struct world *w, uint32_t cpus);
void world_start(struct world *w, uint32_t cpus);
/* Until a vCPU has begun to compute, as often as that. */
void world_await_busy(struct world *w, uint32_t times);
struct vm_event world_next(struct world *w);
struct vm_stop world_stopped(struct world *w);

#endif
