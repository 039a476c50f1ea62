/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of runs in the cache: CACHE/runs/ID/ holds some files and the list "objects" of what else
 * the run needs. What the files say is the harness's business.
 */
#ifndef CATALOG_RUNS_H
#define CATALOG_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scoped.h"

struct catalog;
struct catalog_progress;
struct err;

#define RUN_ID_LEN 12
#define RUN_LAST "last"

/* A file of a run. */
struct run_file {
	const char *name;
	const void *data;
	size_t len;
};

bool run_id_is_good(const char *id);
/* Stores the run, or puts it in the place of the one that has its id, in one step. */
int run_store(struct catalog *c, const char *id, const struct run_file *files, size_t nr,
	      const char *const *objects, size_t nr_objects, struct err *e);
int run_read(struct catalog *c, const char *id, const char *name, size_t max, char **ret,
	     size_t *ret_len, struct err *e);

struct run_entry {
	char id[RUN_ID_LEN + 1];
	uint64_t made_ns; /* since the epoch */
};
struct run_list {
	struct run_entry *at; /* newest first */
	size_t nr;
};
void run_list_fini(struct run_list *l);
DEFINE_SCOPED_FINI(struct run_list, run_list_fini)
int runs_list(struct catalog *c, struct run_list *ret, struct err *e);
/* The one that @name means: an id, the beginning of just one, or RUN_LAST. -ENOENT, -EEXIST, -EINVAL. */
int run_find(struct catalog *c, const char *name, char ret[RUN_ID_LEN + 1], struct err *e);

struct runs_gc {
	uint64_t unused_s; /* runs older than this go ... */
	uint32_t keep;	   /* ... but never one of so many newest */
	bool dry_run;
};
/* So many runs are kept without anybody asking for it; who records calls this when it is done. */
#define RUNS_MAX 1000
#define RUNS_KEPT 900
void runs_trim(struct catalog *c);

/* Removes old runs, then the objects that none of the others names. Adds to *bytes what that frees. */
int runs_gc(struct catalog *c, const struct runs_gc *how, uint64_t *bytes,
	    const struct catalog_progress *p, struct err *e);

#endif
