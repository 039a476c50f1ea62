/* SPDX-License-Identifier: GPL-2.0-only */
/* What a module says in its .modinfo section. Hostile input. Private to this folder. */
#ifndef IMAGE_MODULE_INFO_H
#define IMAGE_MODULE_INFO_H

#include <stddef.h>

#include "base/buf.h"

struct err;

/* Appends the names of the modules it depends on, each with a NUL. @name is for messages. */
int module_depends(const void *data, size_t len, const char *name, struct buf *out, struct err *e);

#endif
