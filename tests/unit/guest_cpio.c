/* SPDX-License-Identifier: GPL-2.0-only */
/* What the host packs into a parcel is what init finds in it, and a damaged one is refused. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "guest/cpio.h"
#include "image/newc.h"

#define HEADER_LEN 110

/* ---- archives of ours ---- */

static struct cpio begin(const struct buf *b)
{
	assert_int_equal(b->bad, 0);
	return (struct cpio){ (const uint8_t *)b->at, b->len };
}

static struct cpio_entry next(struct cpio *c)
{
	struct cpio_entry en = { 0 };
	struct err e = { 0 };
	int r = cpio_next(c, &en, &e);

	if (r != 1)
		fail_msg("%d: %s", r, e.text);
	return en;
}

static void expect_entry(struct cpio *c, const char *path, uint32_t mode, const char *data)
{
	struct cpio_entry en = next(c);

	assert_string_equal(en.path, path);
	assert_int_equal(en.mode, mode);
	assert_int_equal(en.len, strlen(data));
	assert_memory_equal(en.data, data, en.len);
}

static void expect_end(struct cpio *c)
{
	struct cpio_entry en;

	assert_int_equal(cpio_next(c, &en, NULL), 0);
	assert_int_equal(cpio_next(c, &en, NULL), 0);
}

TEST(every_kind_of_entry_is_found_as_it_was_packed)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	newc_dir(&b, "/dev", 0755);
	newc_device(&b, "/dev/kmsg", 0600, 1, 11);
	newc_symlink(&b, "/bin", "usr/bin");
	newc_file(&b, "/init", 04755, "hello", 5);
	newc_file(&b, "/empty", 0444, NULL, 0);
	newc_end(&b);
	struct cpio c = begin(&b);
	expect_entry(&c, "dev", S_IFDIR | 0755, "");
	struct cpio_entry en = next(&c);
	assert_string_equal(en.path, "dev/kmsg");
	assert_int_equal(en.mode, S_IFCHR | 0600);
	assert_int_equal(en.major, 1);
	assert_int_equal(en.minor, 11);
	expect_entry(&c, "bin", S_IFLNK | 0777, "usr/bin");
	expect_entry(&c, "init", S_IFREG | 04755, "hello");
	expect_entry(&c, "empty", S_IFREG | 0444, "");
	expect_end(&c);
}

TEST(archives_that_follow_each_other_are_read_to_the_end_of_the_last)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	static const char zeroes[10000];

	newc_file(&b, "/a", 0644, "one", 3);
	newc_end(&b);
	newc_file(&b, "/b", 0644, "two", 3);
	newc_end(&b);
	newc_end(&b); /* one of nothing */
	buf_put(&b, zeroes, sizeof(zeroes));
	newc_file(&b, "/c", 0644, "three", 5);
	newc_end(&b);
	buf_put(&b, zeroes, sizeof(zeroes));
	struct cpio c = begin(&b);
	expect_entry(&c, "a", S_IFREG | 0644, "one");
	expect_entry(&c, "b", S_IFREG | 0644, "two");
	expect_entry(&c, "c", S_IFREG | 0644, "three");
	expect_end(&c);
}

/* Names are filled up with zeroes, and entries of nothing put in between, so that data is on a page. */
TEST(files_of_all_lengths_and_names_are_found)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	char path[NEWC_PATH_MAX + 1] = "/", data[3000];

	memset(data, 'd', sizeof(data));
	for (size_t n = 1; n < NEWC_PATH_MAX; n++) {
		path[n] = 'p';
		newc_file(&b, path, 0644, data, n * 37 % sizeof(data));
	}
	newc_end(&b);
	struct cpio c = begin(&b);
	for (size_t n = 1; n < NEWC_PATH_MAX;) {
		struct cpio_entry en = next(&c);

		if (!S_ISREG(en.mode)) {
			assert_string_equal(en.path, ".");
			continue;
		}
		assert_int_equal(strlen(en.path), n);
		assert_int_equal(en.len, n * 37 % sizeof(data));
		assert_memory_equal(en.data, data, en.len);
		n++;
	}
	expect_end(&c);
}

TEST(nothing_is_an_archive_of_nothing)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	struct cpio c = { NULL, 0 };

	expect_end(&c);
	buf_put(&b, "\0\0\0", 3);
	c = begin(&b);
	expect_end(&c);
}

/* ---- archives of nobody's ---- */

