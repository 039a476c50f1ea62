/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/gmem.h"

#include <string.h>

#include "base/scoped.h"

/* The region that holds @gpa, and in *ret_left how much of it is from there on. */
static const struct gmem_region *region_of(const struct gmem *m, uint64_t gpa, uint64_t *ret_left)
{
	for (uint32_t i = 0; i < m->nr; i++) {
		const struct gmem_region *r = &m->region[i];

		if (gpa < r->gpa || gpa - r->gpa >= r->len)
			continue;
		*ret_left = r->len - (gpa - r->gpa);
		return r;
	}
	return NULL;
}

void *gmem_at(const struct gmem *m, uint64_t gpa, uint64_t len)
{
	uint64_t left;
	const struct gmem_region *r = len ? region_of(m, gpa, &left) : NULL;

	return r && len <= left ? r->host + (gpa - r->gpa) : NULL;
}

void *gmem_piece(const struct gmem *m, uint64_t gpa, size_t n, size_t *ret_n)
{
	uint64_t left;
	const struct gmem_region *r = region_of(m, gpa, &left);

	*ret_n = r ? MIN(n, left) : 0;
	return r ? r->host + (gpa - r->gpa) : NULL;
}

static bool is_all_ram(const struct gmem *m, uint64_t gpa, size_t n)
{
	size_t len;

	for (; n; gpa += len, n -= len)
		if (!gmem_piece(m, gpa, n, &len))
			return false;
	return true;
}

bool gmem_read(const struct gmem *m, uint64_t gpa, void *to, size_t n)
{
	uint8_t *at = to;
	size_t len;

	if (!is_all_ram(m, gpa, n))
		return false;
	for (; n; gpa += len, at += len, n -= len) {
		const uint8_t *from = gmem_piece(m, gpa, n, &len);

		memcpy(at, from, len);
	}
	return true;
}

bool gmem_write(const struct gmem *m, uint64_t gpa, const void *from, size_t n)
{
	const uint8_t *at = from;
	size_t len;

	if (!is_all_ram(m, gpa, n))
		return false;
	for (; n; gpa += len, at += len, n -= len) {
		uint8_t *to = gmem_piece(m, gpa, n, &len);

		memcpy(to, at, len);
	}
	return true;
}
