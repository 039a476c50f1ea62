/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Descriptors and whole files. Every descriptor is close-on-exec; raw close() lives only here. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* Closes *fd unless it is negative, and sets it to -1; keeps errno. SCOPED(close_fd) int fd = -1; */
void close_fd(int *fd);
static inline void close_fd_scoped(int *fd)
{
	close_fd(fd);
}

/* Moves a descriptor out of @fd. */
int hand_over_fd(int *fd);

/* Whole-buffer transfer over EINTR and short counts. 0 or negative errno; short file: -ENODATA. */
int read_full(int fd, void *buf, size_t n);
int write_full(int fd, const void *buf, size_t n);
int pread_full(int fd, void *buf, size_t n, uint64_t off);
int pwrite_full(int fd, const void *buf, size_t n, uint64_t off);
/* Appends the first @size bytes of the file @from to @to. 0 or negative errno, as above. */
int copy_front(int from, int to, uint64_t size);

/*
 * Reads at most @max bytes of @path (works for procfs and sysfs: no size needed) into a fresh
 * NUL-terminated allocation. Larger file: -EFBIG. *ret_len excludes the NUL and may be NULL.
 */
int read_file(const char *path, size_t max, char **ret, size_t *ret_len, struct err *e);

/* Like read_file() for one line of sysfs: into @buf, newline cut off. Returns length or -errno. */
int read_line_at(int dirfd, const char *path, char *buf, size_t cap);

/* Writes @n bytes to an existing file such as a cgroup attribute, in one write(2). */
int write_attr(const char *path, const void *data, size_t n, struct err *e);

/*
 * Creates or replaces @path atomically: temporary name in the same directory (dot file carrying
 * the pid), fsync, rename. Nothing is left behind on failure.
 */
int write_file_atomic(const char *path, const void *data, size_t n, mode_t mode, struct err *e);

/* mkdir -p. An existing directory is fine. */
int make_dirs(const char *path, mode_t mode, struct err *e);

/* rm -r below and including @path, never following symlinks. A missing path is fine. */
int remove_tree(const char *path, struct err *e);

/* Read-only private mapping of a whole regular file. Empty file: at = NULL, len = 0. */
struct mapping {
	const uint8_t *at;
	size_t len;
};
int mapping_open(struct mapping *m, const char *path, struct err *e);
int mapping_open_fd(struct mapping *m, int fd, const char *name, struct err *e);
void mapping_close(struct mapping *m);
static inline void mapping_close_scoped(struct mapping *m)
{
	mapping_close(m);
}

/* Sealed-size-free anonymous file (memfd), close-on-exec. */
int anon_file(const char *name, struct err *e);

/* Monotonic now in nanoseconds. */
uint64_t now_ns(void);

#endif
