/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How short of something this process is, for the sentence of a failure that is put down to it: a leak of
 * our own looks just like a busy host, and must not hide behind a skip.
 */
#ifndef VM_PRESSURE_H
#define VM_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

struct err;

struct pressure {
	uint64_t fds, fd_limit;	    /* UINT64_MAX: no limit */
	uint64_t tasks, task_limit; /* of this user: processes and their threads */
	uint64_t rss_bytes;
	uint32_t threads; /* of this process */
};

void pressure_read(struct pressure *ret);
/* At 90 % of a limit or beyond. */
bool pressure_is_near(const struct pressure *p);
/*
 * Adds to what @e says, if it is ERR_CONTENTION, what @p is. With @no_excuse it becomes ERR_HARD unless
 * a limit is near.
 */
void pressure_judge(struct err *e, const struct pressure *p, bool no_excuse);
/* The same with what is now, and KTSTR_CONTENTION_BYPASS=1 for @no_excuse. @e may be NULL. */
void pressure_tell(struct err *e);

#endif
