/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files named by the SHA-256 of what is in them, so that a record can name what it needs and finds
 * exactly that, whatever was built since.
 */
#ifndef CATALOG_OBJECTS_H
#define CATALOG_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct catalog;
struct err;

#define OBJECT_NAME_LEN 64

/* Held from the first object that is put until the run that names them is stored: gc waits. */
int objects_hold(struct catalog *c, int *ret_lock, struct err *e);

/* Puts a file of the cache that never changes, such as a kernel. It is read only the first time. */
int object_put_file(struct catalog *c, const char *path, char ret[OBJECT_NAME_LEN + 1],
		    struct err *e);
/*
 * Puts the first @size bytes of @fd, whose hash is @name; @same is a file of the cache that has
 * just these bytes, or NULL.
 */
int object_put_fd(struct catalog *c, const char *name, int fd, uint64_t size, const char *same,
		  struct err *e);

/*
 * Opens one after checking every byte of it. -ENOENT: it is not there; -EBADMSG: it is damaged and
 * was removed, so that the next run of the kind can put it again.
 */
int object_open(struct catalog *c, const char *name, int *ret, uint64_t *ret_size, struct err *e);

bool object_name_is_good(const char *name);
/* SHA-256 of a file that never changes, such as a kernel of the cache; it is read only the first time. */
int file_hash(struct catalog *c, const char *path, char ret[OBJECT_NAME_LEN + 1], struct err *e);
/* SHA-256 of the first @size bytes, hex; does not move the file's position. */
int hash_fd(int fd, uint64_t size, char ret[OBJECT_NAME_LEN + 1]);
/* The same of bytes in memory. */
void hash_bytes(const void *data, size_t len, char ret[OBJECT_NAME_LEN + 1]);

#endif
