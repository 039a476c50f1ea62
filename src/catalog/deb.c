/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/deb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "catalog/cache.h"
#include "catalog/libarchive.h"

#define FILES_MAX 100000

static void archive_done(struct archive *a)
{
	if (a)
		libarchive.read_free(a);
}
DEFINE_SCOPED(struct archive *, archive_done)

/* Hands the body of a member of the ar archive to the reader of the tar archive in it. */
struct feeder {
	struct archive *outer; /* borrowed from deb_unpack() */
	char block[65536];
};

struct unpack {
	bool (*wanted)(const char *name);
	const char *dir;
	uint64_t left; /* bytes that may still be written */
	uint32_t nr_files;
	char block[65536];
};

/* Wants libarchive's own words where it has some. */
static int broken(struct archive *a, const char *what, struct err *e)
{
	const char *why = libarchive.error_string(a);

	return err_set(e, -EBADMSG, "%s: %s", what, why ? why : "damaged");
}

/* The part of @name that counts, or NULL if it is none that can be trusted to stay below. */
static const char *safe_name(const char *name)
{
	if (!strncmp(name, "./", 2))
		name += 2;
	if (*name == '/')
		return NULL;
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");

		if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.') ||
		    n > NAME_MAX)
			return NULL;
		p += n + (p[n] == '/');
		if (*p == '/')
			return NULL;
	}
	return strncmp(name, "usr/", 4) ? name : name + 4;
}

static int write_body(struct unpack *u, struct archive *a, int fd, const char *name, struct err *e)
{
	for (;;) {
		ssize_t n = libarchive.read_data(a, u->block, sizeof(u->block));

		if (n == 0)
			return 0;
		if (n < 0)
			return broken(a, name, e);
		if ((uint64_t)n > u->left)
			return err_set(e, -EBADMSG, "%s: unpacks to more than any kernel has",
				       name);
		u->left -= (uint64_t)n;
		int r = write_full(fd, u->block, (size_t)n);
		if (r < 0)
			return err_sys(e, r, "%s", name);
	}
}

/* No entry makes a link, so nothing below u->dir leads out of it; O_EXCL refuses a second body. */
static int write_file(struct unpack *u, struct archive *a, const char *name, struct err *e)
{
	struct path p = path_format("%s/%s", u->dir, name);
	struct path parent = p;

	if (!p.s[0])
		return err_sys(e, -ENAMETOOLONG, "%s", name);
	*strrchr(parent.s, '/') = 0;
	int r = make_dirs(parent.s, 0755, e);
	if (r < 0)
		return r;
	SCOPED(close_fd) int fd =
		open(p.s, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 && (errno == EEXIST || errno == EISDIR))
		return err_set(e, -EBADMSG, "%s: twice in the package", name);
	if (fd < 0)
		return err_sys(e, -errno, "%s", name);
	return write_body(u, a, fd, name, e);
}

static int take_entry(struct unpack *u, struct archive *a, struct archive_entry *ae, struct err *e)
{
	const char *raw = libarchive.entry_pathname(ae);
	const char *name = raw ? safe_name(raw) : NULL;

	if (!name)
		return err_set(e, -EBADMSG, "\"%.100s\": not a safe file name", raw ? raw : "");
	if (++u->nr_files > FILES_MAX)
		return err_set(e, -EBADMSG, "more than %d files", FILES_MAX);
	if (libarchive.entry_filetype(ae) != AE_IFREG || libarchive.entry_hardlink(ae) ||
	    !u->wanted(name))
		return 0;
	return write_file(u, a, name, e);
}

static la_ssize_t feed(struct archive *a, void *ctx, const void **ret)
{
	struct feeder *f = ctx;

	*ret = f->block;
	la_ssize_t n = libarchive.read_data(f->outer, f->block, sizeof(f->block));
	if (n < 0)
		libarchive.set_error(a, EIO, "%s", libarchive.error_string(f->outer));
	return n < 0 ? -1 : n;
}

