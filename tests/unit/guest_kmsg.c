/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel log records and trace lines about sched_ext. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "guest/kmsg.h"

TEST(records_are_taken_apart)
{
	static const char text[] = "30,1234,5678901,-,caller=T1;a; b\n SUBSYSTEM=x\n DEVICE=y\n";
	struct kmsg_record r;

	assert_int_equal(kmsg_parse(text, sizeof(text) - 1, &r), 0);
	assert_int_equal(r.level, 6); /* 30 is facility 3, level 6 */
	assert_int_equal(r.seq, 1234);
	assert_int_equal(r.len, 4);
	assert_memory_equal(r.text, "a; b", 4);
	assert_int_equal(kmsg_parse("6,1,2;", 6, &r), 0);
	assert_int_equal(r.len, 0);
}

TEST(what_is_no_record_is_refused)
{
	static const char *const bad[] = {
		"",	    "6",	 "6,1",
		"6,1,2",    "6,1,2,-",	 "x,1,2,-;t",
		"6,,2,-;t", "6;1,2,-;t", "99999999999999999999,1,2,-;t",
	};
	struct kmsg_record r;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(kmsg_parse(bad[i], strlen(bad[i]), &r), -EBADMSG);
}

TEST(lines_of_sched_ext_are_told_apart)
{
	static const struct {
		unsigned level;
		const char *text;
		enum scx_line line;
		const char *what;
	} rows[] = {
		{ 6, "sched_ext: BPF scheduler \"ktstr\" enabled", SCX_LINE_ENABLED, "" },
		{ 6, "sched_ext: BPF scheduler \"ktstr\" enabled with loaded BPF programs",
		  SCX_LINE_ENABLED, "" },
		{ 3, "sched_ext: BPF scheduler \"ktstr\" disabled (runtime error)",
		  SCX_LINE_DISABLED, "runtime error" },
		{ 6, "sched_ext: BPF scheduler \"a\" disabled (\" disabled (b (c))",
		  SCX_LINE_DISABLED, "b (c)" },
		{ 6, "sched_ext: BPF scheduler \"ktstr\" disabled (", SCX_LINE_OTHER, "" },
		{ 6, "sched_ext: BPF sub-scheduler \"s\" disabled (x)", SCX_LINE_OTHER, "" },
		{ 3, "sched_ext: ktstr: told to fail", SCX_LINE_TEXT, "ktstr: told to fail" },
		{ 4, "sched_ext: ktstr: watchdog timeout is short", SCX_LINE_OTHER, "" },
		{ 3, "clocksource: tsc", SCX_LINE_OTHER, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct kmsg_record r = {
			.level = rows[i].level,
			.text = rows[i].text,
			.len = strlen(rows[i].text),
		};
		struct scx_text t = { "", 0 };

		assert_int_equal(scx_line_parse(&r, &t), rows[i].line);
		assert_int_equal(t.len, strlen(rows[i].what));
		assert_memory_equal(t.what, rows[i].what, t.len);
	}
}

TEST(dump_lines_lose_what_the_tracer_put_before_them)
{
	static const char line[] = "   kworker/0:1-12  [000] d..1. 12.5: sched_ext_dump:   a: b\n";
	static const char other[] = "   sh-12  [000] d..1. 12.5: sched_switch: sh ==> sh\n";
	size_t n = 0;
	const char *text = trace_dump_text(line, sizeof(line) - 1, &n);

	assert_non_null(text);
	assert_int_equal(n, 6);
	assert_memory_equal(text, "  a: b", 6);
	assert_null(trace_dump_text(other, sizeof(other) - 1, &n));
	assert_non_null(trace_dump_text(": sched_ext_dump: ", 18, &n)); /* an empty line of it */
	assert_int_equal(n, 0);
}

UNIT_MAIN(NULL, NULL)
