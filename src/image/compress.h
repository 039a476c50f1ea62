/* SPDX-License-Identifier: GPL-2.0-only */
/* The other direction of decompress.h, for files of our own. */
#ifndef IMAGE_COMPRESS_H
#define IMAGE_COMPRESS_H

#include <stddef.h>

#include "base/buf.h"

/* Appends @data as one zstd frame with its size and a checksum. 0 or -ENOMEM. */
int compress_zstd(const void *data, size_t len, struct buf *out);

#endif
