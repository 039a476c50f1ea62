/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_fini(struct buf *b)
{
	free(b->at);
	*b = (struct buf){ 0 };
}

static int reserve(struct buf *b, size_t more)
{
	size_t want;

	if (b->bad)
		return b->bad;
	if (__builtin_add_overflow(b->len, more, &want) || want >= SIZE_MAX / 2)
		return b->bad = -EOVERFLOW;
	if (want < b->cap)
		return 0;
	size_t cap = b->cap ? b->cap : 128;
	while (cap <= want)
		cap *= 2;
	char *at = realloc(b->at, cap);
	if (!at)
		return b->bad = -ENOMEM;
	b->at = at;
	b->cap = cap;
	return 0;
}

void buf_put(struct buf *b, const void *data, size_t n)
{
	if (reserve(b, n))
		return;
	if (n)
		memcpy(b->at + b->len, data, n);
	b->len += n;
	b->at[b->len] = 0;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0) {
		b->bad = b->bad ? b->bad : -EINVAL;
		return;
	}
	if (reserve(b, (size_t)n))
		return;
	vsnprintf(b->at + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_zero(struct buf *b, size_t n)
{
	if (reserve(b, n))
		return;
	memset(b->at + b->len, 0, n + 1);
	b->len += n;
}

void buf_align(struct buf *b, size_t alignment)
{
	buf_zero(b, (alignment - b->len % alignment) % alignment);
}

void buf_drop_front(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (!n)
		return;
	memmove(b->at, b->at + n, b->len - n);
	b->len -= n;
	b->at[b->len] = 0;
}

char *buf_room(struct buf *b, size_t n)
{
	return reserve(b, n) ? NULL : b->at + b->len;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->bad = 0;
	if (b->at)
		b->at[0] = 0;
}

const char *buf_str(const struct buf *b)
{
	return b->at ? b->at : "";
}

/* Length of the well-formed UTF-8 sequence at @s, 0 if there is none. Table 3-7 of Unicode 15. */
static size_t utf8_len(const unsigned char *s)
{
	static const struct {
		unsigned char first_lo, first_hi, second_lo, second_hi, len;
	} row[] = {
		{ 0x20, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (s[0] < row[i].first_lo || s[0] > row[i].first_hi)
			continue;
		if (row[i].len > 1 && (s[1] < row[i].second_lo || s[1] > row[i].second_hi))
			return 0;
		for (size_t k = 2; k < row[i].len; k++)
			if (s[k] < 0x80 || s[k] > 0xbf)
				return 0;
		return row[i].len;
	}
	return 0;
}

void buf_json_str(struct buf *b, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	buf_putc(b, '"');
	while (*p) {
		size_t n = utf8_len(p);

		if (*p == '"' || *p == '\\')
			buf_printf(b, "\\%c", *p);
		else if (n)
			buf_put(b, p, n);
		else if (*p < 0x20)
			buf_printf(b, "\\u%04x", *p);
		else
			buf_puts(b, "\xef\xbf\xbd");
		p += n ? n : 1;
	}
	buf_putc(b, '"');
}
