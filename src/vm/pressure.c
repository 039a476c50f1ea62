/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/pressure.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"

static void dir_close(DIR *d)
{
	if (d)
		closedir(d);
}
DEFINE_SCOPED(DIR *, dir_close)

static uint64_t count_fds(void)
{
	SCOPED(dir_close) DIR *d = opendir("/proc/self/fd");
	uint64_t n = 0;

	while (d && readdir(d))
		n++;
	return n > 3 ? n - 3 : 0; /* ".", ".." and the directory itself */
}

static uint64_t status_field(const char *pid, const char *name)
{
	SCOPED(mem_free) char *text = NULL;
	char path[64];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
	if (read_file(path, 1 << 16, &text, NULL, NULL) < 0)
		return 0;
	at = strstr(text, name);
	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/* RLIMIT_NPROC counts the threads of all processes of a user. */
static uint64_t count_tasks(void)
{
	SCOPED(dir_close) DIR *proc = opendir("/proc");
	const struct dirent *de;
	uint64_t n = 0;
	struct stat st;

	while (proc && (de = readdir(proc)))
		if (de->d_name[0] >= '1' && de->d_name[0] <= '9' &&
		    fstatat(dirfd(proc), de->d_name, &st, 0) == 0 && st.st_uid == getuid())
			n += status_field(de->d_name, "\nThreads:");
	return n;
}

static uint64_t soft_limit(int what)
{
	struct rlimit l;

	return getrlimit((__rlimit_resource_t)what, &l) < 0 || l.rlim_cur == RLIM_INFINITY
		       ? UINT64_MAX
		       : l.rlim_cur;
}

void pressure_read(struct pressure *ret)
{
	*ret = (struct pressure){
		.fds = count_fds(),
		.fd_limit = soft_limit(RLIMIT_NOFILE),
		.tasks = count_tasks(),
		.task_limit = soft_limit(RLIMIT_NPROC),
		.rss_bytes = status_field("self", "\nVmRSS:") * 1024,
		.threads = (uint32_t)status_field("self", "\nThreads:"),
	};
}

static bool near(uint64_t have, uint64_t limit)
{
	return limit != UINT64_MAX && have >= limit - limit / 10;
}

bool pressure_is_near(const struct pressure *p)
{
	return near(p->fds, p->fd_limit) || near(p->tasks, p->task_limit);
}

void pressure_judge(struct err *e, const struct pressure *p, bool no_excuse)
{
	bool is_near = pressure_is_near(p);

	if (e->cls != ERR_CONTENTION)
		return;
	size_t n = strlen(e->text);
	snprintf(e->text + n, sizeof(e->text) - n,
		 " (this process: %llu descriptors, %llu MiB, %u threads; %s)",
		 (unsigned long long)p->fds, (unsigned long long)(p->rss_bytes >> 20), p->threads,
		 is_near ? "near a limit" : "not near a limit");
	if (no_excuse && !is_near)
		e->cls = ERR_HARD;
}

void pressure_tell(struct err *e)
{
	const char *bypass = getenv("KTSTR_CONTENTION_BYPASS");
	struct pressure p;

	if (!e || e->cls != ERR_CONTENTION)
		return;
	pressure_read(&p);
	pressure_judge(e, &p, bypass && !strcmp(bypass, "1"));
}
