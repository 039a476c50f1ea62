/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/parse.h"

TEST(errors_carry_frames_and_codes)
{
	struct err e = { 0 };

	assert_int_equal(err_sys(&e, -ENOENT, "kernel %s", "x"), -ENOENT);
	assert_string_equal(e.text, "kernel x: No such file or directory");
	assert_int_equal(err_frame(&e, "test %s", "t"), -ENOENT);
	assert_string_equal(e.text, "test t: kernel x: No such file or directory");
	assert_int_equal(err_set(NULL, -EIO, "nobody listens"), -EIO);
}

TEST(cpu_lists_round_trip)
{
	static const char *const good[] = { "", "0", "0-3", "0-3,8,10-11", "1023" };
	static const char *const bad[] = { "x", "1-", "3-1", "1,,2", "1,", "1024", "-1", "0 1" };
	struct cpuset s;
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(cpuset_parse(good[i], &s), 0);
		assert_true(cpuset_format(&s, text, sizeof(text)) >= 0);
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(cpuset_parse(bad[i], &s) < 0);
	assert_int_equal(cpuset_parse("0-9", &s), 0);
	assert_int_equal(cpuset_format(&s, text, 3), -ENOSPC);
}

TEST(numbers_sizes_and_durations_are_strict)
{
	uint64_t v;
	uint32_t w;

	assert_int_equal(parse_u64("18446744073709551615", &v), 0);
	assert_int_equal(parse_u64("18446744073709551616", &v), -ERANGE);
	assert_int_equal(parse_u64("+1", &v), -EINVAL);
	assert_int_equal(parse_u32("4294967296", &w), -ERANGE);
	assert_int_equal(parse_size("512", 1 << 20, &v), 0);
	assert_int_equal(v, 512u << 20);
	assert_int_equal(parse_size("2GiB", 1, &v), 0);
	assert_int_equal(v, 2ull << 30);
	assert_int_equal(parse_size("2GB", 1, &v), -EINVAL);
	assert_int_equal(parse_duration("1.5s", &v), 0);
	assert_int_equal(v, 1500000000);
	assert_int_equal(parse_duration("250ms", &v), 0);
	assert_int_equal(v, 250000000);
	assert_int_equal(parse_duration("2", &v), 0);
	assert_int_equal(v, 2000000000);
	assert_int_equal(parse_duration("2 s", &v), -EINVAL);
	assert_int_equal(parse_duration("99999999999h", &v), -ERANGE);
}

TEST(buffers_keep_their_first_error)
{
	struct buf b = { 0 };

	buf_printf(&b, "%d-%s", 7, "x");
	buf_align(&b, 8);
	assert_int_equal(b.len, 8);
	buf_drop_front(&b, 2);
	assert_string_equal(buf_str(&b), "x");
	b.bad = -ENOMEM;
	buf_puts(&b, "ignored");
	assert_int_equal(b.len, 6);
	buf_fini(&b);
	assert_string_equal(buf_str(&b), "");
}

TEST(json_strings_are_escaped)
{
	struct buf b = { 0 };

	buf_json_str(&b, "a\"\\\n\x01\xff\xc3\xa4");
	assert_string_equal(buf_str(&b), "\"a\\\"\\\\\\u000a\\u0001\xef\xbf\xbd\xc3\xa4\"");
	buf_fini(&b);
}

TEST(files_are_replaced_whole_and_trees_removed)
{
	char dir[] = "/tmp/ktstr-unit-XXXXXX", path[64], *text;
	size_t len;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a/b", dir);
	assert_int_equal(make_dirs(path, 0755, NULL), 0);
	assert_int_equal(make_dirs(path, 0755, NULL), 0);
	snprintf(path, sizeof(path), "%s/a/file", dir);
	assert_int_equal(write_file_atomic(path, "one", 3, 0644, NULL), 0);
	assert_int_equal(write_file_atomic(path, "twoo", 4, 0644, NULL), 0);
	assert_int_equal(read_file(path, 100, &text, &len, NULL), 0);
	assert_string_equal(text, "twoo");
	free(text);
	assert_int_equal(read_file(path, 3, &text, &len, NULL), -EFBIG);
	assert_int_equal(remove_tree(dir, NULL), 0);
	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(remove_tree(dir, NULL), 0);
}

UNIT_MAIN(NULL, NULL)
