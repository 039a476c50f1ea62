/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/text.h"
#include "harness/sink.h"
#include "sink_sample.h"

static char dir[] = "/tmp/ktstr-sink-XXXXXX";

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	return remove_tree(dir, NULL);
}

static const char *in_dir(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* What format @format makes of scenario @name; the caller frees. */
static char *played(const char *name, const char *format, bool verbose, bool terminal)
{
	struct sink *s = NULL;
	struct err e = { 0 };
	char *text = NULL;

	assert_int_equal(sink_open(format, in_dir("out"), verbose, &s, &e), 0);
	s->terminal = s->colour = terminal;
	assert_int_equal(sample_play(name, &s, 1), 0);
	assert_int_equal(sink_close(s, &e), 0);
	assert_int_equal(read_file(in_dir("out"), 1 << 20, &text, NULL, &e), 0);
	return text;
}

TEST(people_see_aligned_lines_and_the_story_of_failures)
{
	SCOPED(mem_free) char *text = played("all", "human", false, false);

	assert_string_equal(
		text,
		"kernel debian 7.3.4 cloud-amd64 | qemu/tcg (kvm: present, cannot run kernels) | "
		"seed 1f3a\n"
		"  PASS    two_cgroups  1n1l2c1t  eevdf                       4.1 s  boot 2.9\n"
		"  PASS    llc_spread   1n2l2c1t  scx_ktstr                   4.1 s  boot 2.9\n"
		"          schedule 8a61c0d2e4f79b35, 48211 events\n"
		"  FAIL    two_cgroups  1n1l2c1t  scx_ktstr --starve cg_1     4.1 s  boot 2.9\n"
		"          cg_1 starved: its 2 workers waited 1.98 of 2.00 s\n"
		"          cg_1: longest gap 1980 ms, limit 500 ms\n"
		"          note: the host was busy\n"
		"          cg_1: 2 workers, cpu 0.00 s, run delay 0.00 s, longest gap 0.0 ms\n"
		"          again: ktstr test ./fairness --filter two_cgroups --seed 1f3a\n"
		"          scheduler log\n"
		"            cg_1 starved: its 2 workers waited 1.98 of 2.00 s\n"
		"  INCONC  wakeups      1n1l2c1t  eevdf                       4.1 s  boot 2.9\n"
		"          wake latency cannot be judged: no samples\n"
		"          no schedule digest: the kernel has no BPF\n"
		"          again: ktstr test ./fairness --filter two_cgroups --seed 1f3a\n"
		"  FAIL    slow         1n1l2c1t  eevdf                       4.1 s  boot 2.9\n"
		"          ran longer than 5.0 s\n"
		"          again: ktstr test ./fairness --filter two_cgroups --seed 1f3a\n"
		"  SKIP    numa_spread  2n2l2c1t  needs 2 GiB of guest memory, 1.2 GiB available\n"
		"2 passed, 2 failed, 1 inconclusive, 1 skipped in 15.2 s\n");
}

TEST(an_interrupted_run_counts_what_was_not_run)
{
	SCOPED(mem_free) char *text = played("interrupted", "human", false, false);

	assert_non_null(strstr(text, "PASS    one"));
	assert_non_null(strstr(text, "FAIL    one"));
	assert_non_null(strstr(text, "\n1 passed, 1 failed, 0 inconclusive, 0 skipped, 3 not run "
				     "in 15.2 s (interrupted)\n"));
}

TEST(long_logs_are_cut_unless_all_is_wanted)
{
	SCOPED(mem_free) char *brief = played("logs", "human", false, false);
	SCOPED(mem_free) char *all = played("logs", "human", true, false);

	assert_non_null(strstr(brief, "scheduler log (its end)\n            log line 29\n"));
	assert_null(strstr(brief, "log line 28\n"));
	assert_non_null(strstr(brief, "dump line 20\n            ...\n"));
	assert_null(strstr(brief, "dump line 21\n"));
	assert_non_null(strstr(brief, "console line 40\n"));
	assert_non_null(strstr(all, "scheduler log\n            log line 1\n"));
	assert_non_null(strstr(all, "dump line 40\n"));
}

TEST(a_terminal_gets_colour_and_progress_and_keeps_neither_from_guests)
{
	SCOPED(mem_free) char *text = played("two", "human", false, true);
	SCOPED(mem_free) char *hostile = played("hostile", "human", true, false);

	assert_non_null(strstr(text, "\033[32mPASS  \033[0m"));
	assert_non_null(strstr(text, "[0/5] 0 s: one 1n1l2c1t eevdf"));
	assert_non_null(strstr(text, "\r\033[K"));
	assert_null(strstr(hostile, "\033"));
	assert_null(strstr(hostile, "title"));
}

TEST(files_appear_whole_and_only_when_closed)
{
	struct sink *s = NULL;
	struct err e = { 0 };

	assert_int_equal(sink_open("json", in_dir("late"), false, &s, &e), 0);
	sample_play("all", &s, 1);
	assert_int_equal(access(in_dir("late"), F_OK), -1);
	sink_destroy(s);
	assert_int_equal(access(in_dir("late"), F_OK), -1);
	assert_int_equal(sink_open("json", in_dir("late"), false, &s, &e), 0);
	assert_int_equal(sink_close(s, &e), 0);
	assert_int_equal(access(in_dir("late"), F_OK), 0);
}

TEST(what_cannot_be_written_is_said_before_or_after_but_always)
{
	struct sink *s = NULL;
	struct err e = { 0 };

	assert_int_equal(sink_open("json", in_dir("no/such"), false, &s, &e), -ENOENT);
	assert_non_null(strstr(e.text, "no/such: No such file or directory"));
	assert_int_equal(sink_open("json", dir, false, &s, &e), -EISDIR);
	assert_int_equal(sink_open("jsn", NULL, false, &s, &e), -EINVAL);
	assert_string_equal(e.text, "format \"jsn\" is none of human, ktap, tap, json, junit");
	assert_int_equal(sink_open("json", "/dev/full", false, &s, &e), 0);
	sample_play("all", &s, 1);
	assert_int_equal(sink_close(s, &e), -ENOSPC);
	assert_string_equal(e.text, "writing json to /dev/full: No space left on device");
}

TEST(several_formats_share_a_run_but_not_standard_output)
{
	SCOPED(sink_set_fini) struct sink_set set = { 0 };
	struct err e = { 0 };
	char spec[128];

	assert_int_equal(sink_set_add(&set, "ktap,human", false, &e), -EINVAL);
	assert_string_equal(e.text, "formats ktap and human would both go to standard output: "
				    "give one a file, human=FILE");
	sink_set_fini(&set);
	snprintf(spec, sizeof(spec), "json=%s/j,junit=%s/x", dir, dir);
	assert_int_equal(sink_set_add(&set, spec, false, &e), 0);
	assert_int_equal(set.nr, 2);
	assert_int_equal(sample_play("all", set.at, set.nr), 0);
	assert_int_equal(sink_set_complete(&set, false, &e), 0);
	assert_int_equal(set.nr, 3);
	assert_ptr_equal(set.at[2]->type, &sink_human);
	assert_int_equal(sink_set_complete(&set, false, &e), 0);
	assert_int_equal(set.nr, 3);
	assert_int_equal(sink_set_close(&set, &e), 0);
	assert_int_equal(access(in_dir("j"), F_OK), 0);
	assert_int_equal(access(in_dir("x"), F_OK), 0);
}

TEST(unknown_text_is_made_fit_to_show)
{
	static const struct {
		const char *from, *to;
		bool lines;
	} row[] = {
		{ "plain \xc3\xa4 \xf0\x9f\x90\xa7", "plain \xc3\xa4 \xf0\x9f\x90\xa7" },
		{ "a\nb\tc\r", "a b\tc" },
		{ "a\nb", "a\nb", true },
		{ "\033[1;31mred\033[0m", "red" },
		{ "\033]0;title\axx\033[", "xx" },
		{ "\x01\x7f\xc2\x9b", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		SCOPED(buf_fini) struct buf b = { 0 };

		buf_put_clean(&b, row[i].from, strlen(row[i].from), row[i].lines);
		assert_string_equal(buf_str(&b), row[i].to);
	}
	assert_string_equal(text_tail("a\nb\nc\n", 2), "b\nc\n");
	assert_string_equal(text_tail("a\nb\nc", 1), "c");
	assert_string_equal(text_tail("a\nb", 5), "a\nb");
	assert_int_equal(text_width("\xc3\xa4x"), 2);
}

UNIT_MAIN(make_dir, drop_dir)
