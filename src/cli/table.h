/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables for people. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/scoped.h"

struct buf;
struct libscols_table;

struct table_column {
	const char *name; /* NULL ends the columns */
	enum {
		TABLE_WHOLE,
		TABLE_CUT,
		TABLE_RIGHT
	} kind; /* CUT: where there is a screen to wrap it */
};

/* NULL = out of memory, as -ENOMEM is below. */
struct libscols_table *table_new(const struct table_column *columns);
void table_destroy(struct libscols_table *t);
DEFINE_SCOPED(struct libscols_table *, table_destroy)
int table_add(struct libscols_table *t, const char *const *cells, size_t nr);
/* The whole of it, at the end of @b. */
int table_put(struct libscols_table *t, struct buf *b);

/* "2026-11-22 19:30" */
const char *local_time(uint64_t at, char buf[20]);

#endif
