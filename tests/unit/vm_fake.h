/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM whose emulator is fake_qemu.c, and what it says, gathered. */
#ifndef UNIT_VM_FAKE_H
#define UNIT_VM_FAKE_H

#include "unit.h"

#include "base/buf.h"
#include "vm/vm.h"

struct fake {
	struct vm_config cfg;
	const struct vm_backend *backend;
	struct vm *vm;
	int initrd;
	struct buf bytes[VM_EVENT_STOPPED]; /* by kind of event */
	char order[64];			    /* one letter per event, repeated ones once */
	struct vm_stop stop;
	uint32_t cpu; /* of the last VM_EVENT_FROZEN */
};

/* A machine of 2 CPUs and 64 MiB that acts out @script. */
void fake_init(struct fake *f, const char *script);
void fake_fini(struct fake *f);
void fake_start(struct fake *f); /* create and start, both must work */
/* Events until @kind comes; fails the test after 20 s. */
void fake_until(struct fake *f, enum vm_event_kind kind);
/* fake_start() and everything up to the end. */
void fake_run(struct fake *f, const char *script);
/* Sends and must not fail. */
void fake_send(struct fake *f, const void *data, size_t n);

int open_fds(void); /* how many descriptors this process has */
/* cmocka fixtures: nothing may stay open, no child may stay alive. */
int fake_setup(void **state);
int fake_teardown(void **state);

#endif
