/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes a plan as an archive, file by file, with bounded memory. Private to this folder. */
#ifndef IMAGE_PACK_H
#define IMAGE_PACK_H

#include <stdint.h>

struct err;
struct guest_plan;

struct pack_result {
	uint64_t size;
	uint64_t unpacked; /* bytes that the files take in the guest's RAM */
	uint64_t crc;	   /* of all bytes: checksum64() */
	char sha256[65];   /* of all bytes, hex */
};

/* Writes to @fd from its current position on. A file that changes meanwhile is an error. */
int pack_plan(const struct guest_plan *p, int fd, struct pack_result *ret, struct err *e);

/* What one file of @len bytes takes in the guest. */
uint64_t pack_ram(uint64_t len);

#endif
