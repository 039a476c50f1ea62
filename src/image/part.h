/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cache of archives. Two kinds of files below CACHE/parts: "<request>.plan" says for one request
 * which inputs it was made from and which archive that gave, "<key>.newc" is an archive; both names
 * are hashes. A hit costs one lstat() per input. Private to this folder.
 */
#ifndef IMAGE_PART_H
#define IMAGE_PART_H

#include <stdint.h>

#include "image/pack.h"

struct err;
struct guest_spec;
struct guest_plan;

#define PART_NAME_LEN 64

/* The name of a request: everything that the caller and this build decide. @ret has space for
 * PART_NAME_LEN + 1 bytes. */
int part_request(const struct guest_spec *spec, const char *sysroot, char *ret, struct err *e);

/* The name of an archive: its contents decide. */
void part_archive_name(const struct guest_plan *p, char *ret);

struct part_hit {
	struct pack_result sum;
	char archive[PART_NAME_LEN + 1]; /* its name, "" = it is not in the cache */
	char **modules;			 /* as in struct guest_plan */
};

/* Copies the archive to @fd: 1, or 0 if there is none that is up to date and sound. */
int part_fetch(const char *dir, const char *request, int fd, struct part_hit *ret, struct err *e);

/*
 * Publishes the archive in @fd: 1 and its name. Nothing (0) is published when an input changed so recently, counted from
 * @started_ns (wall clock), that another change might not show in its times.
 */
int part_store(const char *dir, const char *request, const struct guest_plan *p,
	       uint64_t started_ns, const struct pack_result *sum, int fd,
	       char ret_archive[PART_NAME_LEN + 1], struct err *e);

#endif
