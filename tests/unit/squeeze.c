/* SPDX-License-Identifier: GPL-2.0-only */
#include "squeeze.h"

#include <assert.h>
#include <string.h>

#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#define SPARE 65536

static char *room(struct buf *out, size_t len, size_t *ret_cap)
{
	*ret_cap = len + len / 2 + SPARE;
	char *at = buf_room(out, *ret_cap);
	assert(at);
	return at;
}

static void put_gzip(struct buf *out, const void *data, size_t len)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len };
	size_t cap;

	z.next_out = (Bytef *)room(out, len, &cap);
	z.avail_out = (uInt)cap;
	assert(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	assert(deflate(&z, Z_FINISH) == Z_STREAM_END);
	buf_wrote(out, z.total_out);
	deflateEnd(&z);
}

static void put_zstd(struct buf *out, const void *data, size_t len)
{
	size_t cap;
	char *at = room(out, len, &cap);
	size_t n = ZSTD_compress(at, cap, data, len, 3);

	assert(!ZSTD_isError(n));
	buf_wrote(out, n);
}

/* As kernels are made: the frame does not say how long its contents are. */
static void put_zstd_pipe(struct buf *out, const void *data, size_t len)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	ZSTD_inBuffer in = { data, len, 0 };
	ZSTD_outBuffer to = { 0 };

	to.dst = room(out, len, &to.size);
	ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
	assert(ZSTD_compressStream2(z, &to, &in, ZSTD_e_end) == 0);
	buf_wrote(out, to.pos);
	ZSTD_freeCCtx(z);
}

static void put_xz(struct buf *out, const void *data, size_t len)
{
	size_t cap, n = 0;
	uint8_t *at = (uint8_t *)room(out, len, &cap);

	assert(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, data, len, at, &n, cap) ==
	       LZMA_OK);
	buf_wrote(out, n);
}

static void put_lzma(struct buf *out, const void *data, size_t len)
{
	lzma_stream l = LZMA_STREAM_INIT;
	lzma_options_lzma o;
	size_t cap;

	lzma_lzma_preset(&o, 1);
	assert(lzma_alone_encoder(&l, &o) == LZMA_OK);
	l.next_in = data;
	l.avail_in = len;
	l.next_out = (uint8_t *)room(out, len, &cap);
	l.avail_out = cap;
	assert(lzma_code(&l, LZMA_FINISH) == LZMA_STREAM_END);
	buf_wrote(out, l.total_out);
	lzma_end(&l);
}

static void put_lz4(struct buf *out, const void *data, size_t len)
{
	size_t cap;
	char *at = room(out, len, &cap);
	size_t n = LZ4F_compressFrame(at, cap, data, len, NULL);

	assert(!LZ4F_isError(n));
	buf_wrote(out, n);
}

static void put_lz4_legacy(struct buf *out, const void *data, size_t len)
{
	buf_put(out, "\x02\x21\x4c\x18", 4);
	for (size_t done = 0; done < len;) {
		size_t n = len - done < (8u << 20) ? len - done : 8u << 20, cap;
		char *at = room(out, n, &cap);
		uint32_t put = (uint32_t)LZ4_compress_default((const char *)data + done, at + 4,
							      (int)n, (int)cap - 4);

		assert(put);
		memcpy(at, &put, 4);
		buf_wrote(out, put + 4);
		done += n;
	}
}

const struct squeeze squeezes[] = {
	{ "gzip", put_gzip }, { "zstd", put_zstd }, { "zstd", put_zstd_pipe }, { "xz", put_xz },
	{ "lzma", put_lzma }, { "lz4", put_lz4 },   { "lz4", put_lz4_legacy }, { NULL, NULL },
};

const struct squeeze *squeeze_named(const char *name)
{
	for (const struct squeeze *s = squeezes; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}
