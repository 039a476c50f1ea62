/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "base/text.h"

#include <string.h>

#include "base/buf.h"
#include "base/scoped.h"

/* Table 3-7 of Unicode 15. */
size_t utf8_decode(const char *text, uint32_t *ret)
{
	static const struct {
		unsigned char first_lo, first_hi, second_lo, second_hi, len, mask;
	} row[] = {
		{ 0x01, 0x7f, 0, 0, 1, 0x7f },	     { 0xc2, 0xdf, 0x80, 0xbf, 2, 0x1f },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3, 0x0f }, { 0xe1, 0xec, 0x80, 0xbf, 3, 0x0f },
		{ 0xed, 0xed, 0x80, 0x9f, 3, 0x0f }, { 0xee, 0xef, 0x80, 0xbf, 3, 0x0f },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4, 0x07 }, { 0xf1, 0xf3, 0x80, 0xbf, 4, 0x07 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4, 0x07 },
	};
	const unsigned char *s = (const unsigned char *)text;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		if (s[0] < row[i].first_lo || s[0] > row[i].first_hi)
			continue;
		if (row[i].len > 1 && (s[1] < row[i].second_lo || s[1] > row[i].second_hi))
			return 0;
		uint32_t c = s[0] & row[i].mask;
		for (size_t k = 1; k < row[i].len; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[k] & 0x3f);
		}
		if (ret)
			*ret = c;
		return row[i].len;
	}
	return 0;
}

/* Length of the control sequence (ECMA-48 CSI, OSC, or two bytes) behind an escape character. */
static size_t escape_len(const char *s, size_t n)
{
	size_t i = 2;

	if (n < 2)
		return n;
	if (s[1] == '[') {
		while (i < n && s[i] >= 0x20 && s[i] <= 0x3f)
			i++;
		return i < n ? i + 1 : n;
	}
	if (s[1] != ']')
		return i;
	while (i < n && s[i] != 7 && s[i] != 033 && s[i] != '\n')
		i++;
	return i < n && s[i] == 7 ? i + 1 : i;
}

static bool showable(uint32_t c)
{
	return c >= 0x20 && !(c >= 0x7f && c < 0xa0) && c != 0xfffe && c != 0xffff;
}

/* Appends what stands for the character at @s and returns how many bytes of @s that was. */
static size_t put_clean_one(struct buf *b, const char *s, size_t n, bool lines)
{
	uint32_t c = 0;
	size_t len = utf8_decode(s, &c);

	if (c == 033)
		return escape_len(s, n);
	if (c == '\r')
		return 1;
	if (c == '\n' || c == '\t') {
		buf_putc(b, c == '\n' && !lines ? ' ' : *s);
		return 1;
	}
	if (!len || len > n || !showable(c)) {
		buf_puts(b, "\xef\xbf\xbd");
		return len && len <= n ? len : 1;
	}
	buf_put(b, s, len);
	return len;
}

void buf_put_clean(struct buf *b, const char *s, size_t n, bool lines)
{
	for (size_t i = 0; i < n;)
		i += put_clean_one(b, s + i, n - i, lines);
}

size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

const char *text_tail(const char *s, size_t lines)
{
	const char *p = s + strlen(s);

	if (p > s && p[-1] == '\n')
		p--;
	while (p > s)
		if (*--p == '\n' && --lines == 0)
			return p + 1;
	return s;
}
