/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "author/work.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"

#define MAX_WORKERS 4096

/* Every work type there is; see struct work_type for how to add one. */
static const struct work_type *const types[] = {
	[KTSTR_SPIN_WAIT] = &work_spin_wait,
	[KTSTR_YIELD_HEAVY] = &work_yield_heavy,
	[KTSTR_BURSTY] = &work_bursty,
	[KTSTR_PIPE_IO] = &work_pipe_io,
	[KTSTR_FUTEX_PING_PONG] = &work_futex_ping_pong,
	[KTSTR_FUTEX_FAN_OUT] = &work_futex_fan_out,
	[KTSTR_FORK_EXIT] = &work_fork_exit,
	[KTSTR_CACHE_PRESSURE] = &work_cache_pressure,
	[KTSTR_PAGE_FAULT_CHURN] = &work_page_fault_churn,
	[KTSTR_MUTEX_CONTENTION] = &work_mutex_contention,
};
static_assert(ARRAY_SIZE(types) == KTSTR_NR_WORKS, "a work type has no row");

const struct work_type *work_find(enum ktstr_work work)
{
	return (unsigned)work < ARRAY_SIZE(types) ? types[work] : NULL;
}

static unsigned *param_of(struct ktstr_workers *args, size_t at)
{
	return (unsigned *)(void *)((char *)args + at);
}

unsigned work_group_size(const struct work_type *type, const struct ktstr_workers *args)
{
	unsigned n = type->group;

	if (type->group_by)
		n += *(const unsigned *)(const void *)((const char *)args + type->group_by);
	return n;
}

/* A parameter of another type is a mistake that would go unnoticed for long. */
static int refuse_foreign(struct ktstr_workers *args, const struct work_type *own, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct work_param *p = types[i]->params;

		for (; types[i] != own && p && p->name; p++)
			if (*param_of(args, p->at))
				return err_set(
					e, -EINVAL,
					"%s is given, but the work is %s and does not use it",
					p->name, own->name);
	}
	return 0;
}

static int complete_params(struct ktstr_workers *args, const struct work_type *type, struct err *e)
{
	for (const struct work_param *p = type->params; p && p->name; p++) {
		unsigned *v = param_of(args, p->at);

		if (!*v)
			*v = p->standard;
		if (*v < p->low || *v > p->high)
			return err_set(e, -EINVAL, "%s = %u is not between %u and %u", p->name, *v,
				       p->low, p->high);
	}
	return 0;
}

int work_complete(struct ktstr_workers *args, struct err *e)
{
	const struct work_type *type = work_find(args->work);

	if (!type)
		return err_set(e, -EINVAL, "there is no work type %d", (int)args->work);
	int r = refuse_foreign(args, type, e);
	if (r < 0)
		return r;
	r = complete_params(args, type, e);
	if (r < 0)
		return r;
	unsigned group = work_group_size(type, args);
	if (!args->workers)
		args->workers = group;
	if (args->workers % group)
		return err_set(e, -EINVAL,
			       "%s works in groups of %u, and %u workers do not divide into them",
			       type->name, group, args->workers);
	if (args->workers > MAX_WORKERS)
		return err_set(e, -EINVAL, "%u workers are more than %u", args->workers,
			       MAX_WORKERS);
	if (args->nice < -20 || args->nice > 19)
		return err_set(e, -EINVAL, "nice %d is not between -20 and 19", args->nice);
	return 0;
}
