/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads newc archives as the kernel's unpacker does, and fails the test where that would give up. */
#ifndef UNIT_MINI_CPIO_H
#define UNIT_MINI_CPIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpio_entry {
	const char *name; /* "init", without leading slash */
	size_t name_len;  /* of the field, with its NULs */
	uint32_t mode, nlink, major, minor;
	const char *data;
	size_t len;
	size_t data_at;
};

/* The entry at *at, trailers included; false at the end of all archives in @data. */
bool cpio_next(const char *data, size_t len, size_t *at, struct cpio_entry *ret);
/* The entry with that name, or false. */
bool cpio_find(const char *data, size_t len, const char *name, struct cpio_entry *ret);

#endif
