/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The machine as the kernel shows it in sysfs, and CPUs as text relative to it. */
#ifndef AUTHOR_SHAPE_H
#define AUTHOR_SHAPE_H

#include "base/parse.h"
#include "base/scoped.h"

struct err;

struct shape {
	struct cpuset online;
	struct cpuset *llc; /* by lowest CPU */
	unsigned nr_llcs;
	struct cpuset *node; /* by number; those with CPUs */
	unsigned nr_nodes;
	unsigned nr_memory_nodes;      /* those without */
	uint16_t capacity[CPUSET_MAX]; /* of each CPU; 0 where the kernel knows nothing of it */
};

void shape_fini(struct shape *s);
DEFINE_SCOPED_FINI(struct shape, shape_fini)
/* @sysfs is "/sys", or a copy of it. */
int shape_read(const char *sysfs, struct shape *ret, struct err *e);
/* Whether this is the machine that was declared ("AnBlCcDt", and what may be behind it); -EINVAL says what differs. */
int shape_check(const struct shape *s, const char *declared, struct err *e);
/* CPU text as ktstr.h describes it; "" and NULL are all CPUs. Never empty. */
int shape_cpus(const struct shape *s, const char *text, struct cpuset *ret, struct err *e);

#endif
