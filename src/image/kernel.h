/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel image formats: what a file is, and how to make it directly bootable. Hostile input. */
#ifndef IMAGE_KERNEL_H
#define IMAGE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "machine/arch.h"

struct err;

enum kernel_format {
	KERNEL_BZIMAGE,	 /* x86 boot protocol, compressed payload inside */
	KERNEL_IMAGE,	 /* arm64 Image, uncompressed */
	KERNEL_IMAGE_GZ, /* an Image or vmlinux compressed as a whole, or EFI zboot */
	KERNEL_ELF,	 /* vmlinux */
};

struct kernel_info {
	enum kernel_format format;
	enum arch arch;
	char version[128];   /* "7.3.4+deb13-cloud-amd64"; "" if the file does not say */
	uint64_t pvh_entry;  /* ELF x86: entry of the XEN_ELFNOTE_PHYS32_ENTRY note, 0 = none */
	uint64_t image_size; /* memory it needs when loaded (init_size, image_size, PT_LOAD span) */
};

/* Recognises and checks @data. Each refusal says what the file looks like instead. */
int kernel_inspect(const void *data, size_t len, struct kernel_info *ret, struct err *e);

/* Where an arm64 Image has to be, by its header (Documentation/arch/arm64/booting.rst). */
struct kernel_placement {
	uint64_t text_offset; /* behind a base that is a multiple of 2 MiB; its first byte is run */
	uint64_t size;	      /* memory it needs from there on, that of its file included */
	bool anywhere;	      /* else as close to the start of RAM as can be */
	uint32_t page;	      /* bytes; 0: it does not say */
};
#define KERNEL_PLACEMENT_HEADER 64 /* bytes that kernel_placement() looks at */

/*
 * @header is the beginning of an uncompressed Image of @len bytes, at least KERNEL_PLACEMENT_HEADER of
 * them. -ENOEXEC: no such image, or one that nobody can place.
 */
int kernel_placement(const void *header, uint64_t len, struct kernel_placement *ret, struct err *e);

/*
 * Turns any supported file into the form that boots without a decompressor: ELF vmlinux for x86
 * (zstd, xz, gzip, lz4, lzma, bzip2 is refused by name), uncompressed Image for arm64. Output is
 * appended to @out; when the input is that form already, *ret_same is 1 and @out stays empty.
 */
int kernel_unpack(const void *data, size_t len, struct buf *out, int *ret_same, struct err *e);

#endif
