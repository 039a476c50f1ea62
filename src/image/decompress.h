/* SPDX-License-Identifier: GPL-2.0-only */
/* One door to the compression libraries: any stream by its magic, bounded output. */
#ifndef IMAGE_DECOMPRESS_H
#define IMAGE_DECOMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct err;

/*
 * Appends the decompressed bytes of zstd, xz, lzma-alone, gzip, lz4 (frame or legacy) data to @out.
 * All of @data must be used. -EFBIG: more than @max_out; -EBADMSG: damaged; -ENODATA: truncated;
 * -EPROTONOSUPPORT: a known format that is not supported; -EINVAL: no known format. @out is as it
 * was then.
 */
int decompress(const void *data, size_t len, size_t max_out, struct buf *out, struct err *e);
/* The same when the length of the output is known: faster, and any other length is -EBADMSG. */
int decompress_exact(const void *data, size_t len, size_t out_len, struct buf *out, struct err *e);
/* "zstd", "xz", "gzip", "lz4", "lzma", "bzip2", "lzo", or NULL if @data has none of these magics. */
const char *compression_name(const void *data, size_t len);

/* CRC-64 of xz, 0 to start; against accidents, not against intent. */
uint64_t checksum64(uint64_t running, const void *data, size_t len);

#endif
