/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "machine/gmem.h"
#include "vm/kvm/load.h"

#define MIB (1ull << 20)
#define FILE_BYTES (13 * MIB + 777) /* more than all threads take at once, and no round number */
#define GPA 0x40000000ull

static int threads_left; /* how many may be made */

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
	return threads_left-- > 0 ? __real_pthread_create(t, a, fn, arg) : EAGAIN;
}

struct fixture {
	uint8_t *content, *ram;
	int fd;
	struct gmem mem;
};

/* Two nodes that are side by side for the guest and in the other order for us. */
static void make(struct fixture *f)
{
	const uint64_t first = 5 * MIB + 4096, second = 12 * MIB;
	struct err e;

	f->content = malloc(FILE_BYTES);
	f->ram = calloc(1, first + second);
	assert_non_null(f->content);
	assert_non_null(f->ram);
	for (uint64_t i = 0; i < FILE_BYTES; i++)
		f->content[i] = (uint8_t)(i * 2654435761u >> 13);
	f->fd = anon_file("kernel", &e);
	assert_true(f->fd >= 0);
	assert_int_equal(write_full(f->fd, f->content, FILE_BYTES), 0);
	f->mem = (struct gmem){ .region = { { GPA, first, f->ram + second, 0 },
					    { GPA + first, second, f->ram, 1 } },
				.nr = 2 };
}

static void drop(struct fixture *f)
{
	free(f->content);
	free(f->ram);
	close(f->fd);
}

TEST(a_file_arrives_whole_however_many_threads_there_are)
{
	for (int threads = 0; threads < 4; threads++) {
		uint8_t past;
		struct fixture f;

		make(&f);
		threads_left = threads;
		assert_int_equal(load_file(&f.mem, GPA + 4096, f.fd, FILE_BYTES), 0);
		uint8_t *got = malloc(FILE_BYTES);
		assert_true(gmem_read(&f.mem, GPA + 4096, got, FILE_BYTES));
		assert_memory_equal(got, f.content, FILE_BYTES);
		assert_true(gmem_read(&f.mem, GPA + 4096 + FILE_BYTES, &past, 1));
		assert_int_equal(past, 0);
		free(got);
		drop(&f);
	}
}

TEST(what_does_not_fit_or_is_not_there_is_an_error)
{
	struct fixture f;

	make(&f);
	threads_left = 100;
	assert_int_equal(load_file(&f.mem, GPA + 8 * MIB, f.fd, FILE_BYTES), -EFAULT);
	assert_int_equal(load_file(&f.mem, GPA - 1, f.fd, FILE_BYTES), -EFAULT);
	assert_int_equal(load_file(&f.mem, GPA, f.fd, FILE_BYTES + 1), -ENODATA);
	assert_int_equal(load_file(&f.mem, GPA, -1, FILE_BYTES), -EBADF);
	assert_int_equal(load_file(&f.mem, 0, f.fd, 0), 0);
	drop(&f);
}

UNIT_MAIN(NULL, NULL)
