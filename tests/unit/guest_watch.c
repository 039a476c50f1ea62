/* SPDX-License-Identifier: GPL-2.0-only */
/* The life of a scheduler, told to the watch in facts; what it makes of them. */
#include "unit.h"

#include <string.h>

#include "abi/frame.h"
#include "guest/watch.h"

#define MS 1000000ull
#define EXITED(code) ((code) << 8)

static void begin(struct watch *w)
{
	*w = (struct watch){ 0 };
	watch_start(w, 0, 1000 * MS);
	assert_int_equal(watch_next(w, 0, false), WATCH_NOTHING);
}

static void log_line(struct watch *w, uint64_t now, unsigned level, const char *text)
{
	const struct kmsg_record r = { .level = level, .text = text, .len = strlen(text) };

	watch_kmsg(w, now, &r);
}

static void attach(struct watch *w)
{
	begin(w);
	watch_kernel_state(w, 1, "enabling");
	assert_int_equal(watch_next(w, 1, false), WATCH_NOTHING);
	watch_kernel_state(w, 2, "enabled");
	assert_int_equal(watch_next(w, 2, false), WATCH_IS_ATTACHED);
	assert_int_equal(watch_next(w, 2, false), WATCH_NOTHING);
}

static void expect_report(struct watch *w, const char *dump, const char *want)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	watch_report(w, 42, dump, &b);
	assert_string_equal(buf_str(&b), want);
	watch_fini(w);
}

TEST(an_eviction_is_told_once_with_reason_and_exit_status)
{
	struct watch w;

	attach(&w);
	log_line(&w, 10, 4, "sched_ext: ktstr: only a warning");
	log_line(&w, 10, 3, "sched_ext: BPF scheduler \"ktstr\" disabled (runtime error)");
	assert_int_equal(watch_next(&w, 10, false), WATCH_NOTHING);
	log_line(&w, 11, 3, "sched_ext: ktstr: told to fail");
	watch_process_ended(&w, 12, EXITED(1));
	assert_int_equal(watch_next(&w, 12, true), WATCH_NOTHING); /* the kernel is at it still */
	watch_kernel_state(&w, 13, "disabled");
	assert_int_equal(watch_next(&w, 13, false), WATCH_NOTHING); /* its last words are due */
	assert_int_equal(watch_next(&w, 14, true), WATCH_IS_OVER);
	assert_int_equal(watch_next(&w, 15, true), WATCH_NOTHING);
	expect_report(&w, "a\n",
		      "{\"during\":\"test\",\"pid\":42,\"exited\":1,"
		      "\"kernel_reason\":\"runtime error: ktstr: told to fail\","
		      "\"dump\":\"a\\u000a\"}");
}

TEST(a_process_that_outlives_its_eviction_is_not_waited_for_forever)
{
	struct watch w;

	attach(&w);
	watch_kernel_state(&w, 100 * MS, "disabling");
	watch_kernel_state(&w, 101 * MS, "disabled");
	assert_int_equal(watch_next(&w, 200 * MS, false), WATCH_NOTHING);
	assert_int_equal(watch_next(&w, 100 * MS + WATCH_CLOSING_NS, false), WATCH_IS_OVER);
	expect_report(&w, "",
		      "{\"during\":\"test\",\"pid\":42,\"alive\":true,"
		      "\"kernel_reason\":\"\",\"dump\":\"\"}");
}

TEST(a_crash_is_told_by_its_signal_and_not_as_the_kernels_deed)
{
	struct watch w;

	attach(&w);
	watch_process_ended(&w, 5, 11);
	log_line(&w, 6, 6,
		 "sched_ext: BPF scheduler \"k\" disabled (unregistered from user space)");
	watch_kernel_state(&w, 7, "disabled");
	assert_int_equal(watch_next(&w, 7, true), WATCH_IS_OVER);
	expect_report(&w, "",
		      "{\"during\":\"test\",\"pid\":42,\"signal\":11,"
		      "\"kernel_reason\":\"\",\"dump\":\"\"}");
}

