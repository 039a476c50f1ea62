/* SPDX-License-Identifier: GPL-2.0-only */
/* What an entry says about itself in its metadata.json. Its bytes are not trusted when read. */
#ifndef CATALOG_METADATA_H
#define CATALOG_METADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "machine/arch.h"

struct err;

/* Files an entry may have. Adding one: a value here, its name in metadata.c. */
enum part {
	PART_BOOT,   /* what is booted: always there */
	PART_IMAGE,  /* the file it was made from, where that differs */
	PART_CONFIG, /* kernel configuration */
	PART_MAP,    /* System.map */
	NR_PARTS,
};
extern const char *const part_names[NR_PARTS];

struct metadata {
	char key[65];
	char name[160];
	char release[128]; /* uname -r; "" = unknown */
	char source[256];
	char suite[64];	  /* Debian only, else ""; several, separated by blanks, if all have it */
	char flavour[16]; /* Debian only, else "" */
	char package_version[128];
	enum arch arch;
	uint64_t fetched_at;
	uint64_t size[NR_PARTS]; /* bytes, 0 = not there */
	uint64_t nr_modules;	 /* files below modules/lib/modules/RELEASE, 0 = none */
	uint64_t modules_bytes;
	uint64_t disk_bytes;
};

/* Strict: every field there, of its type, in range, and safe to build paths from. */
int metadata_parse(const char *text, size_t len, struct metadata *ret, struct err *e);
void metadata_format(const struct metadata *m, struct buf *out);

/* Whether @word is one of the blank-separated @words. */
bool has_word(const char *words, const char *word);

#endif
