/* SPDX-License-Identifier: GPL-2.0-only */
/* What may stand in the records of a registry. Private to this folder. */
#ifndef IMAGE_REGISTRY_CHECK_H
#define IMAGE_REGISTRY_CHECK_H

#include "image/registry.h"

/* Both arrays are sorted by name; -EINVAL names file, record, field and reason. */
int registry_check(const struct registry *r, const char *file, struct err *e);

#endif
