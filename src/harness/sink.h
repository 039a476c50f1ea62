/* SPDX-License-Identifier: GPL-2.0-only */
/* Where results go: one table row per output format, any number of them at once. */
#ifndef HARNESS_SINK_H
#define HARNESS_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/scoped.h"

struct buf;
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
	void (*tick)(struct sink *s); /* redraws progress; may be NULL */
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
	char *path; /* of a file, else NULL */
	bool whole; /* the file appears when the sink is closed */
	int bad;    /* first write error */
};

/*
 * @path NULL = standard output. A file appears whole when the sink is closed, by rename, so that a
 * run that dies never leaves half a file; what is not a regular file (a pipe) is written to as it
 * goes. That the directory can be written to is checked here, before anything runs.
 */
int sink_open(const char *format, const char *path, bool verbose, struct sink **ret, struct err *e);
/* Reports a failed write (disk full) that nobody has seen yet. */
int sink_close(struct sink *s, struct err *e);
void sink_destroy(struct sink *s); /* without publishing; NULL is fine */
DEFINE_SCOPED(struct sink *, sink_destroy)
void *sink_state(struct sink *s);
/* Writes out what @b holds and empties it; remembers the first failure. For sink_<name>.c. */
void sink_write(struct sink *s, struct buf *b);

/*
 * To be called before every wait for events: progress is redrawn. Returns how long to wait at most
 * (poll's timeout), -1 if no sink shows progress.
 */
int sinks_tick(struct sink *const *sinks, size_t nr);

/* Several outputs. Zero-initialised is empty. */
#define SINKS_MAX 8
struct sink_set {
	struct sink *at[SINKS_MAX];
	size_t nr;
};
void sink_set_fini(struct sink_set *set); /* destroys: publishes nothing */
DEFINE_SCOPED_FINI(struct sink_set, sink_set_fini)
/* "human,ktap=FILE,json=FILE": without a file it is standard output, which only one can have. */
int sink_set_add(struct sink_set *set, const char *spec, bool verbose, struct err *e);
int sink_set_add_file(struct sink_set *set, const char *format, const char *path, bool verbose,
		      struct err *e);
/* Adds the human format if nothing else goes to standard output. */
int sink_set_complete(struct sink_set *set, bool verbose, struct err *e);
/* Closes all, whatever happens to one; the first error is told. */
int sink_set_close(struct sink_set *set, struct err *e);

#endif
