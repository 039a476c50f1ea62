/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/scoped.h"

void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int hand_over_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

int read_full(int fd, void *buf, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = read(fd, (char *)buf + done, n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			return -ENODATA;
		done += (size_t)r;
	}
	return 0;
}

int write_full(int fd, const void *buf, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = write(fd, (const char *)buf + done, n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		done += (size_t)r;
	}
	return 0;
}

int pread_full(int fd, void *buf, size_t n, uint64_t off)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = pread(fd, (char *)buf + done, n - done, (off_t)(off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			return -ENODATA;
		done += (size_t)r;
	}
	return 0;
}

int pwrite_full(int fd, const void *buf, size_t n, uint64_t off)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = pwrite(fd, (const char *)buf + done, n - done, (off_t)(off + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		done += (size_t)r;
	}
	return 0;
}

int copy_front(int from, int to, uint64_t size)
{
	off_t at = 0;

	while ((uint64_t)at < size) {
		ssize_t n = sendfile(to, from, &at, (size_t)MIN(size - (uint64_t)at, 1ull << 30));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ENODATA;
	}
	return 0;
}

static int read_fd(int fd, size_t max, char **ret, size_t *ret_len)
{
	size_t cap = 4096, len = 0;
	SCOPED(mem_free) char *at = malloc(cap + 1);

	if (!at)
		return -ENOMEM;
	for (;;) {
		ssize_t r = read(fd, at + len, cap - len);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		len += (size_t)r;
		if (len > max)
			return -EFBIG;
		if (r == 0)
			break;
		if (len < cap)
			continue;
		char *more = realloc(at, cap * 2 + 1);
		if (!more)
			return -ENOMEM;
		at = more;
		cap *= 2;
	}
	at[len] = 0;
	if (ret_len)
		*ret_len = len;
	*ret = hand_over(at);
	return 0;
}

int read_file(const char *path, size_t max, char **ret, size_t *ret_len, struct err *e)
{
	SCOPED(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, -errno, "%s", path);
	int r = read_fd(fd, max, ret, ret_len);
	return r < 0 ? err_sys(e, r, "%s", path) : 0;
}

int read_line_at(int dirfd, const char *path, char *buf, size_t cap)
{
	SCOPED(close_fd) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, buf, cap - 1);
	if (n < 0)
		return -errno;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return (int)strlen(buf);
}

int write_attr(const char *path, const void *data, size_t n, struct err *e)
{
	SCOPED(close_fd) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, -errno, "%s", path);
	ssize_t r = write(fd, data, n);
	if (r < 0)
		return err_sys(e, -errno, "%s: writing \"%.*s\"", path, (int)n, (const char *)data);
	return (size_t)r == n ? 0 : err_set(e, -EIO, "%s: short write", path);
}

static int fill_and_rename(int fd, const char *tmp, const char *path, const void *data, size_t n)
{
	int r = write_full(fd, data, n);

	if (r < 0)
		return r;
	if (fsync(fd) < 0 || rename(tmp, path) < 0)
		return -errno;
	return 0;
}

int write_file_atomic(const char *path, const void *data, size_t n, mode_t mode, struct err *e)
{
	char tmp[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int dir = slash ? (int)(slash - path + 1) : 0;
	int len = snprintf(tmp, sizeof(tmp), "%.*s.tmp-%s-%d", dir, path, path + dir, getpid());

	if (len < 0 || (size_t)len >= sizeof(tmp))
		return err_sys(e, -ENAMETOOLONG, "%s", path);
	SCOPED(close_fd) int fd =
		open(tmp, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_sys(e, -errno, "%s", tmp);
	int r = fill_and_rename(fd, tmp, path, data, n);
	if (r < 0) {
		unlink(tmp);
		return err_sys(e, r, "%s", path);
	}
	return 0;
}

int make_dirs(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof(part))
		return err_sys(e, n ? -ENAMETOOLONG : -ENOENT, "directory \"%s\"", path);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_sys(e, -errno, "directory %s", part);
	}
	struct stat st;
	if (stat(path, &st) < 0)
		return err_sys(e, -errno, "directory %s", path);
	return S_ISDIR(st.st_mode) ? 0 : err_sys(e, -ENOTDIR, "%s", path);
}

static int remove_at(int dirfd, const char *name);

static int remove_children(int fd)
{
	DIR *d = fdopendir(fd); /* owns fd from here */
	struct dirent *de;
	int r = 0;

	if (!d) {
		close_fd(&fd);
		return -errno;
	}
	while (!r && (de = readdir(d)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			r = remove_at(dirfd(d), de->d_name);
	closedir(d);
	return r;
}

static int remove_at(int dirfd, const char *name)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = remove_children(fd);
	if (r < 0)
		return r;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int remove_tree(const char *path, struct err *e)
{
	int r = remove_at(AT_FDCWD, path);

	return r < 0 ? err_sys(e, r, "%s: removing", path) : 0;
}

int mapping_open_fd(struct mapping *m, int fd, const char *name, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, -errno, "%s", name);
	if (S_ISDIR(st.st_mode))
		return err_sys(e, -EISDIR, "%s", name);
	*m = (struct mapping){ 0 };
	if (st.st_size == 0)
		return 0;
	void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return err_sys(e, -errno, "%s", name);
	*m = (struct mapping){ .at = at, .len = (size_t)st.st_size };
	return 0;
}

int mapping_open(struct mapping *m, const char *path, struct err *e)
{
	SCOPED(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, -errno, "%s", path);
	return mapping_open_fd(m, fd, path, e);
}

void mapping_close(struct mapping *m)
{
	if (m->at)
		munmap((void *)(uintptr_t)m->at, m->len);
	*m = (struct mapping){ 0 };
}

int anon_file(const char *name, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	return fd < 0 ? err_sys(e, -errno, "anonymous file %s", name) : fd;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
