/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds, checks, publishes and forgets cached parts. */
#include "image/part.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "image/decompress.h"
#include "image/guest.h"
#include "image/part_plan.h"
#include "image/plan.h"

#define PLAN_MAX (16u << 20)
#define CHUNK (256u << 10)
#define CLOCK_STEP_NS 20000000u /* file times move at least this often: twice a tick of 100 Hz */
#define CACHE_MAX (512ull << 20)
#define CACHE_KEPT (384ull << 20)

static int unusable(struct err *e, int code, const char *dir)
{
	return err_set(e, code, "cache %s/parts: %s (XDG_CACHE_HOME decides where it is)", dir,
		       strerror(-code));
}

static int open_dir(const char *dir, bool make, int *ret, struct err *e)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/parts", dir) >= (int)sizeof(path))
		return unusable(e, -ENAMETOOLONG, dir);
	int r = make ? make_dirs(path, 0755, e) : 0;
	if (r < 0)
		return unusable(e, r, dir);
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? unusable(e, -errno, dir) : 0;
}

static void file_name(char *ret, size_t cap, const char *name, const char *suffix)
{
	snprintf(ret, cap, "%s.%s", name, suffix);
}

/* Reads the plan of a request and sees whether it still holds: 1 or 0. */
static int find_plan(int dir, const char *request, struct part_plan *ret)
{
	char path[PATH_MAX], name[NAME_MAX];
	SCOPED(mem_free) char *text = NULL;
	size_t len;

	file_name(name, sizeof(name), request, "plan");
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	if (read_file(path, PLAN_MAX, &text, &len, NULL) < 0)
		return 0;
	return part_plan_parse(text, len, ret) == 0 && inputs_unchanged(&ret->in);
}

static int copy_checked(int from, int to, const struct pack_result *sum, struct err *e)
{
	SCOPED(mem_free) char *chunk = malloc(CHUNK);
	uint64_t crc = 0;

	if (!chunk)
		return err_sys(e, -ENOMEM, "guest archive");
	for (uint64_t left = sum->size; left;) {
		size_t n = (size_t)MIN(left, (uint64_t)CHUNK);

		if (read_full(from, chunk, n) < 0)
			return 0;
		int r = write_full(to, chunk, n);
		if (r < 0)
			return err_sys(e, r, "guest archive: writing");
		crc = checksum64(crc, chunk, n);
		left -= n;
	}
	return crc == sum->crc;
}

/* 1 if the archive is there and whole; what was written of a damaged one is taken back. */
static int fetch_archive(int dir, const struct part_plan *p, int fd, struct err *e)
{
	char name[NAME_MAX];

	file_name(name, sizeof(name), p->archive, "newc");
	SCOPED(close_fd) int from = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return 0;
	int r = copy_checked(from, fd, &p->sum, e);
	if (!r && (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		return err_sys(e, -errno, "guest archive");
	/* The time of last use decides what is forgotten first; a cache of others is only read. */
	if (r == 1)
		(void)!futimens(from, NULL);
	return r;
}

int part_fetch(const char *dir, const char *request, int fd, struct part_hit *ret, struct err *e)
{
	SCOPED(part_plan_fini) struct part_plan p = { 0 };
	SCOPED(close_fd) int d = -1;
	int r = open_dir(dir, false, &d, e);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!find_plan(d, request, &p))
		return 0;
	r = fetch_archive(d, &p, fd, e);
	if (r == 1) {
		*ret = (struct part_hit){ .sum = p.sum, .modules = hand_over(p.modules) };
		memcpy(ret->archive, p.archive, sizeof(p.archive));
		p.nr_modules = 0;
	}
	return r;
}

/* An unnamed file never stays behind, whatever happens to us; a name appears when it is whole. */
static int publish(int dir, int file, const char *name)
{
	char from[64];
	int r;

	snprintf(from, sizeof(from), "/proc/self/fd/%d", file);
	for (int tries = 0; tries < 100; tries++) {
		r = linkat(AT_FDCWD, from, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
		if (r != -EEXIST)
			return r;
		/* what has the name is outdated or damaged; somebody may be doing the same */
		if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
			return -errno;
	}
	return r;
}

/* Fills an unnamed file from @text or else from @fd, and names it. */
static int store_file(int dir, const char *name, const struct buf *text, int fd, uint64_t size)
{
	SCOPED(close_fd) int file = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);

	if (file < 0)
		return -errno;
	int r = text ? write_full(file, text->at, text->len) : copy_front(fd, file, size);
	return r ? r : publish(dir, file, name);
}

struct aged {
	struct timespec used;
	uint64_t size;
	char name[NAME_MAX + 1];
};

static int by_age(const void *a, const void *b)
{
	const struct timespec *x = &((const struct aged *)a)->used;
	const struct timespec *y = &((const struct aged *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static struct aged *list_files(DIR *d, size_t *ret_nr)
{
	struct aged *at = NULL;
	size_t nr = 0;
	struct dirent *de;

	while ((de = readdir(d))) {
		struct stat st;

		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		struct aged *more = realloc(at, (nr + 1) * sizeof(*at));
		if (!more)
			break;
		at = more;
		at[nr] = (struct aged){ .used = st.st_mtim, .size = (uint64_t)st.st_size };
		snprintf(at[nr++].name, sizeof(at->name), "%s", de->d_name);
	}
	*ret_nr = nr;
	return at;
}

/* Forgets what was not used for longest. Who reads it right now has it open and loses nothing. */
static void trim(int dir)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again); /* owns it from here */
	uint64_t total = 0;
	size_t nr = 0;

	if (!d) {
		close_fd(&again);
		return;
	}
	SCOPED(mem_free) struct aged *at = list_files(d, &nr);
	for (size_t i = 0; i < nr; i++)
		total += at[i].size;
	bool full = total > CACHE_MAX;
	if (full)
		qsort(at, nr, sizeof(*at), by_age);
	for (size_t i = 0; full && total > CACHE_KEPT && i < nr; i++)
		if (unlinkat(dir, at[i].name, 0) == 0)
			total -= at[i].size;
	closedir(d);
}

static bool is_settled(const struct inputs *in, uint64_t started_ns)
{
	for (size_t i = 0; i < in->nr; i++)
		if (in->at[i].id.ctime_ns + CLOCK_STEP_NS > started_ns)
			return false;
	return true;
}

static size_t count(char **list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

int part_store(const char *dir, const char *request, const struct guest_plan *p,
	       uint64_t started_ns, const struct pack_result *sum, int fd,
	       char ret_archive[PART_NAME_LEN + 1], struct err *e)
{
	struct part_plan plan = { .sum = *sum, .modules = p->modules, .in = p->in };
	SCOPED(buf_fini) struct buf text = { 0 };
	SCOPED(close_fd) int d = -1;
	char name[NAME_MAX];

	plan.nr_modules = count(p->modules);
	part_archive_name(p, plan.archive);
	if (!is_settled(&p->in, started_ns) || !part_plan_write(&plan, &text))
		return 0;
	int r = open_dir(dir, true, &d, e);
	if (r < 0)
		return r;
	file_name(name, sizeof(name), plan.archive, "newc");
	r = store_file(d, name, NULL, fd, sum->size);
	if (!r) {
		file_name(name, sizeof(name), request, "plan");
		r = store_file(d, name, &text, -1, 0);
	}
	if (r == -EOPNOTSUPP || r == -EISDIR)
		return 0; /* a file system without O_TMPFILE: then there is no cache */
	trim(d);
	if (r < 0)
		return unusable(e, r, dir);
	memcpy(ret_archive, plan.archive, sizeof(plan.archive));
	return 1;
}
