/* SPDX-License-Identifier: GPL-2.0-only */
/* Events of schedules: the file, the comparison, the words. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "harness/events.h"
#include "image/compress.h"

#define SWITCH(t, on, from, to, name) \
	{ .ns = (t), \
	  .cpu = (on), \
	  .kind = SCHED_EVENT_SWITCH, \
	  .pid_a = (from), \
	  .pid_b = (to), \
	  .comm = name }

/* worker 3 wakes up on cpu1, comes, goes; then it migrates. */
static const struct sched_event story[] = {
	{ .ns = 1000,
	  .cpu = 0,
	  .kind = SCHED_EVENT_WAKEUP,
	  .pid_a = 3,
	  .pid_b = 1,
	  .comm = "worker" },
	SWITCH(2000, 1, 0, 3, "worker"),
	{ .ns = 3000,
	  .cpu = 1,
	  .kind = SCHED_EVENT_SWITCH,
	  .pid_a = 3,
	  .state = 1,
	  .comm = "swapper/" },
	{ .ns = 4000,
	  .cpu = 0,
	  .kind = SCHED_EVENT_MIGRATE,
	  .pid_a = 3,
	  .pid_b = SCHED_EVENT_CPUS(1, 0),
	  .comm = "worker" },
	{ .ns = 3201448012,
	  .cpu = 2,
	  .kind = SCHED_EVENT_WAKEUP_NEW,
	  .pid_a = 77,
	  .pid_b = 2,
	  .comm = "sh\x01" },
};
#define NR ARRAY_SIZE(story)

static struct events whole(const struct sched_event *at, size_t nr)
{
	return (struct events){ .digest = 1, .total = nr, .at = at, .nr = nr };
}

TEST(what_is_written_is_read_again)
{
	for (size_t nr = 0; nr <= NR; nr++) {
		SCOPED(buf_fini) struct buf file = { 0 };
		SCOPED(buf_fini) struct buf back = { 0 };

		assert_int_equal(events_write(story, nr, &file), 0);
		assert_int_equal(events_read(file.at, file.len, &back, NULL), 0);
		assert_int_equal(back.len, nr * sizeof(story[0]));
		if (nr)
			assert_memory_equal(back.at, story, back.len);
	}
}

static void refused(const void *data, size_t len, const char *says)
{
	SCOPED(buf_fini) struct buf back = { 0 };
	struct err e = { 0 };

	assert_int_equal(events_read(data, len, &back, &e), -EBADMSG);
	if (!strstr(e.text, says))
		fail_msg("\"%s\" does not say \"%s\"", e.text, says);
	assert_int_equal(back.len, 0);
}

static void refused_inside(const void *data, size_t len, const char *says)
{
	SCOPED(buf_fini) struct buf file = { 0 };

	assert_int_equal(compress_zstd(data, len, &file), 0);
	refused(file.at, file.len, says);
}

TEST(a_damaged_file_is_refused)
{
	SCOPED(buf_fini) struct buf file = { 0 };
	char plain[16 + 32 + 1] = "KTSTREV1";

	assert_int_equal(events_write(story, NR, &file), 0);
	for (size_t n = 0; n < file.len; n++)
		refused(file.at, n, "events");
	file.at[file.len / 2] ^= 0x10;
	refused(file.at, file.len, "events");
	refused_inside(plain, 15, "15 bytes are no events");
	refused_inside("KTSTREV2\0\0\0\0\0\0\0", 16, "not a file of events");
	refused_inside(plain, 16 + 32, "0 announced, 32 bytes there");
	plain[8] = 1;
	refused_inside(plain, 16 + 31, "1 announced");
	refused_inside(plain, 16 + 33, "1 announced");
	memset(plain + 8, 0xff, 8);
	refused_inside(plain, 16 + 32, "18446744073709551615 announced");
}

static void expect(struct events_diff d, enum events_verdict verdict, uint64_t index)
{
	assert_int_equal(d.verdict, verdict);
	assert_int_equal(d.index, index);
}

TEST(the_first_difference_is_found)
{
	struct events was = whole(story, NR);

	expect(events_compare(&was, &was), EVENTS_SAME, 0);
	for (size_t i = 0; i < NR; i++) {
		struct sched_event other[NR];
		struct events now = whole(other, NR);

		memcpy(other, story, sizeof(story));
		other[i].ns++;
		now.digest = 2;
		expect(events_compare(&was, &now), EVENTS_DIFFER, i);
		expect(events_compare(&now, &was), EVENTS_DIFFER, i);
	}
}

