/* SPDX-License-Identifier: GPL-2.0-only */
/* Compresses data for tests in every format that the image folder reads. */
#ifndef UNIT_SQUEEZE_H
#define UNIT_SQUEEZE_H

#include <stddef.h>

#include "base/buf.h"

/* One row per format; terminated by name = NULL. */
struct squeeze {
	const char *name; /* what compression_name() says */
	void (*put)(struct buf *out, const void *data, size_t len);
};
extern const struct squeeze squeezes[];

const struct squeeze *squeeze_named(const char *name);

#endif
