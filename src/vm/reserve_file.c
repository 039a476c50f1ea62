/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Byte 0 of a cache's file is its lock; then come signatures, each locked by who wrote it, so that
 * those of the dead are known by being unlocked.
 */
#include "vm/reserve_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "base/text.h"
#include "vm/reserve.h"

#define SIGNATURE_MAX 192
#define SIGNATURES 128
#define SIGNATURES_AT 64

/* ---- the directory and its files ---- */

/* Locks there are kept by a server, or by nobody. */
static const char *remote_name(const struct statfs *fs)
{
	static const struct {
		uint32_t magic;
		const char *name;
	} remote[] = {
		{ NFS_SUPER_MAGIC, "NFS" },   { SMB_SUPER_MAGIC, "SMB" },
		{ CIFS_SUPER_MAGIC, "CIFS" }, { SMB2_SUPER_MAGIC, "SMB2" },
		{ CEPH_SUPER_MAGIC, "Ceph" }, { AFS_SUPER_MAGIC, "AFS" },
		{ FUSE_SUPER_MAGIC, "FUSE" }, { V9FS_MAGIC, "9p" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(remote); i++)
		if ((uint32_t)fs->f_type == remote[i].magic)
			return remote[i].name;
	return NULL;
}

static int check_dir(int fd, const char *path, struct err *e)
{
	struct stat st;
	struct statfs fs;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return err_sys(e, -errno, "%s", path);
	if (st.st_uid != geteuid())
		return err_set(e, -EPERM, "%s: belongs to another user", path);
	if (st.st_mode & 022)
		return err_set(e, -EPERM, "%s: others may write there", path);
	if (remote_name(&fs))
		return err_set(e, -ENOTSUP,
			       "%s: on a remote file system (%s), where locks do not hold", path,
			       remote_name(&fs));
	return 0;
}

static int open_dir(const char *path, struct err *e)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, -errno, "%s", path);
	SCOPED(close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, -errno, "%s", path);
	int r = check_dir(fd, path, e);
	return r < 0 ? r : hand_over_fd(&fd);
}

/* Under sudo it may be another user's. */
static bool is_ours(const char *path)
{
	struct stat st;

	return path && path[0] == '/' && stat(path, &st) == 0 && st.st_uid == geteuid();
}

int reserve_open_dir(const char *dir, struct err *e)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	SCOPED(buf_fini) struct buf path = { 0 };

	if (dir)
		buf_puts(&path, dir);
	else if (is_ours(runtime))
		buf_printf(&path, "%s/ktstr", runtime);
	else
		buf_printf(&path, "/tmp/ktstr-%u", (unsigned)geteuid());
	if (path.bad)
		return err_sys(e, path.bad, "reservation");
	int r = open_dir(buf_str(&path), e);
	return r < 0 ? err_frame(e, "reservation"), r : r;
}

int lock_file_open(int dir, const char *name, struct err *e)
{
	SCOPED(close_fd) int fd =
		openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, -errno, "reservation: %s", name);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return err_set(e, -EPERM, "reservation: %s: not a file of ours", name);
	return hand_over_fd(&fd);
}

/* ---- locks ---- */

static int ofd_lock(int fd, int cmd, short type, uint64_t at, uint64_t len)
{
	struct flock l = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = (off_t)len
	};

	if (fcntl(fd, cmd, &l) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

int lock_range(int fd, short type, uint64_t at, uint64_t len)
{
	return ofd_lock(fd, F_OFD_SETLK, type, at, len);
}

struct range {
	int fd;
	short type;
	uint64_t at, len;
};

static int take_range(const void *what)
{
	const struct range *r = what;

	return ofd_lock(r->fd, F_OFD_SETLKW, r->type, r->at, r->len);
}

int lock_range_wait(int fd, short type, uint64_t at, uint64_t len, struct lock_wait *w)
{
	int r = lock_range(fd, type, at, len);

	if (r != -EBUSY || now_ns() >= w->deadline_ns)
		return r;
	r = lock_wait(w, take_range, &(struct range){ fd, type, at, len });
	if (r < 0) /* the child may have got it just before it was stopped */
		lock_range(fd, F_UNLCK, at, len);
	return r;
}

/* What kind of lock others have there: F_UNLCK, F_RDLCK or F_WRLCK. */
static short others_have(int fd, uint64_t at)
{
	struct flock l = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = 1
	};

	return fcntl(fd, F_OFD_GETLK, &l) == 0 ? l.l_type : F_UNLCK;
}

/* ---- signatures ---- */

void lock_file_sign(int fd, uint32_t cpus, const char *run)
{
	char text[SIGNATURE_MAX] = { 0 }, command[20] = { 0 };
	uint64_t at = SIGNATURES_AT;

	if (prctl(PR_GET_NAME, command) < 0)
		command[0] = 0;
	snprintf(text, sizeof(text), "%u pid %d (%s: %s)", cpus, (int)getpid(), command, run);
	for (int i = 0; i < SIGNATURES; i++, at += SIGNATURE_MAX)
		if (lock_range(fd, F_WRLCK, at, 1) == 0) {
			/* Without it, a lock nobody signed: "a process that did not say". */
			if (pwrite(fd, text, sizeof(text), (off_t)at) < 0)
				lock_range(fd, F_UNLCK, at, 1);
			return;
		}
}

static void add_name(struct buf *who, const char *name, size_t n)
{
	SCOPED(buf_fini) struct buf clean = { 0 };

	buf_put_clean(&clean, name, n, false);
	/* Who holds several caches is one holder. */
	if (!who->len || !strstr(buf_str(who), buf_str(&clean)))
		buf_printf(who, "%s%s", who->len ? ", " : "", buf_str(&clean));
}

static void read_signature(const char *s, struct pin_load *ret, struct buf *who)
{
	char text[SIGNATURE_MAX + 1], *end;

	snprintf(text, sizeof(text), "%.*s", SIGNATURE_MAX, s);
	unsigned long cpus = strtoul(text, &end, 10);
	ret->claimed += (uint32_t)MIN(cpus, PIN_MAX_CPUS);
	if (who && *end == ' ')
		add_name(who, end + 1, strlen(end + 1));
}

void lock_file_survey(int fd, struct pin_load *ret, struct buf *who)
{
	static char text[SIGNATURES * SIGNATURE_MAX];
	short lock = others_have(fd, 0);

	*ret = (struct pin_load){ .taken = lock == F_WRLCK };
	if (lock == F_UNLCK)
		return;
	ssize_t n = pread(fd, text, sizeof(text), SIGNATURES_AT);
	for (ssize_t at = 0; at + SIGNATURE_MAX <= n; at += SIGNATURE_MAX)
		if (others_have(fd, (uint64_t)(SIGNATURES_AT + at)) != F_UNLCK)
			read_signature(text + at, ret, who);
	if (!ret->claimed) {
		ret->claimed = 1;
		if (who)
			add_name(who, "a process that did not say", 26);
	}
}
