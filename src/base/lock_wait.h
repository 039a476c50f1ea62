/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Waiting for a file lock with a deadline, which no system call offers. */
#ifndef BASE_LOCK_WAIT_H
#define BASE_LOCK_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* To pass a queue of processes that all get what they want takes less. */
#define LOCK_WAIT_TELL_NS 500000000ull

/* How to wait for what others hold. Zeroed: in silence, and nothing ends it early. Borrows. */
struct patience {
	const int *cancel_fds; /* one readable: give up (-EINTR); -1 ends them, NULL = none */
	/* Called once if it takes LOCK_WAIT_TELL_NS: "host CPUs, held by ...". May be NULL. */
	void (*on_wait)(void *ctx, const char *what);
	void *ctx;
	/* What only siblings hold, processes of one parent with this one, is no news. */
	bool strangers_only;
};

struct lock_wait {
	uint64_t deadline_ns;  /* CLOCK_MONOTONIC */
	const int *cancel_fds; /* as in struct patience */
	uint64_t since_ns;     /* the first wait began; 0 = not yet */
	bool told;
	void (*on_wait)(void *ctx); /* once, when it takes LOCK_WAIT_TELL_NS; may be NULL */
	void *ctx;
};

/*
 * @take(@what) blocks until it has the lock and returns 0 or a negative errno. It is called in a child:
 * the lock has to be the open file's, which both share, and not the process's. Returns what it did,
 * -EBUSY at the deadline, -EINTR when cancelled; the lock may have been taken just before these two.
 */
int lock_wait(struct lock_wait *w, int (*take)(const void *what), const void *what);

#endif
