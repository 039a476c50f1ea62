/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ".plan" files of the cache: text lines, the last of which is a checksum of those before, so
 * that damage is seen before anything is believed. Private to this folder.
 */
#ifndef IMAGE_PART_PLAN_H
#define IMAGE_PART_PLAN_H

#include "base/buf.h"
#include "image/inputs.h"
#include "image/pack.h"
#include "image/part.h"

struct part_plan {
	char archive[PART_NAME_LEN + 1];
	struct pack_result sum;
	char **modules; /* NULL-terminated; NULL = none */
	size_t nr_modules;
	struct inputs in;
};

void part_plan_fini(struct part_plan *p);
DEFINE_SCOPED_FINI(struct part_plan, part_plan_fini)

/* False if something in it cannot be written down: then there is nothing to publish. */
bool part_plan_write(const struct part_plan *p, struct buf *out);
/* 0, -EBADMSG or -ENOMEM. @text is changed. */
int part_plan_parse(char *text, size_t len, struct part_plan *ret);

#endif
