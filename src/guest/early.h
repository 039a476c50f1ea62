/* SPDX-License-Identifier: GPL-2.0-only */
/* What every run begins with, whatever its job: a machine that is to be frozen does it before that. */
#ifndef GUEST_EARLY_H
#define GUEST_EARLY_H

#include <stdbool.h>

#include "base/err.h"

struct job;
struct trace;

/* Zero-initialised: nothing was done yet. */
struct early {
	bool done, loopback;
	struct trace *trace; /* NULL = none */
	struct err no_trace; /* why not, though the job asks for one */
};

/* File systems, and what traces the schedule: loading that takes long, and is nothing a scheduler should see. */
int early_prepare(struct early *ea, const struct job *j, struct err *e);
/* Before the machine is frozen, for whatever job may come. */
int early_prepare_all(struct early *ea, const struct job *base, struct err *e);
/* After that: this is the job. */
void early_adopt(struct early *ea, const struct job *j);

#endif
