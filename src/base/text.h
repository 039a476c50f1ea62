/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Text of unknown origin, made fit to be shown. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Length of the well-formed UTF-8 sequence at NUL-terminated @s, 0 if there is none; the character
 * goes to @ret, which may be NULL. */
size_t utf8_decode(const char *s, uint32_t *ret);

/*
 * Appends @n bytes of NUL-terminated @s: terminal control sequences and carriage returns are dropped, every other
 * control character and byte that is not UTF-8 becomes U+FFFD, so that the result is also valid text
 * of XML 1.0. Tabs stay; line feeds stay if @lines, else they become blanks.
 */
void buf_put_clean(struct buf *b, const char *s, size_t n, bool lines);

/* Columns @s takes on a terminal if each character takes one. */
size_t text_width(const char *s);

/* Where the last @lines lines of @s begin. */
const char *text_tail(const char *s, size_t lines);

/* The entry of @names (@nr of them) nearest to @s, or NULL if none is near enough to offer. */
const char *name_nearest(const char *s, const char *const *names, size_t nr);

#endif
