/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads the JSON that guests send (abi/result.h, FRAME_SCHED_END). Hostile input. */
#ifndef HARNESS_GUEST_JSON_H
#define HARNESS_GUEST_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "harness/result.h"

struct err;

struct sched_end {
	bool during_attach;
	bool evicted;	  /* the kernel disabled it, whatever its process did */
	char how[96];	  /* "exit status 1", "killed by signal 9 (Killed)" */
	char reason[320]; /* the kernel's, "" if it gave none */
};

/* The dump, if there is one, is appended to @dump. */
int guest_sched_end_parse(const char *text, size_t len, struct sched_end *ret, struct buf *dump);

/* Adds verdict, details, cgroups and values to @ret. Control characters in texts become blanks. */
int guest_result_parse(const char *text, size_t len, struct cell_result *ret, struct err *e);

#endif
