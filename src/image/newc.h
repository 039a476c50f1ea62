/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpio "newc" archives for the kernel's initramfs unpacker: uncompressed, file data page-aligned
 * (the file name is padded with NULs), deterministic (no times, no ids, no inode numbers: nothing is
 * hard-linked).
 */
#ifndef IMAGE_NEWC_H
#define IMAGE_NEWC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

#define NEWC_PAGE 4096
#define NEWC_PATH_MAX 1024	 /* longer paths make @out bad with -ENAMETOOLONG */
#define NEWC_FILE_MAX UINT32_MAX /* larger files: -EFBIG */

/* Each appends one entry; parent directories are the caller's to add first. */
void newc_file(struct buf *out, const char *path, mode_t mode, const void *data, size_t len);
void newc_dir(struct buf *out, const char *path, mode_t mode);
void newc_symlink(struct buf *out, const char *path, const char *target);
void newc_device(struct buf *out, const char *path, mode_t mode, uint32_t major, uint32_t minor);
/* Ends one archive (several may follow each other) and pads to NEWC_PAGE. */
void newc_end(struct buf *out);

/*
 * newc_file() in pieces, for data that is written elsewhere: all up to the first byte of data, which
 * is then followed by newc_pad(len) zero bytes. @out may have lost whole pages from its front.
 */
void newc_file_head(struct buf *out, const char *path, mode_t mode, uint64_t len);
size_t newc_pad(uint64_t len);

#endif
