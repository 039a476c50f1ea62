/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The job file: parsed and written in one place, for both ends. */
#ifndef LINK_JOB_H
#define LINK_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/job.h"
#include "base/buf.h"

struct err;

struct job_list {
	char **at;
	size_t nr;
};

/* NULL = key absent. Owned by the job. */
struct job {
#define JOB_FIELD(field, key) char *field;
	JOB_KEYS(JOB_FIELD)
#undef JOB_FIELD
	struct job_list args, sched_args, modules, env, sysctls;
};

void job_fini(struct job *j);
static inline void job_fini_scoped(struct job *j)
{
	job_fini(j);
}
/* Text values are copied; line feeds are kept. */
int job_set(char **field, const char *value);
/* As decimal digits, at least @width of them. */
int job_set_number(char **field, int width, uint64_t v);
int job_list_add(struct job_list *l, const char *value);
/* Whether nothing will ever come from the host. */
bool job_in_virtual_time(const struct job *j);
int job_write(const struct job *j, struct buf *out, struct err *e);
/* @text need not be NUL-terminated. Names the line and key on error. */
int job_parse(const char *text, size_t len, struct job *ret, struct err *e);

#endif
