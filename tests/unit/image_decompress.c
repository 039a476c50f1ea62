/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "image/decompress.h"
#include "squeeze.h"

/* Compressible, but not trivially. */
static struct buf sample(size_t len)
{
	struct buf b = { 0 };
	uint32_t x = 1;

	while (b.len < len) {
		x = x * 1664525 + 1013904223;
		buf_printf(&b, "line %u of a text that repeats itself\n", x >> 24);
	}
	b.len = len;
	return b;
}

TEST(every_format_comes_back_and_is_named)
{
	static const size_t lens[] = { 1, 100, 65536, 300000, 9u << 20 };

	for (const struct squeeze *s = squeezes; s->name; s++)
		for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
			SCOPED(buf_fini) struct buf plain = sample(lens[i]);
			SCOPED(buf_fini) struct buf packed = { 0 };
			SCOPED(buf_fini) struct buf out = { 0 };

			s->put(&packed, plain.at, plain.len);
			assert_string_equal(compression_name(packed.at, packed.len), s->name);
			buf_puts(&out, "before"); /* output is appended */
			assert_int_equal(decompress(packed.at, packed.len, lens[i], &out, NULL), 0);
			assert_int_equal(out.len, 6 + lens[i]);
			assert_memory_equal(out.at, "before", 6);
			assert_memory_equal(out.at + 6, plain.at, plain.len);
			buf_clear(&out);
			assert_int_equal(
				decompress_exact(packed.at, packed.len, lens[i], &out, NULL), 0);
			assert_int_equal(out.len, lens[i]);
			assert_memory_equal(out.at, plain.at, plain.len);
		}
}

TEST(output_beyond_the_bound_is_refused)
{
	SCOPED(buf_fini) struct buf plain = sample(200000);

	for (const struct squeeze *s = squeezes; s->name; s++) {
		SCOPED(buf_fini) struct buf packed = { 0 };
		SCOPED(buf_fini) struct buf out = { 0 };
		struct err e = { 0 };

		s->put(&packed, plain.at, plain.len);
		assert_int_equal(decompress(packed.at, packed.len, 199999, &out, &e), -EFBIG);
		assert_non_null(strstr(e.text, s->name));
		assert_non_null(strstr(e.text, "more than 199999 bytes"));
		assert_int_equal(out.len, 0);
		assert_int_equal(decompress(packed.at, packed.len, 1000, &out, &e), -EFBIG);
		assert_true(out.cap < 1000000);
		assert_int_equal(decompress_exact(packed.at, packed.len, 199999, &out, &e),
				 -EBADMSG);
		assert_int_equal(decompress_exact(packed.at, packed.len, 200001, &out, &e),
				 -EBADMSG);
		assert_int_equal(out.len, 0);
	}
}

TEST(truncated_data_is_an_error_everywhere)
{
	SCOPED(buf_fini) struct buf plain = sample(100000);

	for (const struct squeeze *s = squeezes; s->name; s++) {
		SCOPED(buf_fini) struct buf packed = { 0 };
		SCOPED(buf_fini) struct buf out = { 0 };
		struct err e = { 0 };

		s->put(&packed, plain.at, plain.len);
		for (size_t n = 16; n < packed.len; n += 97) {
			int r = decompress(packed.at, n, 1 << 20, &out, &e);

			assert_true(r == -ENODATA || r == -EBADMSG);
			assert_int_equal(out.len, 0);
		}
		assert_true(decompress(packed.at, packed.len - 1, 1 << 20, &out, &e) < 0);
	}
}

TEST(data_after_the_end_is_an_error)
{
	SCOPED(buf_fini) struct buf plain = sample(5000);

	for (const struct squeeze *s = squeezes; s->name; s++) {
		SCOPED(buf_fini) struct buf packed = { 0 };
		SCOPED(buf_fini) struct buf out = { 0 };

		s->put(&packed, plain.at, plain.len);
		buf_puts(&packed, "garbage!");
		assert_true(decompress(packed.at, packed.len, 1 << 20, &out, NULL) < 0);
		assert_int_equal(out.len, 0);
	}
}

TEST(members_that_follow_each_other_are_one_stream)
{
	static const char *const joined[] = { "gzip", "zstd", "xz", "lz4" };

	for (size_t i = 0; i < ARRAY_SIZE(joined); i++) {
		SCOPED(buf_fini) struct buf packed = { 0 };
		SCOPED(buf_fini) struct buf out = { 0 };
		const struct squeeze *s = squeeze_named(joined[i]);

		s->put(&packed, "one ", 4);
		s->put(&packed, "two", 3);
		assert_int_equal(decompress(packed.at, packed.len, 100, &out, NULL), 0);
		assert_string_equal(buf_str(&out), "one two");
	}
}

TEST(damage_is_found)
{
	/* xz and gzip carry checksums; the others may notice or not, but never misbehave */
	static const char *const checked[] = { "gzip", "xz" };
	SCOPED(buf_fini) struct buf plain = sample(3000);

	for (size_t i = 0; i < ARRAY_SIZE(checked); i++) {
		SCOPED(buf_fini) struct buf packed = { 0 };
		SCOPED(buf_fini) struct buf out = { 0 };
		struct err e = { 0 };

		squeeze_named(checked[i])->put(&packed, plain.at, plain.len);
		packed.at[packed.len / 2] ^= 0x10;
		assert_int_equal(decompress(packed.at, packed.len, 1 << 20, &out, &e), -EBADMSG);
		assert_non_null(strstr(e.text, "damaged"));
	}
}

TEST(what_is_not_supported_is_refused_by_name)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct err e = { 0 };

	assert_int_equal(decompress("BZh91AY&SY", 10, 100, &out, &e), -EPROTONOSUPPORT);
	assert_string_equal(e.text, "bzip2 data: this compression is not supported");
	assert_int_equal(decompress("\x89LZO\0\r\n\x1a\n", 9, 100, &out, &e), -EPROTONOSUPPORT);
	assert_non_null(strstr(e.text, "lzo"));
	assert_int_equal(decompress("plain", 5, 100, &out, &e), -EINVAL);
	assert_int_equal(decompress("", 0, 100, &out, &e), -EINVAL);
	assert_null(compression_name("plain", 5));
	assert_null(compression_name("\x28\xb5", 2));
}

TEST(a_frame_that_claims_too_much_is_refused)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	/* zstd: magic, descriptor for an 8-byte size, window, size, then nothing */
	static const uint8_t liar[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x00, 0xff, 0xff, 0xff,
					0xff, 0xff, 0xff, 0xff, 0x7f, 1,    0,	  0 };

	assert_true(decompress(liar, sizeof(liar), 1 << 20, &out, NULL) < 0);
	assert_true(out.cap < 4 << 20);
}

UNIT_MAIN(NULL, NULL)
