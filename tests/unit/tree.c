/* SPDX-License-Identifier: GPL-2.0-only */
#include "tree.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/scoped.h"

struct tree tree_make(void)
{
	struct tree t = { "/tmp/ktstr-unit-XXXXXX" };

	assert(mkdtemp(t.root));
	return t;
}

void tree_remove(struct tree *t)
{
	assert(remove_tree(t->root, NULL) == 0);
}

const char *tree_path(const struct tree *t, const char *path)
{
	static char text[8][512];
	static unsigned int next;
	char *at = text[next++ % 8];

	snprintf(at, sizeof(text[0]), "%s/%s", t->root, path);
	return at;
}

static const char *with_dirs(const struct tree *t, const char *path)
{
	const char *full = tree_path(t, path);
	char dir[512];

	snprintf(dir, sizeof(dir), "%s", full);
	*strrchr(dir, '/') = 0;
	assert(make_dirs(dir, 0755, NULL) == 0);
	unlink(full);
	return full;
}

void tree_file(const struct tree *t, const char *path, const void *data, size_t len, mode_t mode)
{
	SCOPED(close_fd) int fd =
		open(with_dirs(t, path), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);

	assert(fd >= 0 && write_full(fd, data, len) == 0 && fchmod(fd, mode) == 0);
}

void tree_text(const struct tree *t, const char *path, const char *text)
{
	tree_file(t, path, text, strlen(text), 0644);
}

void tree_link(const struct tree *t, const char *path, const char *target)
{
	assert(symlink(target, with_dirs(t, path)) == 0);
}
