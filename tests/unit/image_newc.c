/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "image/newc.h"
#include "mini_cpio.h"

/* Reads the entry at *at and moves on; there must be one. */
static struct cpio_entry next(const struct buf *b, size_t *at)
{
	struct cpio_entry s;

	assert_true(cpio_next(b->at, b->len, at, &s));
	return s;
}

TEST(entries_carry_what_they_were_given)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	size_t at = 0;

	newc_dir(&b, "/dev", 0755);
	newc_device(&b, "/dev/console", 0600, 5, 1);
	newc_symlink(&b, "/bin", "usr/bin");
	newc_file(&b, "/init", 04755, "hello", 5);
	newc_file(&b, "/empty", 0444, NULL, 0);
	newc_end(&b);
	assert_int_equal(b.bad, 0);
	assert_int_equal(b.len % NEWC_PAGE, 0);
	struct cpio_entry s = next(&b, &at);
	assert_string_equal(s.name, "dev");
	assert_int_equal(s.mode, S_IFDIR | 0755);
	s = next(&b, &at);
	assert_string_equal(s.name, "dev/console");
	assert_int_equal(s.mode, S_IFCHR | 0600);
	assert_int_equal(s.major, 5);
	assert_int_equal(s.minor, 1);
	s = next(&b, &at);
	assert_int_equal(s.mode, S_IFLNK | 0777);
	assert_int_equal(s.len, 7);
	assert_memory_equal(s.data, "usr/bin", 7);
	s = next(&b, &at);
	assert_int_equal(s.mode, S_IFREG | 04755);
	assert_int_equal(s.nlink, 1);
	assert_int_equal(s.len, 5);
	assert_memory_equal(s.data, "hello", 5);
	s = next(&b, &at);
	assert_string_equal(s.name, "empty");
	assert_int_equal(s.len, 0);
	assert_string_equal(next(&b, &at).name, "TRAILER!!!");
	assert_int_equal(at, b.len); /* nothing but zeros to the end of the page */
}

/* Every length of path after varying data, so that every distance to a page occurs. */
TEST(file_data_starts_on_a_page)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	static char data[NEWC_PAGE];
	char path[NEWC_PATH_MAX + 1] = "/";
	size_t at = 0, files = 0, skips = 0;

	memset(data, 'd', sizeof(data));
	for (size_t n = 1; n < NEWC_PATH_MAX; n++) {
		path[n] = 'p';
		path[n + 1] = 0;
		newc_file(&b, path, 0644, data, n * 37 % NEWC_PAGE + 1);
	}
	newc_end(&b);
	assert_int_equal(b.bad, 0);
	while (files < NEWC_PATH_MAX - 1) {
		struct cpio_entry s = next(&b, &at);

		if (!S_ISREG(s.mode)) {
			assert_string_equal(s.name, "."); /* where a name would be too long */
			skips++;
			continue;
		}
		files++;
		assert_int_equal(s.data_at % NEWC_PAGE, 0);
		assert_int_equal(strlen(s.name), files);
		assert_int_equal(s.len, files * 37 % NEWC_PAGE + 1);
		assert_memory_equal(s.data, data, s.len);
	}
	assert_true(skips > 10 && skips < files / 2);
	assert_string_equal(next(&b, &at).name, "TRAILER!!!");
}

TEST(archives_may_follow_each_other)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	newc_file(&b, "/a", 0644, "a", 1);
	newc_end(&b);
	size_t second = b.len;
	newc_file(&b, "/b", 0644, "b", 1);
	newc_end(&b);
	assert_string_equal(next(&b, &second).name, "b");
}

TEST(the_same_input_gives_the_same_bytes)
{
	SCOPED(buf_fini) struct buf a = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };

	for (int i = 0; i < 2; i++) {
		struct buf *out = i ? &b : &a;

		newc_dir(out, "/d", 0755);
		newc_file(out, "/d/f", 0644, "data", 4);
		newc_end(out);
	}
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.at, b.at, a.len);
}

TEST(what_the_format_cannot_hold_is_an_error)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	char path[NEWC_PATH_MAX + 2];

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	newc_file(&b, path, 0644, "x", 1);
	assert_int_equal(b.bad, -ENAMETOOLONG);
	buf_clear(&b);
	newc_file_head(&b, "/big", 0644, 1ull << 32);
	assert_int_equal(b.bad, -EFBIG);
	assert_int_equal(b.len, 0);
}

UNIT_MAIN(NULL, NULL)
