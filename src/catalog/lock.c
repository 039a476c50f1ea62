/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/lock_wait.h"
#include "base/scoped.h"
#include "catalog/cache.h"

static void dir_close(DIR *d)
{
	if (d)
		closedir(d);
}
DEFINE_SCOPED(DIR *, dir_close)

/* The kernel's own view of one descriptor: does the open file behind it hold a lock? */
static bool fd_is_locked(const char *pid, const char *fd)
{
	struct path info = path_format("/proc/%s/fdinfo/%s", pid, fd);
	SCOPED(mem_free) char *text = NULL;

	return read_file(info.s, 1 << 16, &text, NULL, NULL) == 0 && strstr(text, "\nlock:");
}

static bool pid_holds(const char *pid, const struct stat *file)
{
	struct path fds = path_format("/proc/%s/fd", pid);
	SCOPED(dir_close) DIR *d = opendir(fds.s);
	struct dirent *de;
	struct stat st;

	while (d && (de = readdir(d)))
		if (fstatat(dirfd(d), de->d_name, &st, 0) == 0 && st.st_dev == file->st_dev &&
		    st.st_ino == file->st_ino && fd_is_locked(pid, de->d_name))
			return true;
	return false;
}

static void put_process(char *buf, size_t cap, const char *pid)
{
	struct path file = path_format("/proc/%s/cmdline", pid);
	SCOPED(mem_free) char *cmd = NULL;
	size_t len = 0, used = strlen(buf);

	if (read_file(file.s, 1 << 21, &cmd, &len, NULL) < 0)
		return;
	while (len && !cmd[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)cmd[i] < 0x20)
			cmd[i] = ' ';
	snprintf(buf + used, cap - used, "%spid %s (%.60s)", used ? ", " : "", pid, cmd);
}

/* Children of one parent. The name in that file, between parentheses, may hold any of them. */
static bool is_sibling(const char *pid)
{
	struct path file = path_format("/proc/%s/stat", pid);
	SCOPED(mem_free) char *text = NULL;
	int parent;

	if (read_file(file.s, 1 << 12, &text, NULL, NULL) < 0)
		return false;
	const char *at = strrchr(text, ')');
	return at && sscanf(at, ") %*c %d", &parent) == 1 && parent == getppid();
}

/*
 * Searched by descriptor rather than in /proc/locks: that file names who took the lock (perhaps a
 * parent long gone), shows devices that stat() does not on btrfs and overlayfs, and omits other
 * pid namespaces.
 */
static void find_holders(int fd, char *buf, size_t cap, bool *ret_strangers)
{
	SCOPED(dir_close) DIR *proc = opendir("/proc");
	struct dirent *de;
	struct stat st;

	buf[0] = 0;
	*ret_strangers = false;
	if (fstat(fd, &st) == 0)
		while (proc && (de = readdir(proc)))
			if (de->d_name[0] >= '1' && de->d_name[0] <= '9' &&
			    pid_holds(de->d_name, &st)) {
				put_process(buf, cap, de->d_name);
				*ret_strangers |= !is_sibling(de->d_name);
			}
	if (buf[0])
		return;
	snprintf(buf, cap, "a process that cannot be seen from here");
	*ret_strangers = true;
}

void lock_holders(int fd, char *buf, size_t cap)
{
	bool strangers;

	find_holders(fd, buf, cap, &strangers);
}

struct whole_file {
	int fd, op;
};

static int take_whole(const void *what)
{
	const struct whole_file *f = what;

	return flock(f->fd, f->op) < 0 ? -errno : 0;
}

/* Read-only where the file may not be written: enough for a lock on local file systems. */
static int open_lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0 && (errno == EACCES || errno == EROFS))
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fd > 2)
		return fd < 0 ? -errno : fd;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int r = high < 0 ? -errno : high;
	close_fd(&fd);
	return r;
}

/* Lock files may be removed by whoever holds them exclusively; then ours is a lock on nothing. */
static bool still_named(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Who waits, and for whom. */
struct wait_tale {
	const struct patience *how;
	const char *what, *who;
	bool strangers; /* among those */
};

static void tell_wait(void *ctx)
{
	const struct wait_tale *t = ctx;
	char text[300];

	if (!t->how->on_wait || (t->how->strangers_only && !t->strangers))
		return;
	snprintf(text, sizeof(text), "%s, held by %s", t->what, t->who);
	t->how->on_wait(t->how->ctx, text);
}

static int lock_fd_take(int fd, int op, uint64_t wait_ns, const struct patience *how,
			const char *what, struct err *e)
{
	char who[200];
	struct wait_tale tale = { how, what, who, true };

	if (flock(fd, op | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_sys(e, -errno, "%s: lock", what);
	find_holders(fd, who, sizeof(who), &tale.strangers);
	if (!wait_ns)
		return err_set(e, -EBUSY, "%s: in use by %s", what, who);
	struct lock_wait w = { .deadline_ns = now_ns() + wait_ns,
			       .cancel_fds = how->cancel_fds,
			       .on_wait = tell_wait,
			       .ctx = &tale };
	int r = lock_wait(&w, take_whole, &(struct whole_file){ fd, op });
	if (r == -EBUSY)
		return err_set(e, r, "%s: still in use after %u s by %s", what,
			       (unsigned)(wait_ns / 1000000000), who);
	if (r == -EINTR)
		return err_set(e, r, "%s: no longer waiting for %s", what, who);
	return r < 0 ? err_sys(e, r, "%s: lock", what) : 0;
}

int lock_take(const char *path, int op, uint64_t wait_ns, const char *what,
	      const struct patience *how, int *ret, struct err *e)
{
	static const struct patience silent = { 0 };

	for (;;) {
		SCOPED(close_fd) int fd = open_lock(path);

		if (fd < 0)
			return err_sys(e, fd, "%s", path);
		int r = lock_fd_take(fd, op, wait_ns, how ? how : &silent, what, e);
		if (r < 0)
			return r;
		if (still_named(fd, path)) {
			*ret = hand_over_fd(&fd);
			return 0;
		}
	}
}