/* To the end; in memory of exactly that length, where a sanitizer looks at every byte read. */
static int read_all(const void *data, size_t len, struct err *e)
{
	SCOPED(mem_free) uint8_t *copy = malloc(len + !len);
	struct cpio c = { copy, len };
	struct cpio_entry en;
	int r;

	memcpy(copy, data, len);
	while ((r = cpio_next(&c, &en, e)) > 0) {
		assert_true((const uint8_t *)en.path >= copy);
		assert_true((const uint8_t *)en.path + strlen(en.path) < copy + len);
		assert_true(en.data + en.len <= copy + len);
	}
	return r;
}

static void put_sample(struct buf *b)
{
	newc_file(b, "/some/file", 0644, "data of it", 10);
	newc_symlink(b, "/link", "to");
}

TEST(an_archive_that_is_cut_off_is_refused_but_between_entries)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	size_t good = 0;

	put_sample(&b);
	for (size_t n = 0; n <= b.len; n++) {
		struct err e = { 0 };
		int r = read_all(b.at, n, &e);

		if (r == 0)
			good++;
		else if (r != -EBADMSG || strncmp(e.text, "archive: ", 9))
			fail_msg("%zu bytes: %d, \"%s\"", n, r, e.text);
	}
	/* none; the file with none, one, or both of the two bytes behind it; the same of the link */
	assert_int_equal(good, 1 + 3 + 3);
}

/* Eight digits each. */
static void put_header(char *to, const char *mode, const char *size, const char *name_len)
{
	int n = sprintf(to, "070701%08d%.8s%032d%.8s%032d%.8s%08d", 0, mode, 0, size, 0, name_len,
			0);

	assert_int_equal(n, HEADER_LEN);
}

/* Behind the header come 200 bytes of @fill. */
static void refused(const char *name_len, const char *size, char fill, const char *says)
{
	char text[HEADER_LEN + 1 + 200];
	struct err e = { 0 };

	memset(text, fill, sizeof(text));
	put_header(text, "00000000", size, name_len);
	text[HEADER_LEN] = fill;
	assert_int_equal(read_all(text, sizeof(text), &e), -EBADMSG);
	assert_string_equal(e.text, says);
}

TEST(sizes_that_lie_are_refused)
{
	refused("00000000", "00000000", 0, "archive: a name does not end");
	refused("00000004", "00000000", 'x', "archive: a name does not end");
	refused("000000c8", "00000000", 'x', "archive: a name does not end");
	refused("000000ca", "00000000", 0, "archive: a name does not end");
	refused("ffffffff", "00000000", 0, "archive: a name does not end");
	refused("fffffffe", "ffffffff", 0, "archive: a name does not end");
	refused("00000002", "ffffffff", 0, "archive: a file is cut off");
	refused("00000002", "fffffffd", 0, "archive: a file is cut off");
	refused("00000002", "000000c9", 0, "archive: a file is cut off");
	refused("00000002", "0000000 ", 0, "archive: a number in a header is none");
	refused("0x000002", "00000000", 0, "archive: a number in a header is none");
	refused("0000000g", "00000000", 0, "archive: a number in a header is none");
	refused("0000000@", "00000000", 0, "archive: a number in a header is none");
}

TEST(every_digit_of_a_header_has_to_be_one)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	put_sample(&b);
	for (size_t i = 0; i < HEADER_LEN; i++) {
		struct err e = { 0 };
		char was = b.at[i];

		b.at[i] = 'x';
		assert_int_equal(read_all(b.at, b.len, &e), -EBADMSG);
		assert_string_equal(e.text, i < 6 ? "archive: no header where one should be"
						  : "archive: a number in a header is none");
		b.at[i] = was;
	}
	assert_int_equal(read_all(b.at, b.len, NULL), 0);
}

TEST(digits_may_be_of_either_case)
{
	char entry[HEADER_LEN + 2];
	struct cpio c = { (const uint8_t *)entry, sizeof(entry) };

	put_header(entry, "0000ABcd", "00000000", "00000002");
	memcpy(entry + HEADER_LEN, "a", 2);
	assert_int_equal(next(&c).mode, 0xabcd);
}

TEST(bytes_between_archives_that_are_no_zeroes_are_refused)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	struct err e = { 0 };

	put_sample(&b);
	newc_end(&b);
	buf_put(&b, "junk", 4);
	assert_int_equal(read_all(b.at, b.len, &e), -EBADMSG);
	assert_string_equal(e.text, "archive: no header where one should be");
}

UNIT_MAIN(NULL, NULL)
