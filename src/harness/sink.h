/* SPDX-License-Identifier: GPL-2.0-only */
/* Where results go: one table row per output format, any number of them at once. */
#ifndef HARNESS_SINK_H
#define HARNESS_SINK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/scoped.h"

struct cell;
struct cell_result;
struct err;
struct run_counts;
struct run_info;

struct sink;

/*
 * Adding a format: one file sink_<name>.c with one of these, one row in sink_types[] (sink.c).
 * begin, done and end may be called from one thread only; results arrive in the order cells finish.
 * Writers must keep what is decided so far valid if the run is interrupted: end() is always called.
 */
struct sink_type {
	const char *name; /* as in --format */
	void (*begin)(struct sink *s, const struct run_info *info);
	void (*start)(struct sink *s, const struct cell *c); /* a cell has begun; may be NULL */
	void (*done)(struct sink *s, const struct cell_result *r);
	void (*end)(struct sink *s, const struct run_counts *n, uint64_t wall_ns, bool interrupted);
	size_t state_size;	      /* zeroed bytes at sink_state() */
	void (*fini)(struct sink *s); /* frees what the state owns; may be NULL */
};
extern const struct sink_type sink_human, sink_ktap, sink_tap, sink_json, sink_junit;
extern const struct sink_type *const sink_types[]; /* NULL-terminated */

struct sink {
	const struct sink_type *type;
	FILE *out; /* borrowed for stdout, owned for files */
	bool owned;
	bool terminal; /* out is a terminal: progress line allowed */
	bool colour;   /* terminal and no NO_COLOR */
	bool verbose;
	void *state;
	int bad; /* first write error */
};

/* @path NULL = standard output. A file is written to a temporary name and renamed at the end, so that
 * an interrupted or failed run never leaves half a file. */
int sink_open(const char *format, const char *path, bool verbose, struct sink **ret, struct err *e);
/* Reports a failed write (disk full) that nobody has seen yet. */
int sink_close(struct sink *s, struct err *e);
void sink_destroy(struct sink *s); /* without publishing; NULL is fine */
DEFINE_SCOPED(struct sink *, sink_destroy)
void *sink_state(struct sink *s);

#endif
