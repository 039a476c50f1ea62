/* SPDX-License-Identifier: GPL-2.0-only */
/* Lock files: opened with care, locked by ranges with a deadline, signed by who holds them. */
#ifndef VM_RESERVE_FILE_H
#define VM_RESERVE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock_wait.h"
#include "vm/pin.h"

struct buf;
struct err;

/* A regular file of ours in @dir, made if need be. A descriptor, or a negative errno. */
int lock_file_open(int dir, const char *name, struct err *e);

/*
 * @type is F_RDLCK, F_WRLCK or F_UNLCK; @len 0 = to the end. The lock is the open file's: forks share
 * it, and it ends with the last of them. 0, -EBUSY or another negative errno.
 */
int lock_range(int fd, short type, uint64_t at, uint64_t len);

/* The same, waiting: -EBUSY at the deadline, -EINTR when cancelled. */
int lock_range_wait(int fd, short type, uint64_t at, uint64_t len, struct lock_wait *w);

/* Writes who holds it, for as long as it is held. Without room for it nobody is told. */
void lock_file_sign(int fd, uint32_t cpus, const char *run);
/* What others hold at the moment, and (unless @who is NULL) their names, separated by commas. */
void lock_file_survey(int fd, struct pin_load *ret, struct buf *who);

#endif
