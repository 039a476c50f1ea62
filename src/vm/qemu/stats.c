/* SPDX-License-Identifier: GPL-2.0-only */
/* What the vCPU threads and QEMU itself use. */
#include <errno.h>

#include "base/err.h"
#include "vm/qemu/qemu.h"
#include "vm/usage.h"

/* The threads are known once QEMU has answered the question asked at its start. */
static int learn_threads(struct qemu *q, struct err *e)
{
	if (q->nr_tids || q->phase != PHASE_RUNNING)
		return 0;
	return control_await(q, q->tids_id, e);
}

int qemu_stats(struct vm *vm, struct vm_stats *ret, struct err *e)
{
	struct qemu *q = qemu_of(vm);
	int r = learn_threads(q, e);

	if (r < 0)
		return r;
	q->stats.setup_ns = q->setup_ns;
	q->stats.nr_vcpus = q->nr_tids;
	for (uint32_t i = 0; i < q->nr_tids && !r; i++)
		r = usage_of_thread(q->pid, q->tid[i], &q->sched_fd[i], &q->stats.vcpu[i]);
	if (!r)
		r = usage_of_thread(q->pid, q->pid, &q->loop_sched_fd, &q->stats.loop);
	/* guest memory is shared (shmem), so this is QEMU's own */
	if (!r && q->phase == PHASE_RUNNING)
		r = usage_of_memory(q->pid, &q->stats.rss_bytes);
	/* gone: the values before that are the last there are */
	if (r < 0 && r != -ESRCH && r != -ENOENT)
		return err_sys(e, r, "QEMU's threads");
	*ret = q->stats;
	return 0;
}
