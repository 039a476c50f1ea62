/* SPDX-License-Identifier: GPL-2.0-only */
/* Check limits in their layers: built in, then scheduler, then test; the last one said wins. */
#ifndef HARNESS_LIMITS_H
#define HARNESS_LIMITS_H

#include "abi/registry.h"
#include "base/buf.h"

/* The built-in layer of KTSTR_CHECKS: nothing in it is INHERIT. */
struct ktstr_limits limits_builtin(void);
/* Puts what @over says on top of @base. @over may be NULL. */
void limits_merge(struct ktstr_limits *base, const struct ktstr_limits *over);
/* The job's form: "progress=1 max_gap_ms=2000 isolation=off". */
void limits_format(const struct ktstr_limits *l, struct buf *out);

#endif
