/* SPDX-License-Identifier: GPL-2.0-only */
/* Arguments and environments of what init starts. */
#ifndef GUEST_ENV_H
#define GUEST_ENV_H

#include "link/job.h"

/* The variables every child has, overridden and added to by the job's. 0 or -ENOMEM. */
int env_build(const struct job *j, struct job_list *ret);
/* Sets one, in place of another of that name. */
int env_set(struct job_list *env, const char *name_and_value);

void list_fini(struct job_list *l);
static inline void list_fini_scoped(struct job_list *l)
{
	list_fini(l);
}

/* The form execve() takes; the strings stay the list's. NULL = no memory. Free it. */
char **list_vector(const struct job_list *l);

#endif