TEST(a_schedule_that_ends_earlier_differs_at_its_end)
{
	struct events was = whole(story, NR), now = whole(story, 2), none = whole(NULL, 0);

	now.digest = none.digest = 2;
	expect(events_compare(&was, &now), EVENTS_DIFFER, 2);
	expect(events_compare(&now, &was), EVENTS_DIFFER, 2);
	expect(events_compare(&none, &was), EVENTS_DIFFER, 0);
	expect(events_compare(&none, &none), EVENTS_SAME, 0);
}

TEST(beyond_what_was_kept_nothing_can_be_named)
{
	struct events was = whole(story, 3), now = whole(story, 3);

	was.total = now.total = 100;
	expect(events_compare(&was, &now), EVENTS_SAME, 0);
	now.digest = 2;
	expect(events_compare(&was, &now), EVENTS_BEYOND, 3);
	now.total = 101;
	now.digest = 1;
	expect(events_compare(&was, &now), EVENTS_BEYOND, 3);
	/* one that is whole and over, another that goes on */
	now = whole(story, 3);
	expect(events_compare(&was, &now), EVENTS_DIFFER, 3);
	/* kept more of one than of the other: the end of neither is known */
	now = whole(story, NR);
	now.total = 100;
	now.digest = 2;
	expect(events_compare(&was, &now), EVENTS_BEYOND, 3);
	/* whole on both sides, and yet another digest: not possible unless somebody lies */
	was = now = whole(story, NR);
	now.digest = 2;
	expect(events_compare(&was, &now), EVENTS_BEYOND, NR);
}

TEST(up_to_a_stop_only_what_was_before_it_counts)
{
	struct sched_event other[NR];
	struct events was = whole(story, NR), now = whole(other, NR);

	memcpy(other, story, sizeof(story));
	other[3].cpu = 9;
	now.digest = 2;
	expect(events_compare_until(&was, &now, 3), EVENTS_SAME, 0);
	expect(events_compare_until(&was, &now, 4), EVENTS_DIFFER, 3);
	now.nr = now.total = 2;
	expect(events_compare_until(&was, &now, 2), EVENTS_SAME, 0);
	expect(events_compare_until(&was, &now, 3), EVENTS_DIFFER, 2);
	now.total = 50;
	expect(events_compare_until(&was, &now, 3), EVENTS_BEYOND, 2);
	expect(events_compare_until(&was, &was, 1000), EVENTS_SAME, NR);
}

static void says(const char *want, const struct events *s, size_t index)
{
	SCOPED(buf_fini) struct buf text = { 0 };

	event_text(s, index, &text);
	assert_string_equal(buf_str(&text), want);
}

TEST(an_event_is_told_with_the_names_known_by_then)
{
	struct events s = whole(story, NR);

	says("wake-up of worker[3] for cpu1", &s, 0);
	says("switch idle -> worker[3]", &s, 1);
	says("switch worker[3] (state 0x1) -> idle", &s, 2);
	says("migration of worker[3] from cpu1 to cpu0", &s, 3);
	says("first wake-up of sh\xef\xbf\xbd[77] for cpu2", &s, 4);
	const struct sched_event strange[] = {
		SWITCH(1, 0, 8, 9, "12345678"),
		{ .kind = 99 },
	};
	s = whole(strange, 2);
	says("switch [8] -> 12345678[9]", &s, 0);
	says("an event of kind 99", &s, 1);
}

static void told(const char *want, const struct events *was, const struct events *now)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	struct events_diff d = events_compare(was, now);

	events_diff_text(&d, was, now, &text);
	assert_string_equal(buf_str(&text), want);
}

TEST(a_difference_is_told_in_words)
{
	struct sched_event other[NR];
	struct events was = whole(story, NR), now = whole(other, NR);

	memcpy(other, story, sizeof(story));
	told("", &was, &now);
	now.digest = 2;
	other[4].pid_b = 1;
	other[4].comm[2] = 0;
	told("event 4 at 3.201448012 s on cpu2: was first wake-up of sh\xef\xbf\xbd[77] for cpu2, "
	     "now "
	     "first wake-up of sh[77] for cpu1",
	     &was, &now);
	other[1].ns = 2001;
	told("event 1 at 0.000002000 s on cpu1: was switch idle -> worker[3], now switch idle -> "
	     "worker[3] at 0.000002001 s on cpu1",
	     &was, &now);
	now = whole(story, 1);
	told("event 1 at 0.000002000 s on cpu1: was switch idle -> worker[3], now the end", &was,
	     &now);
	told("event 1 at 0.000002000 s on cpu1: was the end, now switch idle -> worker[3]", &now,
	     &was);
	was.nr = now.nr = 1;
	was.total = 10;
	now.total = 11;
	told("after event 1, the last one that was kept of both (was 10 events, now 11)", &was,
	     &now);
}

UNIT_MAIN(NULL, NULL)
