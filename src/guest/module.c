/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/module.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "link/job.h"

static int load(const char *name, struct err *e)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), GUEST_MODULE_DIR "/%s", name);
	SCOPED(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, -errno, "module %s", name);
	if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
		return err_sys(e, -errno, "module %s: loading", name);
	return 0;
}

int modules_load(const struct job_list *names, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < names->nr; i++)
		r = load(names->at[i], e);
	return r;
}
