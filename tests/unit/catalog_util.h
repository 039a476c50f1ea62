/* SPDX-License-Identifier: GPL-2.0-only */
/* What the catalog's tests share: places to work in, kernels small enough to make, helpers of fork. */
#ifndef UNIT_CATALOG_UTIL_H
#define UNIT_CATALOG_UTIL_H

#include <stdbool.h>
#include <sys/types.h>

#include "catalog/cache.h"

/* A fresh directory, on tmpfs where there is one; the group teardown removes all of them. */
struct path new_dir(void);
int remove_new_dirs(void **state);

/* Writes @text as file @name below @dir, with the directories above it. */
void put_file(const char *dir, const char *name, const char *text);
/* A kernel in arm64's Image format: "Linux version @version", told apart by @seed. */
void put_image(const char *dir, const char *name, const char *version, unsigned seed);
/* The same, compressed: has to be unpacked to boot. */
void put_image_gz(const char *dir, const char *name, const char *version, unsigned seed);

struct catalog *open_cache(const char *dir);
void set_cache_modes(const char *cache, mode_t mode); /* of it and its folders */
size_t nr_names(const char *dir);		      /* in a directory, without dot files */
bool exists(const char *path);

/* Runs @fn in a child process and returns its exit status, or 128 + signal. */
int in_child(int (*fn)(void *arg), void *arg);
/* A child that runs on; wait_for() gives its status. */
pid_t start_child(int (*fn)(void *arg), void *arg);
int wait_for(pid_t pid);
/* Gives up root, so that permissions mean something. Only for children. */
void become_nobody(void);

#define assert_says(err, words) \
	do { \
		if (!strstr((err).text, words)) \
			fail_msg("\"%s\" does not say \"%s\"", (err).text, words); \
	} while (0)

#endif
