/* SPDX-License-Identifier: GPL-2.0-only */
/* A table of formats; each decoder appends to a sink that enforces the bound. */
#include "image/decompress.h"

#include <errno.h>
#include <string.h>

#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "base/err.h"
#include "base/scoped.h"
#include "image/bytes.h"

#define LZ4_LEGACY_MAGIC 0x184c2102u
#define LZ4_LEGACY_BLOCK (8u << 20)
#define LZMA_MEMORY_LIMIT (256u << 20) /* dictionaries of kernels are at most 128 MiB */
#define FIRST_STEP (64u << 10)

struct stream {
	const uint8_t *in;
	size_t in_len;
	size_t expect; /* length of the output if known, else 0 */
	size_t max;    /* bytes that may be added to @out */
	size_t base;   /* length of @out at the start */
	struct buf *out;
};

static size_t added(const struct stream *s)
{
	return s->out->len - s->base;
}

/*
 * Space for the next piece of output, at least one byte unless the bound is reached: *ret_n is 0
 * then. Grows with what is there already, so that a small stream never takes large memory.
 */
static char *next_room(struct stream *s, size_t *ret_n)
{
	size_t left = s->max - added(s);
	size_t want = s->expect ? s->expect - MIN(added(s), s->expect) : added(s) + FIRST_STEP;

	*ret_n = MIN(left, MAX(want, (size_t)1));
	return buf_room(s->out, *ret_n);
}

static int inflate_all(struct stream *s, z_stream *z)
{
	for (;;) {
		size_t n;
		char *at = next_room(s, &n);

		if (!at)
			return s->out->bad;
		z->next_out = (Bytef *)at;
		z->avail_out = (uInt)MIN(n, UINT32_MAX);
		n = z->avail_out;
		int r = inflate(z, Z_NO_FLUSH);
		buf_wrote(s->out, n - z->avail_out);
		if (r == Z_STREAM_END && z->avail_in) {
			if (inflateReset(z) != Z_OK) /* the next member */
				return -EBADMSG;
		} else if (r == Z_STREAM_END) {
			return 0;
		} else if (r == Z_BUF_ERROR) {
			return z->avail_in ? -EFBIG : -ENODATA;
		} else if (r != Z_OK) {
			return r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
		}
	}
}

static int decode_gzip(struct stream *s)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)s->in, .avail_in = (uInt)s->in_len };

	if (s->in_len > UINT32_MAX)
		return -EMSGSIZE;
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	int r = inflate_all(s, &z);
	inflateEnd(&z);
	return r;
}

static int lzma_error(lzma_ret r)
{
	switch (r) {
	case LZMA_MEM_ERROR:
		return -ENOMEM;
	case LZMA_MEMLIMIT_ERROR:
		return -EMSGSIZE;
	default:
		return -EBADMSG;
	}
}

static int lzma_all(struct stream *s, lzma_stream *l)
{
	for (;;) {
		size_t n;
		char *at = next_room(s, &n);

		if (!at)
			return s->out->bad;
		l->next_out = (uint8_t *)at;
		l->avail_out = n;
		lzma_ret r = lzma_code(l, LZMA_FINISH);
		buf_wrote(s->out, n - l->avail_out);
		if (r == LZMA_STREAM_END)
			return l->avail_in ? -EBADMSG : 0;
		if (r == LZMA_BUF_ERROR) /* no progress in two calls */
			return l->avail_in ? -EFBIG : -ENODATA;
		if (r != LZMA_OK)
			return lzma_error(r);
	}
}

static int decode_lzma_with(struct stream *s, lzma_stream *l, lzma_ret ready)
{
	l->next_in = s->in;
	l->avail_in = s->in_len;
	int r = ready == LZMA_OK ? lzma_all(s, l) : lzma_error(ready);
	lzma_end(l);
	return r;
}

static int decode_xz(struct stream *s)
{
	lzma_stream l = LZMA_STREAM_INIT;

	return decode_lzma_with(s, &l,
				lzma_stream_decoder(&l, LZMA_MEMORY_LIMIT, LZMA_CONCATENATED));
}

static int decode_lzma(struct stream *s)
{
	lzma_stream l = LZMA_STREAM_INIT;

	return decode_lzma_with(s, &l, lzma_alone_decoder(&l, LZMA_MEMORY_LIMIT));
}

DEFINE_SCOPED(ZSTD_DCtx *, ZSTD_freeDCtx)

/* One frame whose size is known goes straight to its place, without a window of its own. */
static int zstd_whole(struct stream *s, ZSTD_DCtx *z, size_t size)
{
	char *at = buf_room(s->out, size);

	if (!at)
		return s->out->bad;
	size_t n = ZSTD_decompressDCtx(z, at, size, s->in, s->in_len);
	if (ZSTD_isError(n))
		return -EBADMSG;
	buf_wrote(s->out, n);
	return 0;
}

static int zstd_pieces(struct stream *s, ZSTD_DCtx *z)
{
	ZSTD_inBuffer in = { s->in, s->in_len, 0 };
	size_t more = 1;

	for (;;) {
		ZSTD_outBuffer to = { 0 };

		to.dst = next_room(s, &to.size);
		if (!to.dst)
			return s->out->bad;
		size_t before = in.pos;
		size_t r = ZSTD_decompressStream(z, &to, &in);
		if (ZSTD_isError(r))
			return -EBADMSG;
		buf_wrote(s->out, to.pos);
		more = r;
		if (in.pos == in.size && (!more || to.pos < to.size))
			return more ? -ENODATA : 0;
		if (in.pos == before && !to.pos)
			return added(s) == s->max ? -EFBIG : -EBADMSG;
	}
}

