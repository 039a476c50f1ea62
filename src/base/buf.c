/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

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

void buf_wrote(struct buf *b, size_t n)
{
	b->len += n;
	b->at[b->len] = 0;
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

void buf_json_str(struct buf *b, const char *s)
{
	buf_putc(b, '"');
	while (*s) {
		uint32_t c = 0;
		size_t n = utf8_decode(s, &c);

		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", *s);
		else if (n && (c < 0x20 || (c >= 0x7f && c < 0xa0)))
			buf_printf(b, "\\u%04x", c);
		else if (n)
			buf_put(b, s, n);
		else
			buf_puts(b, "\xef\xbf\xbd");
		s += n ? n : 1;
	}
	buf_putc(b, '"');
}