TEST(an_end_before_the_kernel_took_it_is_a_failed_attach)
{
	struct watch w;

	begin(&w);
	log_line(&w, 3, 3, "sched_ext: BPF scheduler \"k\" disabled (runtime error)");
	log_line(&w, 3, 3, "sched_ext: k: ops.init() failed (-1)");
	watch_process_ended(&w, 4, EXITED(2));
	watch_kernel_state(&w, 5, "disabled");
	assert_int_equal(watch_next(&w, 5, true), WATCH_IS_OVER);
	expect_report(&w, "",
		      "{\"during\":\"attach\",\"pid\":42,\"exited\":2,\"kernel_reason\":"
		      "\"runtime error: k: ops.init() failed (-1)\",\"dump\":\"\"}");
}

TEST(no_attach_in_time_is_over_at_the_deadline)
{
	struct watch w;

	begin(&w);
	watch_kernel_state(&w, 1, "disabled");
	assert_int_equal(watch_next(&w, 1000 * MS - 1, false), WATCH_NOTHING);
	assert_int_equal(watch_next(&w, 1000 * MS, false), WATCH_IS_OVER);
	expect_report(&w, "",
		      "{\"during\":\"attach\",\"pid\":42,\"alive\":true,"
		      "\"kernel_reason\":\"\",\"dump\":\"\"}");
}

TEST(attached_and_gone_between_two_looks_is_both_reported)
{
	struct watch w;

	begin(&w);
	log_line(&w, 5, 6, "sched_ext: BPF scheduler \"k\" enabled");
	log_line(&w, 5, 3, "sched_ext: BPF scheduler \"k\" disabled (runtime error)");
	watch_process_ended(&w, 5, EXITED(0));
	watch_kernel_state(&w, 5, "disabled");
	assert_int_equal(watch_next(&w, 5, true), WATCH_IS_ATTACHED);
	assert_int_equal(watch_next(&w, 5, true), WATCH_IS_OVER);
	assert_false(w.in_attach);
	watch_fini(&w);
}

TEST(what_we_stop_ourselves_is_no_news)
{
	struct watch w;

	attach(&w);
	watch_stop(&w);
	log_line(&w, 5, 6,
		 "sched_ext: BPF scheduler \"k\" disabled (unregistered from user space)");
	watch_kernel_state(&w, 5, "disabled");
	watch_process_ended(&w, 6, EXITED(0));
	assert_int_equal(watch_next(&w, UINT64_MAX, true), WATCH_NOTHING);
	watch_fini(&w);
	w = (struct watch){ 0 };
	watch_stop(&w); /* none was started */
	watch_kernel_state(&w, 5, "enabled");
	watch_process_ended(&w, 6, 0);
	assert_int_equal(watch_next(&w, UINT64_MAX, true), WATCH_NOTHING);
}

TEST(a_report_fits_a_frame_whatever_the_kernel_says)
{
	SCOPED(mem_free) char *dump = malloc(FRAME_MAX_PAYLOAD * 2);
	SCOPED(buf_fini) struct buf b = { 0 };
	struct watch w;

	assert_non_null(dump);
	memset(dump, 1, FRAME_MAX_PAYLOAD * 2); /* six bytes each in JSON */
	dump[FRAME_MAX_PAYLOAD * 2 - 1] = 0;
	attach(&w);
	for (int i = 0; i < 1000; i++)
		log_line(&w, 5, 3, "sched_ext: \x01\x01\x01\x01\x01\x01\x01\x01");
	assert_in_range(w.reason.len, 1, WATCH_REASON_MAX + 8);
	watch_kernel_state(&w, 5, "disabled");
	watch_report(&w, 42, dump, &b);
	assert_int_equal(b.bad, 0);
	assert_in_range(b.len, FRAME_MAX_PAYLOAD / 2, FRAME_MAX_PAYLOAD);
	assert_int_equal(b.at[b.len - 1], '}');
	watch_fini(&w);
}

UNIT_MAIN(NULL, NULL)
