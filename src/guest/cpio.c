/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/cpio.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"

#define MAGIC "070701"
#define FIELDS 13
#define HEADER_LEN (sizeof(MAGIC) - 1 + FIELDS * 8)
#define TRAILER "TRAILER!!!"

/* In the order they stand in. */
enum field { F_MODE = 1, F_SIZE = 6, F_MAJOR = 9, F_MINOR = 10, F_NAME_LEN = 11 };

static bool hex8(const uint8_t *at, uint32_t *ret)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 8; i++) {
		uint8_t c = at[i];
		uint8_t low = c | 0x20;

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (low >= 'a' && low <= 'f')
			v = v << 4 | (low - 'a' + 10u);
		else
			return false;
	}
	*ret = v;
	return true;
}

/* @n bytes and what fills them up to a multiple of four; less than all of the fill may be there. */
static const uint8_t *take(struct cpio *c, size_t n, size_t fill)
{
	const uint8_t *at = c->at;

	if (n > c->left)
		return NULL;
	size_t all = MIN(n + fill, c->left);
	c->at += all;
	c->left -= all;
	return at;
}

static void skip_zeroes(struct cpio *c)
{
	for (; c->left && !*c->at; c->left--)
		c->at++;
}

static int bad(struct err *e, const char *what)
{
	return err_set(e, -EBADMSG, "archive: %s", what);
}

static int take_entry(struct cpio *c, struct cpio_entry *ret, struct err *e)
{
	uint32_t v[FIELDS];
	const uint8_t *h = take(c, HEADER_LEN, 0);

	if (!h || memcmp(h, MAGIC, sizeof(MAGIC) - 1) != 0)
		return bad(e, "no header where one should be");
	for (size_t i = 0; i < FIELDS; i++)
		if (!hex8(h + sizeof(MAGIC) - 1 + 8 * i, &v[i]))
			return bad(e, "a number in a header is none");
	const uint8_t *name = take(c, v[F_NAME_LEN], (4 - (HEADER_LEN + v[F_NAME_LEN]) % 4) % 4);
	if (!name || !v[F_NAME_LEN] || name[v[F_NAME_LEN] - 1])
		return bad(e, "a name does not end");
	const uint8_t *data = take(c, v[F_SIZE], (4 - v[F_SIZE] % 4) % 4);
	if (!data)
		return bad(e, "a file is cut off");
	*ret = (struct cpio_entry){ (const char *)name, data,	    v[F_SIZE],
				    v[F_MODE],		v[F_MAJOR], v[F_MINOR] };
	return 1;
}

int cpio_next(struct cpio *c, struct cpio_entry *ret, struct err *e)
{
	int r;

	do {
		skip_zeroes(c);
		if (!c->left)
			return 0;
		r = take_entry(c, ret, e);
	} while (r > 0 && !strcmp(ret->path, TRAILER)); /* the next archive */
	return r;
}
