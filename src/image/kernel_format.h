/* SPDX-License-Identifier: GPL-2.0-only */
/* Between kernel.c and the files that each know one format. Private to this folder. */
#ifndef IMAGE_KERNEL_FORMAT_H
#define IMAGE_KERNEL_FORMAT_H

#include <stdbool.h>

#include "image/bytes.h"
#include "image/kernel.h"

#define KERNEL_UNPACKED_MAX (512u << 20)

/*
 * One kind of file. @inspect fills *ret (zeroed before) after @is said yes; @unpack appends what
 * boots, which is a file of the kind @inner, or is NULL if the file boots as it is.
 */
struct kernel_type {
	const char *name; /* with article, for messages */
	bool (*is)(const uint8_t *data, size_t len);
	int (*inspect)(const uint8_t *data, size_t len, struct kernel_info *ret, struct err *e);
	int (*unpack)(const uint8_t *data, size_t len, struct buf *out, struct err *e);
	const struct kernel_type *inner;
};

extern const struct kernel_type kernel_bzimage, kernel_zboot, kernel_arm64_image, kernel_vmlinux,
	kernel_vmlinux_arm64;

/* Copies a version such as "7.3.4-rc1+x" up to the first blank; "" if there is none at @text. */
void kernel_copy_version(const void *text, size_t len, struct kernel_info *ret);
/* Looks for the banner "Linux version X (" that every kernel carries. */
void kernel_find_version(const uint8_t *data, size_t len, struct kernel_info *ret);
int kernel_truncated(const struct kernel_type *t, uint64_t want, size_t have, struct err *e);

#endif
