/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/scoped.h"
#include "vm/vm.h"

/* First line of schedstat: time on CPU, time waiting for one, number of slices. */
int usage_of_thread(pid_t pid, pid_t tid, int *fd, struct vm_vcpu_time *ret)
{
	char text[96], *end;

	if (*fd < 0) {
		snprintf(text, sizeof(text), "/proc/%d/task/%d/schedstat", pid, tid);
		*fd = open(text, O_RDONLY | O_CLOEXEC);
	}
	ssize_t n = *fd < 0 ? -1 : pread(*fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return -errno;
	text[n] = 0;
	ret->run_ns = strtoull(text, &end, 10);
	ret->wait_ns = strtoull(end, NULL, 10);
	return 0;
}

static uint64_t status_field(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

int usage_of_memory(pid_t pid, uint64_t *ret)
{
	SCOPED(mem_free) char *text = NULL;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	int r = read_file(path, 16384, &text, NULL, NULL);
	if (r < 0)
		return r;
	*ret = status_field(text, "RssAnon:") + status_field(text, "RssFile:");
	return 0;
}
