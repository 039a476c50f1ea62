/* SPDX-License-Identifier: GPL-2.0-only */
/* closure_add() with all its knobs. Private to this folder. */
#ifndef IMAGE_CLOSURE_TRACE_H
#define IMAGE_CLOSURE_TRACE_H

#include "image/closure.h"

struct inputs;

struct closure_query {
	const char *program;
	const char *guest_path; /* where it will be in the guest, which is its $ORIGIN there */
	enum arch arch;
	const char *sysroot; /* never NULL */
	struct inputs *in;   /* gets what was looked at; may be NULL */
};

int closure_add_traced(struct closure *c, const struct closure_query *q, struct err *e);

#endif
