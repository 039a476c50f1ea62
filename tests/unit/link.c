/* SPDX-License-Identifier: GPL-2.0-only */
/* The link: checksum, frames through damage of every kind, the job file. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "link/frame.h"
#include "link/job.h"

/* xorshift64: the same cuts and flips in every run */
static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

TEST(crc32c_matches_the_published_vectors)
{
	uint8_t zeros[32] = { 0 }, ones[32], up[32];

	memset(ones, 0xff, sizeof(ones));
	for (size_t i = 0; i < sizeof(up); i++)
		up[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, up, 32), 0x46dd794e);
	assert_int_equal(crc32c(crc32c(0, "12345", 5), "6789", 4), 0xe3069283);
	assert_int_equal(crc32c(0, NULL, 0), 0);
}

TEST(one_frame_has_exactly_these_bytes)
{
	static const uint8_t golden[] = {
		0x46, 0x54, 0x4b, 0x46, 0x01, 0x00, 0x04, 0x00, 0x05, 0x00, 0x00, 0x00, 0x07,
		0x00, 0x00, 0x00, 0x01, 0x2c, 0xbc, 0x03, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
	};
	SCOPED(buf_fini) struct buf b = { 0 };
	uint32_t seq = 7;

	frame_put(&b, &seq, FRAME_OUT, "hello", 5);
	assert_int_equal(seq, 8);
	assert_int_equal(b.len, sizeof(golden));
	assert_memory_equal(b.at, golden, sizeof(golden));
}

/* A stream of @nr frames of pseudo-random sizes; the content follows from the sequence number. */
static void fill(uint8_t *at, uint32_t seq, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		at[i] = (uint8_t)(seq * 31 + i * 7);
}

static uint32_t len_of(uint32_t seq)
{
	uint64_t s = seq * 2654435761u + 1;

	return seq % 16 == 5 ? FRAME_MAX_PAYLOAD : (uint32_t)(rnd(&s) % 300);
}

static void make_stream(struct buf *b, uint32_t nr)
{
	static uint8_t payload[FRAME_MAX_PAYLOAD];
	uint32_t seq = 0;

	while (seq < nr) {
		uint32_t len = len_of(seq);

		fill(payload, seq, len);
		frame_put(b, &seq, FRAME_OUT, payload, len);
	}
}

/* Takes what is there, checks that each frame is one that was sent; returns how many. */
static uint32_t take_all(struct frame_parser *p)
{
	static uint8_t want[FRAME_MAX_PAYLOAD];
	struct frame f;
	uint32_t n = 0;

	while (frame_parser_next(p, &f)) {
		assert_int_equal(f.type, FRAME_OUT);
		assert_int_equal(f.len, len_of(f.seq));
		assert_int_equal((uintptr_t)f.payload % 8, 0);
		fill(want, f.seq, f.len);
		assert_memory_equal(f.payload, want, f.len);
		n++;
	}
	assert_true(p->in.len < sizeof(struct frame_header) + FRAME_MAX_PAYLOAD);
	assert_int_equal(p->in.bad, 0);
	return n;
}

TEST(any_cutting_of_the_stream_gives_the_same_frames)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	uint64_t seed = 42;

	make_stream(&b, 40);
	for (size_t max = 1; max <= b.len * 2; max = max * 3 + 1) {
		SCOPED(frame_parser_fini) struct frame_parser p = { 0 };
		uint32_t n = 0;

		for (size_t at = 0, len; at < b.len; at += len) {
			len = rnd(&seed) % max + 1;
			len = MIN(len, b.len - at);
			frame_parser_feed(&p, b.at + at, len);
			n += take_all(&p);
		}
		assert_int_equal(n, 40);
		assert_int_equal(p.good, 40);
		assert_int_equal(p.skipped + p.bad_crc + p.lost + p.in.len, 0);
	}
}

