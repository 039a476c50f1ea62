/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes newc headers; what the fields mean is in the kernel's buffer-format documentation. */
#include "image/newc.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/scoped.h"

#define HEADER_LEN 110
#define NAME_MAX_LEN 4096 /* the kernel skips entries with a longer name field */

struct entry {
	const char *path;
	mode_t mode;
	uint64_t len;
	uint32_t major, minor;
	size_t name_len; /* with at least one NUL */
};

size_t newc_pad(uint64_t len)
{
	return (4 - len % 4) % 4;
}

/* The unpacker works in "/" and accepts both forms; tools on the host want relative names. */
static const char *relative(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

static void put_header(struct buf *out, const struct entry *en)
{
	const char *name = relative(en->path);
	size_t text = strlen(name);

	/* ino, mode, uid, gid, nlink, mtime, size, device, special device, name length, checksum */
	buf_printf(out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0, en->mode,
		   0, 0, 1, 0, (uint32_t)en->len, 0, 0, en->major, en->minor,
		   (uint32_t)en->name_len, 0);
	buf_put(out, name, text);
	buf_zero(out, en->name_len - text);
	buf_align(out, 4);
}

static void put_entry(struct buf *out, struct entry en)
{
	if (strlen(en.path) > NEWC_PATH_MAX)
		out->bad = out->bad ? out->bad : -ENAMETOOLONG;
	if (en.len > NEWC_FILE_MAX)
		out->bad = out->bad ? out->bad : -EFBIG;
	if (out->bad)
		return;
	if (!en.name_len)
		en.name_len = strlen(relative(en.path)) + 1;
	put_header(out, &en);
}

/* The length of the name field with which the data of an entry for @path starts on a page. */
static size_t aligning_name_len(const struct buf *out, const char *path)
{
	size_t least = HEADER_LEN + strlen(relative(path)) + 1;

	return ALIGN_UP(out->len + least, NEWC_PAGE) - out->len - HEADER_LEN;
}

void newc_file_head(struct buf *out, const char *path, mode_t mode, uint64_t len)
{
	struct entry en = { .path = path, .mode = S_IFREG | (mode & 07777), .len = len };

	if (len && strlen(path) <= NEWC_PATH_MAX) {
		/* A name field that long would be skipped: move on by naming "/" once more. */
		if (aligning_name_len(out, path) > NAME_MAX_LEN)
			put_entry(out, (struct entry){ .path = "/",
						       .mode = S_IFDIR | 0755,
						       .name_len = strlen(path) + 2 });
		en.name_len = aligning_name_len(out, path);
	}
	put_entry(out, en);
}

void newc_file(struct buf *out, const char *path, mode_t mode, const void *data, size_t len)
{
	newc_file_head(out, path, mode, len);
	buf_put(out, data, len);
	buf_zero(out, newc_pad(len));
}

void newc_dir(struct buf *out, const char *path, mode_t mode)
{
	put_entry(out, (struct entry){ .path = path, .mode = S_IFDIR | (mode & 07777) });
}

void newc_symlink(struct buf *out, const char *path, const char *target)
{
	size_t len = strlen(target);

	put_entry(out, (struct entry){ .path = path, .mode = S_IFLNK | 0777, .len = len });
	buf_put(out, target, len);
	buf_zero(out, newc_pad(len));
}

void newc_device(struct buf *out, const char *path, mode_t mode, uint32_t major, uint32_t minor)
{
	mode_t type = mode & S_IFMT ? mode & S_IFMT : S_IFCHR;

	put_entry(out, (struct entry){ .path = path,
				       .mode = type | (mode & 07777),
				       .major = major,
				       .minor = minor });
}

void newc_end(struct buf *out)
{
	put_entry(out, (struct entry){ .path = "TRAILER!!!" });
	buf_align(out, NEWC_PAGE);
}
