/* SPDX-License-Identifier: GPL-2.0-only */
/* Files into guest memory. */
#ifndef VM_KVM_LOAD_H
#define VM_KVM_LOAD_H

#include <stdint.h>

struct gmem;

/*
 * The first @len bytes of @fd to @gpa, by as many threads as there are CPUs to run them, up to four: a
 * kernel is 40 MB, and each of its pages is also cleared by the host before it is written. 0, -EFAULT
 * where guest memory has a hole, else what reading said; then part of it may be there.
 */
int load_file(const struct gmem *mem, uint64_t gpa, int fd, uint64_t len);

#endif
