/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who runs where, between all machines of one user on this host: advisory locks on files of the
 * runtime directory, one per last-level cache and one for the queue. What is held is known by the
 * kernel alone, so a process that dies holds nothing. First come, first served, small or large.
 */
#ifndef VM_RESERVE_H
#define VM_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock_wait.h"
#include "vm/pin.h"

struct err;

struct reserve_request {
	struct pin_request pin; /* ->load is found out */
	const char *dir;	/* NULL = reserve_dir() */
	const char *run;	/* what others are told it is for */
	uint64_t wait_ns;	/* at most, in all */
	struct patience patience;
};

/* Zeroed is empty. */
struct reservation {
	int *fd; /* of the locked files */
	uint32_t nr;
	uint64_t waited_ns;
};

/*
 * Plans with what others left and holds it: all of it or nothing. -EBUSY (ERR_CONTENTION): others
 * still had it when the time was over, @e names them. Else as pin_plan_make(), or a directory that
 * will not do. One thread, before the process has more.
 */
int reserve_take(const struct reserve_request *r, struct pin_plan *plan, struct reservation *ret,
		 struct err *e);
/* NULL-safe for zeroed ones; unlocks, then closes. */
void reserve_release(struct reservation *r);
static inline void reserve_release_scoped(struct reservation *r)
{
	reserve_release(r);
}

/*
 * Opens (and makes) the directory: $XDG_RUNTIME_DIR/ktstr if that is ours, else /tmp/ktstr-UID. A
 * descriptor or a negative errno: not ours, open to others, on a remote file system.
 */
int reserve_open_dir(const char *dir, struct err *e);

#endif
