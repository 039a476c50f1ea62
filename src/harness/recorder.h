/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaves the record of a run in virtual time, and what making it again takes, in the cache. */
#ifndef HARNESS_RECORDER_H
#define HARNESS_RECORDER_H

#include "harness/cell.h"
#include "harness/record.h"

struct err;
struct session_source;
struct vm_config;

struct recorder {
	const char *cache_dir;
	const struct vm_backend *backend;
	const struct vm_config *vm;
	const struct session_source *source;
	const char *file, *scheduler; /* the programs that were packed, NULL = none */
	struct cell_wishes wishes;
};

/*
 * @r is finished and has its cell. Fills r->run with the id. A run that tells nothing about its guest
 * (the emulator died, say) does not take the place of one that does.
 */
int recorder_store(const struct recorder *rec, struct cell_result *r, struct err *e);
/* The same for callers that have a verdict whatever happens: failure becomes a note of the result. */
void recorder_try(const struct recorder *rec, struct cell_result *r);

#endif
