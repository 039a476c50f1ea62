/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest memory as the host sees it, by guest-physical address: there is no other convention. */
#ifndef MACHINE_GMEM_H
#define MACHINE_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine/topology.h"

#define GMEM_MAX_REGIONS (TOPO_MAX_NODES + 1)

struct gmem_region {
	uint64_t gpa, len;
	uint8_t *host; /* borrowed from whoever mapped it */
	uint32_t node;
};

/* Regions do not overlap; in any order. Regions side by side for the guest need not be for us. */
struct gmem {
	struct gmem_region region[GMEM_MAX_REGIONS];
	uint32_t nr;
};

/* NULL unless one region holds all of it; a length of 0 is nowhere. For one function's use only. */
void *gmem_at(const struct gmem *m, uint64_t gpa, uint64_t len);
/* At most @n bytes at @gpa that are one piece for us too; NULL and 0 where there is no RAM. */
void *gmem_piece(const struct gmem *m, uint64_t gpa, size_t n, size_t *ret_n);
/*
 * Copies; may cross from one region into the next. False: not all of it is RAM, and *to or the
 * guest's memory is as it was.
 */
bool gmem_read(const struct gmem *m, uint64_t gpa, void *to, size_t n);
bool gmem_write(const struct gmem *m, uint64_t gpa, const void *from, size_t n);

#endif
