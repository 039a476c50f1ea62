/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CLIDR_EL1, the register that says which levels of cache a CPU has. Linux wants it and the device tree to
 * agree on the number of caches, or it shows none; KVM's own value is one unified level.
 */
#ifndef ARCH_ARM64_CLIDR_H
#define ARCH_ARM64_CLIDR_H

#include <stdbool.h>
#include <stdint.h>

#define CLIDR_LEVELS 7

enum clidr_type { /* the architecture's numbers */
		  CLIDR_NONE,
		  CLIDR_INSTRUCTION,
		  CLIDR_DATA,
		  CLIDR_SEPARATE,
		  CLIDR_UNIFIED,
};

/* Type of each level, from the first one on; ends at the first CLIDR_NONE. */
struct clidr_types {
	uint8_t level[CLIDR_LEVELS];
};

/* What our device tree describes: L1 of data and of instructions, L2 and L3 unified. */
extern const struct clidr_types clidr_declared;

/* One index directory of a CPU's sysfs: "level" and "type" as they are written there. */
void clidr_add(struct clidr_types *t, const char *level, const char *type);
/* @old with the levels of @t and the level of coherence that goes with them; all else kept. */
uint64_t clidr_merge(uint64_t old, const struct clidr_types *t);

#endif
