/* SPDX-License-Identifier: GPL-2.0-only */
/* What processes and threads of a VM use, from /proc; cheap enough to be read often. */
#ifndef VM_USAGE_H
#define VM_USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct vm_vcpu_time;

/* *@fd: -1 at first; stays open for the next time. -ESRCH, -ENOENT: the thread is gone. */
int usage_of_thread(pid_t pid, pid_t tid, int *fd, struct vm_vcpu_time *ret);
/* Bytes in memory that are private or mapped from files. */
int usage_of_memory(pid_t pid, uint64_t *ret);

#endif