static int decode_zstd(struct stream *s)
{
	SCOPED(ZSTD_freeDCtx) ZSTD_DCtx *z = ZSTD_createDCtx();
	size_t frame = ZSTD_findFrameCompressedSize(s->in, s->in_len);
	unsigned long long size = ZSTD_getFrameContentSize(s->in, s->in_len);

	if (!z)
		return -ENOMEM;
	if (size == ZSTD_CONTENTSIZE_UNKNOWN)
		size = s->expect;
	if (frame != s->in_len || size == ZSTD_CONTENTSIZE_ERROR || !size)
		return zstd_pieces(s, z);
	return size > s->max ? -EFBIG : zstd_whole(s, z, (size_t)size);
}

DEFINE_SCOPED(LZ4F_dctx *, LZ4F_freeDecompressionContext)

static int decode_lz4_frame(struct stream *s)
{
	SCOPED(LZ4F_freeDecompressionContext) LZ4F_dctx *z = NULL;
	size_t used = 0, more = 1;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&z, LZ4F_VERSION)))
		return -ENOMEM;
	for (;;) {
		size_t room, in = s->in_len - used;
		char *at = next_room(s, &room);

		if (!at)
			return s->out->bad;
		more = LZ4F_decompress(z, at, &room, s->in + used, &in, NULL);
		if (LZ4F_isError(more))
			return -EBADMSG;
		buf_wrote(s->out, room);
		used += in;
		if (used == s->in_len && !more)
			return 0;
		if (!room && !in)
			return added(s) == s->max ? -EFBIG : -ENODATA;
	}
}

static int lz4_legacy_block(struct stream *s, const uint8_t *in, size_t in_len)
{
	size_t n = MIN((size_t)LZ4_LEGACY_BLOCK, s->max - added(s));
	char *at = buf_room(s->out, n);

	if (!at)
		return s->out->bad;
	int got = LZ4_decompress_safe((const char *)in, at, (int)in_len, (int)n);
	if (got < 0)
		return n < LZ4_LEGACY_BLOCK && !s->expect ? -EFBIG : -EBADMSG;
	buf_wrote(s->out, (size_t)got);
	return 0;
}

/* Magic, then blocks of up to 8 MiB, each behind its compressed size; ends with the file. */
static int decode_lz4_legacy(struct stream *s)
{
	size_t at = 4;

	while (at < s->in_len) {
		if (s->in_len - at < 4)
			return -ENODATA;
		uint32_t n = get_le32(s->in + at);
		at += 4;
		if (n == LZ4_LEGACY_MAGIC)
			continue;
		if (n > (uint32_t)LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK))
			return -EBADMSG;
		if (n > s->in_len - at)
			return -ENODATA;
		int r = lz4_legacy_block(s, s->in + at, n);
		if (r < 0)
			return r;
		at += n;
	}
	return 0;
}

/* Every format there is; one without a decoder is refused by name. */
static const struct format {
	const char *name;
	const char *magic;
	size_t magic_len;
	int (*decode)(struct stream *s);
} formats[] = {
	{ "gzip", "\x1f\x8b\x08", 3, decode_gzip },
	{ "zstd", "\x28\xb5\x2f\xfd", 4, decode_zstd },
	{ "xz", "\xfd\x37zXZ\0", 6, decode_xz },
	{ "lz4", "\x04\x22\x4d\x18", 4, decode_lz4_frame },
	{ "lz4", "\x02\x21\x4c\x18", 4, decode_lz4_legacy },
	{ "lzma", "\x5d\0\0", 3, decode_lzma },
	{ "bzip2", "BZh", 3, NULL },
	{ "lzo", "\x89LZO", 4, NULL },
};

static const struct format *find_format(const void *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (len >= formats[i].magic_len &&
		    !memcmp(data, formats[i].magic, formats[i].magic_len))
			return &formats[i];
	return NULL;
}

const char *compression_name(const void *data, size_t len)
{
	const struct format *f = find_format(data, len);

	return f ? f->name : NULL;
}

static int explain(struct err *e, int code, const struct stream *s, const char *name)
{
	switch (code) {
	case -EFBIG:
		return err_set(e, code, "%s data: more than %zu bytes when decompressed", name,
			       s->max);
	case -EBADMSG:
		return err_set(e, code, "%s data: damaged", name);
	case -ENODATA:
		return err_set(e, code, "%s data: truncated", name);
	default:
		return err_sys(e, code, "%s data", name);
	}
}

static int run(struct stream *s, struct err *e)
{
	const struct format *f = find_format(s->in, s->in_len);

	if (!f)
		return err_set(e, -EINVAL, "compressed data: no known format");
	if (!f->decode)
		return err_set(e, -EPROTONOSUPPORT, "%s data: this compression is not supported",
			       f->name);
	s->base = s->out->len;
	int r = f->decode(s);
	if (s->expect && (r == -EFBIG || (!r && added(s) != s->expect)))
		r = -EBADMSG;
	if (r < 0 && s->out->at) {
		s->out->len = s->base;
		s->out->at[s->base] = 0;
	}
	return r < 0 ? explain(e, r, s, f->name) : 0;
}

int decompress(const void *data, size_t len, size_t max_out, struct buf *out, struct err *e)
{
	struct stream s = { .in = data, .in_len = len, .max = max_out, .out = out };

	return run(&s, e);
}

int decompress_exact(const void *data, size_t len, size_t out_len, struct buf *out, struct err *e)
{
	struct stream s = {
		.in = data, .in_len = len, .expect = out_len, .max = out_len, .out = out
	};

	return run(&s, e);
}

uint64_t checksum64(uint64_t running, const void *data, size_t len)
{
	return lzma_crc64(data, len, running);
}
