/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole-file locks that tell who is in the way and that never outlive their holder. */
#ifndef CATALOG_LOCK_H
#define CATALOG_LOCK_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct patience;

/*
 * @op is LOCK_SH or LOCK_EX. Waits up to @wait_ns (0: not at all), as @how says (NULL: in silence). *ret
 * is a descriptor above 2 whose closing unlocks. -EBUSY: @e names @what and who holds it.
 */
int lock_take(const char *path, int op, uint64_t wait_ns, const char *what,
	      const struct patience *how, int *ret, struct err *e);
/* "pid 12 (ktstr test ...)", for a lock that could not be had. */
void lock_holders(int fd, char *buf, size_t cap);

#endif