TEST(a_flipped_bit_costs_one_frame_and_is_counted)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	uint64_t seed = 7;

	make_stream(&b, 20);
	for (int round = 0; round < 400; round++) {
		SCOPED(frame_parser_fini) struct frame_parser p = { 0 };
		size_t bit = rnd(&seed) % (b.len * 8);

		b.at[bit / 8] ^= (char)(1 << bit % 8);
		frame_parser_feed(&p, b.at, b.len);
		uint32_t n = take_all(&p);
		frame_parser_finish(&p);
		n += take_all(&p);
		b.at[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(n, 19);
		assert_true(p.skipped >= sizeof(struct frame_header));
		/* the last frame missing shows only as bytes thrown away */
		assert_int_equal(p.lost, p.next_seq == 20 ? 1 : 0);
	}
}

TEST(a_removed_piece_costs_only_what_it_touched)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	uint64_t seed = 11;

	make_stream(&b, 5); /* before the first large one */
	for (int round = 0; round < 200; round++) {
		SCOPED(frame_parser_fini) struct frame_parser p = { 0 };
		size_t from = rnd(&seed) % (b.len - 30), gone = rnd(&seed) % 30 + 1;

		frame_parser_feed(&p, b.at, from);
		uint32_t n = take_all(&p);
		frame_parser_feed(&p, b.at + from + gone, b.len - from - gone);
		n += take_all(&p);
		frame_parser_finish(&p);
		n += take_all(&p);
		assert_in_range(n, 3, 4);
	}
}

TEST(frames_behind_garbage_and_false_starts_are_found)
{
	/* noise, a magic cut short, another version, a length out of range */
	static const char noise[] =
		"panic! FTK FTFTKFTF\0FTKF\2 and FTKF\1\0\4\0\xff\xff\xff\xff FT";
	SCOPED(frame_parser_fini) struct frame_parser p = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };

	make_stream(&b, 3);
	frame_parser_feed(&p, noise, sizeof(noise) - 1);
	assert_int_equal(take_all(&p), 0);
	frame_parser_feed(&p, b.at, b.len);
	assert_int_equal(take_all(&p), 3);
	assert_int_equal(p.skipped, sizeof(noise) - 1);
	assert_int_equal(p.lost, 0);
}

TEST(missing_frames_are_counted_but_a_step_back_is_not)
{
	SCOPED(frame_parser_fini) struct frame_parser p = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };
	uint32_t seq = 3;
	struct frame f;

	frame_put(&b, &seq, FRAME_BEAT, NULL, 0);
	seq = 1;
	frame_put(&b, &seq, FRAME_BEAT, NULL, 0);
	frame_parser_feed(&p, b.at, b.len);
	assert_true(frame_parser_next(&p, &f));
	assert_int_equal(p.lost, 3);
	assert_true(frame_parser_next(&p, &f));
	assert_int_equal(p.lost, 3);
	assert_false(frame_parser_next(&p, &f));
}

TEST(a_job_survives_writing_and_parsing)
{
	static const char text[] =
		"job=1\nmode=exec\nseed=18446744073709551615\ncwd=\narg=/bin/echo\n"
		"arg=a=b c\narg=\nsched_arg=-v\nmodule=virtio_mmio.ko\n"
		"env=A=1\nsysctl=kernel/sched_schedstats 1\n";
	SCOPED(job_fini) struct job j = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };
	struct err e = { 0 };

	assert_int_equal(job_parse(text, sizeof(text) - 1, &j, &e), 0);
	assert_string_equal(j.mode, "exec");
	assert_string_equal(j.cwd, "");
	assert_null(j.test);
	assert_int_equal(j.args.nr, 3);
	assert_string_equal(j.args.at[1], "a=b c");
	assert_string_equal(j.args.at[2], "");
	assert_string_equal(j.env.at[0], "A=1");
	assert_int_equal(job_write(&j, &b, &e), 0);
	assert_string_equal(buf_str(&b), text);
}

TEST(a_value_may_have_lines_of_its_own)
{
	static const char *const values[] = { "one\ntwo", "\n", "\n\n", "a\n\tb\n", "\tc", "\n=d" };
	static const char written[] = "job=1\narg=one\n\ttwo\narg=\n\t\narg=\n\t\n\t\n"
				      "arg=a\n\t\tb\n\t\narg=\tc\narg=\n\t=d\n";
	SCOPED(job_fini) struct job j = { 0 };
	SCOPED(job_fini) struct job again = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_int_equal(job_list_add(&j.args, values[i]), 0);
	assert_int_equal(job_write(&j, &b, NULL), 0);
	assert_string_equal(buf_str(&b), written);
	assert_int_equal(job_parse(b.at, b.len, &again, NULL), 0);
	assert_int_equal(again.args.nr, ARRAY_SIZE(values));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_string_equal(again.args.at[i], values[i]);
}

