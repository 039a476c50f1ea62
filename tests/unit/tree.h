/* SPDX-License-Identifier: GPL-2.0-only */
/* A directory of files for one test, gone when the test is over. */
#ifndef UNIT_TREE_H
#define UNIT_TREE_H

#include <stddef.h>
#include <sys/types.h>

struct tree {
	char root[64];
};

struct tree tree_make(void);
void tree_remove(struct tree *t);
static inline void tree_remove_scoped(struct tree *t)
{
	tree_remove(t);
}

/* All paths are relative; directories above are made. A file that is there is replaced. */
void tree_file(const struct tree *t, const char *path, const void *data, size_t len, mode_t mode);
void tree_text(const struct tree *t, const char *path, const char *text);
void tree_link(const struct tree *t, const char *path, const char *target);
/* The absolute path; valid for the next seven calls. */
const char *tree_path(const struct tree *t, const char *path);

#endif
