/* SPDX-License-Identifier: GPL-2.0-only */
#include "image/ld_cache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "image/bytes.h"

#define MAGIC "glibc-ld.so.cache1.1"
#define OLD_MAGIC "ld.so-1.7.0" /* some caches still start with this format's, 12-byte entries */
#define OLD_HEADER_LEN 16
#define OLD_ENTRY_LEN 12
#define LITTLE_ENDIAN_FLAG 2

struct header {
	char magic[20];
	uint32_t nr;
	uint32_t strings_len;
	uint8_t flags;
	uint8_t pad[3];
	uint32_t extension;
	uint32_t unused[3];
};
_Static_assert(sizeof(struct header) == 48, "the header of ld.so.cache is 48 bytes");

struct row {
	uint32_t flags;
	uint32_t soname, path; /* offsets from the header */
	uint32_t os_version;
	uint64_t hwcap; /* not 0: only for CPUs that have this */
};
_Static_assert(sizeof(struct row) == 24, "an entry of ld.so.cache is 24 bytes");

/* ELF library for libc6, and which ABI of the architecture. */
static const uint32_t arch_flags[NR_ARCHES] = {
	[ARCH_X86_64] = 0x0303,
	[ARCH_ARM64] = 0x0a03,
};

/* Offset of the header, or @len if there is none. */
static size_t find_header(const uint8_t *at, size_t len)
{
	size_t old = 0;

	if (len >= OLD_HEADER_LEN && !memcmp(at, OLD_MAGIC, strlen(OLD_MAGIC)))
		old = ALIGN_UP(OLD_HEADER_LEN + (size_t)get_le32(at + 12) * OLD_ENTRY_LEN, 8);
	if (old > len || len - old < sizeof(struct header) ||
	    memcmp(at + old, MAGIC, strlen(MAGIC)))
		return len;
	return old;
}

/* The NUL-terminated text at @off, or NULL. */
static const char *text_at(const uint8_t *at, size_t len, uint32_t off)
{
	if (off >= len || !memchr(at + off, 0, len - off))
		return NULL;
	return (const char *)at + off;
}

const char *ld_cache_find(const void *cache, size_t len, const char *soname, enum arch a)
{
	size_t start = find_header(cache, len);
	const uint8_t *at = (const uint8_t *)cache + start;
	struct header h;
	struct row row;

	len -= start;
	if (len < sizeof(h))
		return NULL;
	memcpy(&h, at, sizeof(h));
	for (uint64_t i = 0, off = sizeof(h); i < h.nr && off + sizeof(row) <= len;
	     i++, off += sizeof(row)) {
		memcpy(&row, at + off, sizeof(row));
		if (row.flags != arch_flags[a] || row.hwcap)
			continue;
		const char *name = text_at(at, len, row.soname);
		if (name && !strcmp(name, soname))
			return text_at(at, len, row.path);
	}
	return NULL;
}

/*
 * The order that the loader's binary search expects, backwards: runs of digits compare as numbers,
 * and a digit is greater than anything else.
 */
static int compare_names(const char *a, const char *b)
{
	while (*a || *b) {
		bool da = *a >= '0' && *a <= '9', db = *b >= '0' && *b <= '9';

		if (da && db) {
			char *end_a, *end_b;
			unsigned long x = strtoul(a, &end_a, 10), y = strtoul(b, &end_b, 10);

			if (x != y)
				return x < y ? -1 : 1;
			a = end_a;
			b = end_b;
		} else if (da != db) {
			return da ? 1 : -1;
		} else if (*a != *b) {
			return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		} else {
			a++;
			b++;
		}
	}
	return 0;
}

static int descending(const void *a, const void *b)
{
	return compare_names(((const struct ld_entry *)b)->soname,
			     ((const struct ld_entry *)a)->soname);
}

void ld_cache_write(struct buf *out, struct ld_entry *entries, size_t nr, enum arch a)
{
	SCOPED(buf_fini) struct buf strings = { 0 };
	struct header h = { .magic = MAGIC, .flags = LITTLE_ENDIAN_FLAG };
	size_t first = sizeof(h) + nr * sizeof(struct row), start = out->len;

	if (nr)
		qsort(entries, nr, sizeof(*entries), descending);
	h.nr = (uint32_t)nr;
	buf_put(out, &h, sizeof(h));
	for (size_t i = 0; i < nr; i++) {
		struct row row = { .flags = arch_flags[a] };

		row.soname = (uint32_t)(first + strings.len);
		buf_put(&strings, entries[i].soname, strlen(entries[i].soname) + 1);
		row.path = (uint32_t)(first + strings.len);
		buf_put(&strings, entries[i].path, strlen(entries[i].path) + 1);
		buf_put(out, &row, sizeof(row));
	}
	buf_put(out, strings.at, strings.len);
	h.strings_len = (uint32_t)strings.len;
	if (!out->bad)
		memcpy(out->at + start, &h, sizeof(h));
}
