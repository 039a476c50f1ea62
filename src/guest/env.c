/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"

void list_fini(struct job_list *l)
{
	for (size_t i = 0; i < l->nr; i++)
		free(l->at[i]);
	free(l->at);
	*l = (struct job_list){ 0 };
}

char **list_vector(const struct job_list *l)
{
	char **v = calloc(l->nr + 1, sizeof(*v));

	if (v && l->nr)
		memcpy(v, l->at, l->nr * sizeof(*v));
	return v;
}

int env_set(struct job_list *env, const char *name_and_value)
{
	size_t name = strcspn(name_and_value, "=") + 1;

	for (size_t i = 0; i < env->nr; i++)
		if (!strncmp(env->at[i], name_and_value, name))
			return job_set(&env->at[i], name_and_value);
	return job_list_add(env, name_and_value);
}

int env_build(const struct job *j, struct job_list *ret)
{
	static const char *const always[] = {
		"PATH=" GUEST_BIN_DIR ":/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root",
		"TERM=linux",
	};
	SCOPED(list_fini) struct job_list env = { 0 };
	SCOPED(mem_free) char *term = NULL;
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(always); i++)
		r = env_set(&env, always[i]);
	if (!r && j->term)
		r = asprintf(&term, "TERM=%s", j->term) < 0 ? -ENOMEM : env_set(&env, term);
	for (size_t i = 0; !r && i < j->env.nr; i++)
		r = env_set(&env, j->env.at[i]);
	if (r < 0)
		return r;
	*ret = env;
	env = (struct job_list){ 0 };
	return 0;
}