static int unpack_data(struct unpack *u, struct archive *outer, struct err *e)
{
	SCOPED(mem_free) struct feeder *feeder = malloc(sizeof(*feeder));
	SCOPED(archive_done) struct archive *a = libarchive.read_new();
	struct archive_entry *ae;
	int r;

	if (!a || !feeder)
		return err_sys(e, -ENOMEM, "data.tar");
	feeder->outer = outer;
	libarchive.read_support_filter_xz(a);
	libarchive.read_support_filter_zstd(a);
	libarchive.read_support_filter_gzip(a);
	libarchive.read_support_format_tar(a);
	if (libarchive.read_open(a, feeder, NULL, feed, NULL) != ARCHIVE_OK)
		return broken(a, "data.tar", e);
	/* A warning is about how a name is spelt; safe_name() judges it anyway. */
	while ((r = libarchive.read_next_header(a, &ae)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		int w = take_entry(u, a, ae, e);

		if (w < 0)
			return w;
	}
	return r == ARCHIVE_EOF ? 0 : broken(a, "data.tar", e);
}

int deb_unpack(const void *data, size_t len, bool (*wanted)(const char *name), const char *dir,
	       uint64_t max_bytes, struct err *e)
{
	SCOPED(mem_free) struct unpack *u = calloc(1, sizeof(*u));
	SCOPED(archive_done) struct archive *a = NULL;
	struct archive_entry *ae;
	int r = libarchive_load(e);

	if (r < 0)
		return r;
	a = libarchive.read_new();
	if (!a || !u)
		return err_sys(e, -ENOMEM, "package");
	u->wanted = wanted;
	u->dir = dir;
	u->left = max_bytes;
	libarchive.read_support_format_ar(a);
	if (libarchive.read_open_memory(a, data, len) != ARCHIVE_OK)
		return broken(a, "not a Debian package", e);
	while ((r = libarchive.read_next_header(a, &ae)) == ARCHIVE_OK) {
		const char *name = libarchive.entry_pathname(ae);

		if (name && !strncmp(name, "data.tar", 8))
			return unpack_data(u, a, e);
	}
	if (r != ARCHIVE_EOF)
		return broken(a, "not a Debian package", e);
	return err_set(e, -EBADMSG, "not a Debian package: no data.tar in it");
}

size_t deb_field(const char *text, const char *name, const char **ret)
{
	size_t n = strlen(name);

	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (!strncasecmp(line, name, n) && line[n] == ':') {
			const char *v = line + n + 1;

			v += strspn(v, " \t");
			*ret = v;
			return v < line + len ? (size_t)(line + len - v) : 0;
		}
		line += len + (line[len] == '\n');
	}
	*ret = "";
	return 0;
}

/* '~' before the end, the end before letters, letters before all else. */
static int rank(char c)
{
	if (c == '~')
		return -1;
	if (c == 0 || (c >= '0' && c <= '9'))
		return 0;
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
		return c;
	return c + 256;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int compare_number(const char **a, const char **b)
{
	*a += strspn(*a, "0");
	*b += strspn(*b, "0");
	size_t na = strspn(*a, "0123456789"), nb = strspn(*b, "0123456789");
	int d = na == nb ? memcmp(*a, *b, na) : na < nb ? -1 : 1;

	*a += na;
	*b += nb;
	return d;
}

static int compare_part(const char *a, const char *b)
{
	while (*a || *b) {
		while ((*a && !is_digit(*a)) || (*b && !is_digit(*b))) {
			int d = rank(*a) - rank(*b);

			if (d)
				return d;
			a += *a != 0;
			b += *b != 0;
		}
		int d = compare_number(&a, &b);
		if (d)
			return d;
	}
	return 0;
}

/* Epoch, then version up to the last hyphen, then revision. */
struct parts {
	char epoch[16], upstream[128], revision[128];
};

static struct parts split(const char *v)
{
	struct parts p = { 0 };
	const char *colon = strchr(v, ':'), *from = colon ? colon + 1 : v;
	const char *dash = strrchr(from, '-');
	int n = (int)(dash ? (size_t)(dash - from) : strlen(from));

	if (colon)
		snprintf(p.epoch, sizeof(p.epoch), "%.*s", (int)(colon - v), v);
	snprintf(p.upstream, sizeof(p.upstream), "%.*s", n, from);
	snprintf(p.revision, sizeof(p.revision), "%s", dash ? dash + 1 : "");
	return p;
}

int deb_version_compare(const char *a, const char *b)
{
	struct parts x = split(a), y = split(b);
	int d = compare_part(x.epoch, y.epoch);

	if (!d)
		d = compare_part(x.upstream, y.upstream);
	return d ? d : compare_part(x.revision, y.revision);
}
