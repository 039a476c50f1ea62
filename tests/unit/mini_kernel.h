/* SPDX-License-Identifier: GPL-2.0-only */
/* Small kernels in every format, with a version in them and nothing to run. */
#ifndef UNIT_MINI_KERNEL_H
#define UNIT_MINI_KERNEL_H

#include <stdint.h>

#include "base/buf.h"

#define MINI_VERSION "7.3.4+deb13-cloud"
#define MINI_PVH_ENTRY 0x1000160
#define MINI_BZIMAGE_SETUP 1024 /* bytes before the protected-mode part */

/* Each appends a file. */
void mini_vmlinux(struct buf *out, uint16_t machine);
void mini_bzimage(struct buf *out, const void *payload, size_t len, uint32_t unpacked_len);
void mini_image(struct buf *out);
void mini_zboot(struct buf *out, const void *payload, size_t len);
/* A bzImage with the x86 kernel in it, by a format of squeezes[]. */
void mini_bzimage_of(struct buf *out, const char *compression);

#endif
