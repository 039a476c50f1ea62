/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a result was made from: every path that was looked at and what was there, so that a later run
 * can tell from lstat() alone that it would get the same result. Private to this folder.
 */
#ifndef IMAGE_INPUTS_H
#define IMAGE_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/scoped.h"

struct err;

/* All zero where nothing was. Written to files as it is, so it has no padding. */
struct identity {
	uint64_t dev, ino, mode, size;
	uint64_t mtime_ns, ctime_ns;
};

struct identity identity_of(const struct stat *st);
bool identity_equal(const struct identity *a, const struct identity *b);

struct input {
	char *path;
	struct identity id;
};

struct inputs {
	struct input *at;
	size_t nr, cap;
	int bad; /* negative errno of the first failure: the list is incomplete */
};

void inputs_fini(struct inputs *in);
DEFINE_SCOPED_FINI(struct inputs, inputs_fini)

/* Adds what is at @path; a symlink is not followed. @in NULL: nobody wants to know. */
void inputs_add(struct inputs *in, const char *path);
/* The same with an identity from elsewhere. */
void inputs_put(struct inputs *in, const char *path, const struct identity *id);
/* True if everything is as it was. */
bool inputs_unchanged(const struct inputs *in);

/*
 * Resolves @path as if @root were "/" ("" is the real one): symlinks, also absolute ones, and ".."
 * never lead outside. *ret is a host path without symlinks. Links, what is missing and a
 * file at the end are added to @in.
 */
int root_resolve(const char *root, const char *path, struct inputs *in, char **ret);
/* The same for the real root; @path may be relative to the current directory. */
int host_resolve(const char *path, struct inputs *in, char **ret);

#endif
