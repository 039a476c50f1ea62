/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "base/text.h"

#include <string.h>

#include "base/buf.h"
#include "base/scoped.h"

#define LONGEST_NAME 40 /* longer text is compared up to here */

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

/* Edit distance with swaps of neighbours; both strings are cut to what a name can be. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST_NAME + 1];
	size_t na = strnlen(a, LONGEST_NAME), nb = strnlen(b, LONGEST_NAME);

	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t d = up[j - 1] + (a[i - 1] != b[j - 1]);

			d = MIN(d, MIN(up[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d = MIN(d, up2[j - 2] + 1);
			row[j] = d;
		}
	}
	return rows[na % 3][nb];
}

const char *name_nearest(const char *s, const char *const *names, size_t nr)
{
	const char *best = NULL;
	size_t best_d = MAX(strlen(s) / 3, (size_t)1) + 1;

	for (size_t i = 0; i < nr; i++) {
		size_t d = distance(s, names[i]);

		if (d < best_d && d < strlen(names[i])) {
			best_d = d;
			best = names[i];
		}
	}
	return best;
}
