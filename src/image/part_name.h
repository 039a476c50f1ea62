/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IMAGE_PART_NAME_H
#define IMAGE_PART_NAME_H

struct guest_plan;

/* @ret has space for PART_NAME_LEN + 1 bytes. */
void part_archive_name(const struct guest_plan *p, char *ret);

#endif