TEST(only_the_word_virtual_makes_a_job_one_in_virtual_time)
{
	static const struct {
		const char *text;
		bool is;
	} row[] = {
		{ "job=1\n", false },
		{ "job=1\ntime=virtual\n", true },
		{ "job=1\ntime=\n", false },
		{ "job=1\ntime=real\n", false },
		{ "job=1\ntime=virtual \n", false },
		{ "job=1\ntime=Virtual\n", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		SCOPED(job_fini) struct job j = { 0 };

		assert_int_equal(job_parse(row[i].text, strlen(row[i].text), &j, NULL), 0);
		assert_int_equal(job_in_virtual_time(&j), row[i].is);
	}
}

TEST(numbers_in_a_job_have_the_width_asked_for)
{
	SCOPED(job_fini) struct job j = { 0 };

	assert_int_equal(job_set_number(&j.events, 0, 7), 0);
	assert_string_equal(j.events, "7");
	assert_int_equal(job_set_number(&j.events, 20, 7), 0);
	assert_string_equal(j.events, "00000000000000000007");
	assert_int_equal(job_set_number(&j.events, 20, UINT64_MAX), 0);
	assert_string_equal(j.events, "18446744073709551615");
}

TEST(a_bad_job_names_line_and_key_and_leaves_the_result_alone)
{
	static const struct {
		const char *text;
		int r;
		const char *says;
	} bad[] = {
		{ "", -EINVAL, "empty" },
		{ "mode=exec\n", -EINVAL, "line 1" },
		{ "job=2\n", -EPROTO, "version \"2\"" },
		{ "job=1x\n", -EPROTO, "version \"1x\"" },
		{ "job=1\nmode=exec\nmode=test\n", -EEXIST, "line 3: mode" },
		{ "job=1\nmode\n", -EINVAL, "line 2" },
		{ "job=1\n\nmode=exec\n", -EINVAL, "line 2" },
		{ "job=1\nsecret=1\n", -EINVAL, "\"secret\"" },
		{ "job=1\nmode=exec", -EINVAL, "line 2: not ended" },
		{ "job=1\nmode=exec\n\t", -EINVAL, "line 2: not ended" },
		{ "job=1\narg=a\n\tb\n\tc\nmode\n", -EINVAL, "line 5: no" },
		{ "job=1\n\tx\n", -EPROTO, "line 1" },
		{ "\tjob=1\n", -EINVAL, "line 1" },
		{ "job=1\narg=ok\njob=1\n", -EINVAL, "line 3" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct job j = { .mode = (char *)(uintptr_t)"kept" };
		struct err e = { 0 };

		assert_int_equal(job_parse(bad[i].text, strlen(bad[i].text), &j, &e), bad[i].r);
		assert_string_equal(j.mode, "kept");
		if (!strstr(e.text, bad[i].says))
			fail_msg("\"%s\" does not say \"%s\"", e.text, bad[i].says);
	}
	struct job j = { 0 };
	assert_int_equal(job_parse("job=1\nmode=a\0b\n", 15, &j, NULL), -EINVAL);
}

TEST(a_job_that_is_too_large_to_be_read_back_is_not_written)
{
	SCOPED(job_fini) struct job j = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };
	SCOPED(mem_free) char *big = malloc(JOB_MAX_SIZE + 1);
	struct err e = { 0 };

	assert_non_null(big);
	memset(big, 'x', JOB_MAX_SIZE);
	big[JOB_MAX_SIZE] = 0;
	assert_int_equal(job_set(&j.cwd, big), 0);
	assert_int_equal(job_write(&j, &b, &e), -E2BIG);
	assert_int_equal(job_set(&j.cwd, NULL), 0);
	assert_null(j.cwd);
}

UNIT_MAIN(NULL, NULL)
