/* SPDX-License-Identifier: GPL-2.0-only */
/* No compiler for BPF was there when ktstr was built. */
#include "guest/trace.h"

#include <errno.h>

#include "base/err.h"
#include "link/job.h"

void trace_destroy(struct trace *t)
{
}

int trace_create(const struct job *j, struct trace **ret, struct err *e)
{
	return j->events ? err_set(e, -EOPNOTSUPP, "this ktstr was built without clang or bpftool")
			 : 0;
}

int trace_aim(struct trace *t, const struct job *j, struct err *e)
{
	return -EINVAL;
}

void trace_begin(struct trace *t)
{
}

void trace_end(struct trace *t)
{
}

bool trace_send(struct trace *t, struct uplink *up)
{
	return true;
}
