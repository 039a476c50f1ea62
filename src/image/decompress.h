/* SPDX-License-Identifier: GPL-2.0-only */
/* One door to the compression libraries: any stream by its magic, bounded output. */
#ifndef IMAGE_DECOMPRESS_H
#define IMAGE_DECOMPRESS_H

#include <stddef.h>

#include "base/buf.h"

struct err;

/* Appends the decompressed bytes of zstd, xz, lzma-alone, gzip, lz4 (frame or legacy) data to @out. */
int decompress(const void *data, size_t len, size_t max_out, struct buf *out, struct err *e);
/* "zstd", "xz", "gzip", "lz4", "lzma", "bzip2", or NULL if @data has none of these magics. */
const char *compression_name(const void *data, size_t len);

#endif
