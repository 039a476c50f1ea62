/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include "catalog_util.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/err.h"
#include "base/io.h"

#define NR_DIRS 128
#define IMAGE_LEN 8192

static char *dirs[NR_DIRS];
static size_t nr_dirs;

struct path new_dir(void)
{
	struct path p = path_format("%s/ktstr-unit-XXXXXX",
				    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");

	assert_true(nr_dirs < NR_DIRS);
	assert_non_null(mkdtemp(p.s));
	assert_int_equal(chmod(p.s, 0755), 0);
	dirs[nr_dirs++] = strdup(p.s);
	return p;
}

int remove_new_dirs(void **state)
{
	int r = 0;

	while (nr_dirs) {
		r |= remove_tree(dirs[--nr_dirs], NULL);
		free(dirs[nr_dirs]);
	}
	return r;
}

static void put_bytes(const char *dir, const char *name, const void *data, size_t len)
{
	struct path p = path_format("%s/%s", dir, name), parent = p;

	*strrchr(parent.s, '/') = 0;
	assert_int_equal(make_dirs(parent.s, 0755, NULL), 0);
	assert_int_equal(write_file_atomic(p.s, data, len, 0644, NULL), 0);
}

void put_file(const char *dir, const char *name, const char *text)
{
	put_bytes(dir, name, text, strlen(text));
}

static void make_image(char at[IMAGE_LEN], const char *version, unsigned seed)
{
	memset(at, 0, IMAGE_LEN);
	at[17] = 0x40; /* image_size 16 KiB */
	memcpy(at + 56, "ARM\x64", 4);
	snprintf(at + 64, 256, "Linux version %s (me@here)", version);
	memcpy(at + 4096, &seed, sizeof(seed));
}

void put_image(const char *dir, const char *name, const char *version, unsigned seed)
{
	char image[IMAGE_LEN];

	make_image(image, version, seed);
	put_bytes(dir, name, image, sizeof(image));
}

void put_image_gz(const char *dir, const char *name, const char *version, unsigned seed)
{
	unsigned char image[IMAGE_LEN], out[IMAGE_LEN];
	z_stream z = {
		.next_in = image, .avail_in = IMAGE_LEN, .next_out = out, .avail_out = sizeof(out)
	};

	make_image((char *)image, version, seed);
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	put_bytes(dir, name, out, z.total_out);
	deflateEnd(&z);
}

struct catalog *open_cache(const char *dir)
{
	struct catalog *c = NULL;
	struct err e = { 0 };

	if (catalog_open(dir, &c, &e) < 0)
		fail_msg("%s", e.text);
	return c;
}

void set_cache_modes(const char *cache, mode_t mode)
{
	static const char *const below[] = { "",	"/kernels", "/locks",	 "/tmp",
					     "/debian", "/busybox", "/parts",	 "/objects",
					     "/known",	"/runs",    "/snapshots" };

	for (size_t i = 0; i < ARRAY_SIZE(below); i++)
		assert_int_equal(chmod(path_format("%s%s", cache, below[i]).s, mode), 0);
}

static int is_shown(const struct dirent *de)
{
	return de->d_name[0] != '.';
}

size_t nr_names(const char *dir)
{
	struct dirent **found;
	int n = scandir(dir, &found, is_shown, NULL);

	assert_true(n >= 0);
	for (int i = 0; i < n; i++)
		free(found[i]);
	free(found);
	return (size_t)n;
}

bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

pid_t start_child(int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* A failed check must not return into the parent's list of tests. */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		_exit(fn(arg));
	}
	return pid;
}

int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int in_child(int (*fn)(void *arg), void *arg)
{
	return wait_for(start_child(fn, arg));
}

void become_nobody(void)
{
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
			       setresuid(65534, 65534, 65534) < 0))
		_exit(99);
}
