/* SPDX-License-Identifier: GPL-2.0-only */
/* One program run to its end: output kept, deadline kept, dies with us. */
#ifndef CATALOG_CHILD_H
#define CATALOG_CHILD_H

#include <stdint.h>

#include "base/buf.h"

struct err;

struct child_spec {
	const char *const *argv; /* NULL-terminated, argv[0] searched in PATH */
	const char *apt_config;	 /* APT_CONFIG for it, NULL: left alone */
	const char *cwd;	 /* NULL: ours */
	uint64_t timeout_ns;
};

/*
 * Returns the exit status (128 + N for signal N), or negative errno when it could not be run or did
 * not end in time. What it wrote is appended to @out and @errors, which are bounded.
 */
int child_run(const struct child_spec *s, struct buf *out, struct buf *errors, struct err *e);

#endif
