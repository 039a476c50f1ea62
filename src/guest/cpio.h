/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads a "newc" archive from memory. Pure; nothing in it is believed. */
#ifndef GUEST_CPIO_H
#define GUEST_CPIO_H

#include <stddef.h>
#include <stdint.h>

struct err;

struct cpio_entry {
	const char *path; /* ends with a NUL; borrowed from the archive, as is the next */
	const uint8_t *data;
	uint32_t len;
	uint32_t mode; /* with its type */
	uint32_t major, minor;
};

struct cpio {
	const uint8_t *at;
	size_t left;
};

/* 1 and the next entry, 0 at the end of the last of the archives, -EBADMSG with what is wrong. */
int cpio_next(struct cpio *c, struct cpio_entry *ret, struct err *e);

#endif
