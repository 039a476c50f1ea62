/* SPDX-License-Identifier: GPL-2.0-only */
#include "image/inputs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINKS 40 /* as the kernel's own path walk */

struct identity identity_of(const struct stat *st)
{
	return (struct identity){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.mode = st->st_mode,
		.size = (uint64_t)st->st_size,
		.mtime_ns =
			(uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec,
		.ctime_ns =
			(uint64_t)st->st_ctim.tv_sec * 1000000000u + (uint64_t)st->st_ctim.tv_nsec,
	};
}

bool identity_equal(const struct identity *a, const struct identity *b)
{
	return !memcmp(a, b, sizeof(*a));
}

void inputs_fini(struct inputs *in)
{
	for (size_t i = 0; i < in->nr; i++)
		free(in->at[i].path);
	free(in->at);
	*in = (struct inputs){ 0 };
}

static struct identity look_at(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? (struct identity){ 0 } : identity_of(&st);
}

static int grow(struct inputs *in)
{
	if (in->nr < in->cap)
		return 0;
	size_t cap = in->cap ? in->cap * 2 : 64;
	struct input *at = realloc(in->at, cap * sizeof(*at));
	if (!at)
		return -ENOMEM;
	in->at = at;
	in->cap = cap;
	return 0;
}

void inputs_put(struct inputs *in, const char *path, const struct identity *id)
{
	if (in->bad)
		return;
	char *copy = grow(in) < 0 ? NULL : strdup(path);
	if (!copy) {
		in->bad = -ENOMEM;
		return;
	}
	in->at[in->nr++] = (struct input){ .path = copy, .id = *id };
}

void inputs_add(struct inputs *in, const char *path)
{
	if (!in)
		return;
	struct identity id = look_at(path);
	inputs_put(in, path, &id);
}

bool inputs_unchanged(const struct inputs *in)
{
	for (size_t i = 0; i < in->nr; i++) {
		struct identity now = look_at(in->at[i].path);

		if (!identity_equal(&now, &in->at[i].id))
			return false;
	}
	return true;
}

/* A path walk under way: @done is resolved and starts with the root, @todo is still ahead. */
struct walk {
	size_t root_len;
	char done[PATH_MAX];
	char todo[PATH_MAX];
	int links;
};

/* Puts a link's target in front of what is still ahead. */
static int follow(struct walk *w)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlink(w->done, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	if (++w->links > MAX_LINKS)
		return -ELOOP;
	target[n] = 0;
	memcpy(rest, w->todo, sizeof(rest));
	if (snprintf(w->todo, sizeof(w->todo), "%s/%s", target, rest) >= (int)sizeof(w->todo))
		return -ENAMETOOLONG;
	*strrchr(w->done, '/') = 0;
	if (target[0] == '/')
		w->done[w->root_len] = 0;
	return 0;
}

/* Takes the next component off @todo: its length, 0 at the end. */
static size_t next_component(struct walk *w, char *name)
{
	const char *s = w->todo + strspn(w->todo, "/");
	size_t n = strcspn(s, "/");

	memcpy(name, s, n);
	name[n] = 0;
	memmove(w->todo, s + n, strlen(s + n) + 1);
	return n;
}

static int step(struct walk *w, const char *name, struct inputs *in)
{
	size_t len = strlen(w->done);
	struct stat st;

	if (!strcmp(name, "."))
		return 0;
	if (!strcmp(name, "..")) {
		if (len > w->root_len)
			*strrchr(w->done, '/') = 0;
		return 0;
	}
	if (len + 1 + strlen(name) >= sizeof(w->done))
		return -ENAMETOOLONG;
	w->done[len] = '/';
	strcpy(w->done + len + 1, name);
	if (lstat(w->done, &st) < 0) {
		int r = -errno;

		inputs_add(in, w->done);
		return r;
	}
	if (!S_ISLNK(st.st_mode))
		return 0;
	inputs_add(in, w->done);
	return follow(w);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int root_resolve(const char *root, const char *path, struct inputs *in, char **ret)
{
	struct walk w = { 0 };
	char name[PATH_MAX];
	size_t len = strlen(root);

	while (len && root[len - 1] == '/')
		len--;
	if (len >= sizeof(w.done) || strlen(path) >= sizeof(w.todo))
		return -ENAMETOOLONG;
	memcpy(w.done, root, len);
	w.root_len = len;
	strcpy(w.todo, path);
	while (next_component(&w, name)) {
		int r = step(&w, name, in);
		if (r < 0)
			return r;
	}
	if (!w.done[0])
		strcpy(w.done, "/");
	/* what is in a directory is for those to say who list it */
	if (!is_directory(w.done))
		inputs_add(in, w.done);
	*ret = strdup(w.done);
	return *ret ? 0 : -ENOMEM;
}

int host_resolve(const char *path, struct inputs *in, char **ret)
{
	char full[PATH_MAX] = "";

	if (*path != '/' && !getcwd(full, sizeof(full)))
		return -errno;
	size_t n = strlen(full);
	if (snprintf(full + n, sizeof(full) - n, "/%s", path) >= (int)(sizeof(full) - n))
		return -ENAMETOOLONG;
	return root_resolve("", full, in, ret);
}
