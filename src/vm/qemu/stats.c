/* SPDX-License-Identifier: GPL-2.0-only */
/* What the vCPU threads and QEMU itself use, from /proc; cheap enough to be read often. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "vm/qemu/qemu.h"

/* First line of schedstat: time on CPU, time waiting for one, number of slices. */
static int read_vcpu(struct qemu *q, uint32_t n, struct vm_vcpu_time *ret)
{
	char text[96], *end;

	if (q->sched_fd[n] < 0) {
		snprintf(text, sizeof(text), "/proc/%d/task/%d/schedstat", q->pid, q->tid[n]);
		q->sched_fd[n] = open(text, O_RDONLY | O_CLOEXEC);
	}
	ssize_t k = q->sched_fd[n] < 0 ? -1 : pread(q->sched_fd[n], text, sizeof(text) - 1, 0);
	if (k < 0)
		return -errno;
	text[k] = 0;
	ret->run_ns = strtoull(text, &end, 10);
	ret->wait_ns = strtoull(end, NULL, 10);
	return 0;
}

static uint64_t status_field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

/* Guest memory is shared (shmem), so what is private or mapped from files is QEMU's own. */
static int read_rss(struct qemu *q, uint64_t *ret)
{
	SCOPED(mem_free) char *text = NULL;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/status", q->pid);
	int r = read_file(path, 16384, &text, NULL, NULL);
	if (r < 0)
		return r;
	*ret = status_field(text, "RssAnon:") + status_field(text, "RssFile:");
	return 0;
}

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
		r = read_vcpu(q, i, &q->stats.vcpu[i]);
	if (!r && q->phase == PHASE_RUNNING)
		r = read_rss(q, &q->stats.rss_bytes);
	/* gone: the values before that are the last there are */
	if (r < 0 && r != -ESRCH && r != -ENOENT)
		return err_sys(e, r, "QEMU's threads");
	*ret = q->stats;
	return 0;
}
