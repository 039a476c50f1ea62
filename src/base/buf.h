/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A growable byte buffer whose first error sticks, so that builders check once, at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is empty and valid. @at is NUL-terminated whenever it is not NULL. */
struct buf {
	char *at;
	size_t len;
	size_t cap;
	int bad; /* negative errno of the first failure, then everything is ignored */
};

void buf_fini(struct buf *b);
static inline void buf_fini_scoped(struct buf *b)
{
	buf_fini(b);
}
void buf_put(struct buf *b, const void *data, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_zero(struct buf *b, size_t n);		 /* appends n zero bytes */
void buf_align(struct buf *b, size_t alignment); /* zero bytes up to a multiple */
void buf_drop_front(struct buf *b, size_t n);
/* Where at least @n more bytes may be written, or NULL; buf_wrote() then says how many were. */
char *buf_room(struct buf *b, size_t n);
void buf_wrote(struct buf *b, size_t n);
void buf_clear(struct buf *b); /* empties, keeps the allocation, forgets the error */

/* The text, "" when empty; never NULL. Borrowed until the next change. */
const char *buf_str(const struct buf *b);

/* JSON writing (RFC 8259): the quoted, escaped form of @s; invalid UTF-8 bytes become U+FFFD. */
void buf_json_str(struct buf *b, const char *s);

#endif
