/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/mount.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"

struct mount_row {
	const char *type, *at, *data;
	unsigned long flags;
	bool optional; /* a kernel may be built without it */
};

#define PLAIN (MS_NOSUID | MS_NOEXEC | MS_NODEV)

static const struct mount_row first[] = {
	{ "proc", "/proc", NULL, PLAIN, false },
	{ "sysfs", "/sys", NULL, PLAIN, false },
	{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID, false },
};

static const struct mount_row rest[] = {
	{ "tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV, false },
	{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, false },
	{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, false },
	{ "devpts", "/dev/pts", "gid=5,mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC, true },
	{ "cgroup2", GUEST_CGROUP_ROOT, NULL, PLAIN, true },
	{ "debugfs", "/sys/kernel/debug", NULL, PLAIN, true },
	{ "tracefs", "/sys/kernel/tracing", NULL, PLAIN, true },
	{ "bpf", "/sys/fs/bpf", "mode=0700", PLAIN, true },
};

static int mount_row(const struct mount_row *m, struct err *e)
{
	/* Mount points below /sys exist exactly if the kernel has the file system. */
	bool in_sysfs = !strncmp(m->at, "/sys/", 5);

	if (in_sysfs && access(m->at, F_OK) < 0)
		return m->optional ? 0 : err_sys(e, -errno, "%s", m->at);
	int r = in_sysfs ? 0 : make_dirs(m->at, 0755, e);
	if (r < 0)
		return r;
	if (mount(m->type, m->at, m->type, m->flags, m->data) == 0 || errno == EBUSY)
		return 0;
	if (m->optional && errno == ENODEV)
		return 0;
	return err_sys(e, -errno, "mounting %s on %s", m->type, m->at);
}

static int link_names(struct err *e)
{
	static const char *const names[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (symlink(names[i][0], names[i][1]) < 0 && errno != EEXIST)
			return err_sys(e, -errno, "%s", names[i][1]);
	return 0;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ' ') && strchr(" \n", p[n]))
			return true;
	return false;
}

/* One by one, because one refusal would take the others with it. */
static int enable_controllers(struct err *e)
{
	static const char *const useful[] = { "cpuset", "cpu", "memory", "io", "pids" };
	SCOPED(mem_free) char *offered = NULL;

	if (access(GUEST_CGROUP_ROOT "/cgroup.controllers", F_OK) < 0)
		return 0;
	int r = read_file(GUEST_CGROUP_ROOT "/cgroup.controllers", 4096, &offered, NULL, e);
	for (size_t i = 0; !r && i < ARRAY_SIZE(useful); i++) {
		char plus[16];

		if (!has_word(offered, useful[i]))
			continue;
		snprintf(plus, sizeof(plus), "+%s", useful[i]);
		r = write_attr(GUEST_CGROUP_ROOT "/cgroup.subtree_control", plus, strlen(plus), e);
	}
	return r;
}

static int mount_rows(const struct mount_row *rows, size_t n, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = mount_row(&rows[i], e);
	return r;
}

int mount_first(struct err *e)
{
	return mount_rows(first, ARRAY_SIZE(first), e);
}

/* Mounting cgroup2 waits for every CPU; nobody else is there yet whom it could disturb. */
static void hurry(const char *yes)
{
	write_attr("/sys/kernel/rcu_expedited", yes, 1, NULL);
}

int mount_rest(struct err *e)
{
	hurry("1");
	int r = mount_rows(rest, ARRAY_SIZE(rest), e);
	if (!r)
		r = link_names(e);
	if (!r)
		r = enable_controllers(e);
	hurry("0");
	return r;
}
