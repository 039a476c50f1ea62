/* SPDX-License-Identifier: GPL-2.0-only */
/* Which device answers at which guest address, and the one lock that all devices of a VM have. */
#ifndef VM_KVM_BUS_H
#define VM_KVM_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define BUS_MAX_WINDOWS 16

/* Registers of a device; @off and @len (1, 2, 4 or 8) lie inside its window. Called with the lock held. */
struct bus_device {
	uint64_t (*read)(void *device, uint64_t off, unsigned int len);
	void (*write)(void *device, uint64_t off, uint64_t value, unsigned int len);
};

struct bus_window {
	uint64_t gpa, len;
	const struct bus_device *ops;
	void *device; /* borrowed from the VM */
};

struct bus {
	pthread_mutex_t
		lock; /* of every device: vCPU threads access registers, the loop does the rest */
	struct bus_window window[BUS_MAX_WINDOWS];
	uint32_t nr;
	/* Accesses that no device answers; the guest reads ones and its writes are lost. Under the lock. */
	uint64_t stray_reads, stray_writes;
};

void bus_init(struct bus *b);
void bus_fini(struct bus *b);
/* False: no room. Only before any vCPU runs. */
bool bus_add(struct bus *b, const struct bus_window *w);
/* One access of a guest: @data has @len bytes, little-endian. */
void bus_access(struct bus *b, uint64_t gpa, uint8_t *data, uint32_t len, bool is_write);

#endif
