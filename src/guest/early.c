/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/early.h"

#include "guest/mount.h"
#include "guest/setup.h"
#include "guest/trace.h"
#include "link/job.h"

int early_prepare(struct early *ea, const struct job *j, struct err *e)
{
	if (ea->done)
		return 0;
	ea->done = true;
	int r = mount_rest(e);
	if (r < 0)
		return r;
	ea->no_trace = (struct err){ 0 };
	(void)trace_create(j, &ea->trace, &ea->no_trace);
	return 0;
}

int early_prepare_all(struct early *ea, const struct job *base, struct err *e)
{
	setup_loopback();
	ea->loopback = true;
	return early_prepare(ea, base, e);
}

void early_adopt(struct early *ea, const struct job *j)
{
	if (ea->trace && trace_aim(ea->trace, j, &ea->no_trace) == 0)
		return;
	trace_destroy(ea->trace);
	ea->trace = NULL;
}
