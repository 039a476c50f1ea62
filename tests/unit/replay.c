/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a record needs of the cache, and what is said when it is no longer there; how a run compares
 * with its record.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/objects.h"
#include "catalog_util.h"
#include "harness/replay.h"

#define GONE "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct recorded {
	struct catalog *c;
	struct replay r;
	struct words said;
};

static void recorded_fini(struct recorded *x)
{
	words_fini(&x->said);
	replay_fini(&x->r);
	catalog_close(x->c);
}
DEFINE_SCOPED_FINI(struct recorded, recorded_fini)

static void put(struct recorded *x, const char *text, char ret[OBJECT_NAME_LEN + 1])
{
	struct err e = { 0 };

	put_file(catalog_dir(x->c), text, text);
	if (object_put_file(x->c, path_format("%s/%s", catalog_dir(x->c), text).s, ret, &e) < 0)
		fail_msg("%s", e.text);
}

/* A run whose kernel, archive and base the cache has. */
static struct recorded record_of_a_run(void)
{
	struct recorded x = {
		.c = open_cache(new_dir().s),
		.r = { .id = "aaaaaaaaaaaa",
		       .kernel_fd = -1,
		       .source = { .fd = -1, .base.fd = -1 },
		       .record.machine = { .freeze_at = 0x403065, .job = strdup("job=1\n") },
		       .record.about = { .kernel = strdup("a kernel"),
					 .file = strdup("a/test"),
					 .test = strdup("test") } },
	};
	struct record_machine *m = &x.r.record.machine;

	put(&x, "kernel", m->kernel);
	put(&x, "archive", m->archive);
	put(&x, "base archive", m->base);
	return x;
}

/* Beside that about emulators, which this host may have or not. */
static void expect_missing(struct recorded *x, const char *text)
{
	struct err e = { 0 };
	bool found = false;

	if (replay_check(&x->r, x->c, &x->said, &e) != 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < x->said.nr; i++)
		found |= strstr(x->said.at[i], text) != NULL;
	if (!found)
		fail_msg("nobody says \"%s\"", text);
}

TEST(the_archive_that_a_record_names_is_what_its_snapshot_is_made_of)
{
	SCOPED(recorded_fini) struct recorded x = record_of_a_run();
	const struct snapshot_base *b = &x.r.source.base;
	char text[20] = "";

	assert_true(replay_check(&x.r, x.c, &x.said, NULL) >= 0);
	for (size_t i = 0; i < x.said.nr; i++)
		assert_null(strstr(x.said.at[i], "snapshot"));
	assert_int_equal(b->size, strlen("base archive"));
	assert_int_equal(pread(b->fd, text, sizeof(text), 0), b->size);
	assert_string_equal(text, "base archive");
	assert_string_equal(b->sha256, x.r.record.machine.base);
	assert_true(b->freeze_at == 0x403065);
}

TEST(a_run_that_booted_has_none)
{
	SCOPED(recorded_fini) struct recorded x = record_of_a_run();

	x.r.record.machine.base[0] = 0;
	assert_true(replay_check(&x.r, x.c, &x.said, NULL) >= 0);
	assert_true(!x.r.source.base.size && x.r.source.base.fd < 0);
}

TEST(what_is_no_longer_there_is_named)
{
	SCOPED(recorded_fini) struct recorded x = record_of_a_run();
	SCOPED(recorded_fini) struct recorded y = record_of_a_run();
	SCOPED(recorded_fini) struct recorded z = record_of_a_run();

	strcpy(x.r.record.machine.base, GONE);
	expect_missing(&x, "the archive of its snapshot is no longer in the cache (SHA-256 "
			   "bbbbbbbbbbbb...)");
	strcpy(y.r.record.machine.archive, GONE);
	expect_missing(&y, "the guest archive of a/test is no longer in the cache");
	strcpy(z.r.record.machine.kernel, GONE);
	expect_missing(&z, "kernel a kernel is no longer in the cache");
}

/* ---- comparing: events of 1 us each on CPUs in turn ---- */

enum {
	NR_EVENTS = 8,
};

static struct sched_event event_at(size_t i)
{
	return (struct sched_event){
		.ns = 1000 * (i + 1),
		.pid_a = 10,
		.pid_b = 11,
		.cpu = i % 2,
		.kind = SCHED_EVENT_SWITCH,
		.comm = "task",
	};
}

struct compared {
	struct recorded x;
	struct cell_result now;
	struct replay_outcome o;
	struct buf told;
};

static void compared_fini(struct compared *c)
{
	buf_fini(&c->told);
	cell_result_fini(&c->now);
	recorded_fini(&c->x);
}
DEFINE_SCOPED_FINI(struct compared, compared_fini)

/* The same run twice. */
static struct compared two_runs(void)
{
	const struct schedule_digest d = {
		.have = true,
		.digest = 0x1234,
		.events = NR_EVENTS,
		.kept = NR_EVENTS,
		.end_ns = 9000,
		.stop_at = 0xffff0,
	};
	struct compared c = { .x = record_of_a_run() };

	c.x.r.record.outcome.verdict = c.now.verdict = VERDICT_PASS;
	c.x.r.record.outcome.schedule = c.now.schedule = d;
	c.now.sched_events = calloc(NR_EVENTS, sizeof(*c.now.sched_events));
	assert_non_null(c.now.sched_events);
	for (size_t i = 0; i < NR_EVENTS; i++)
		c.now.sched_events[i] = event_at(i);
	buf_put(&c.x.r.events, c.now.sched_events, NR_EVENTS * sizeof(*c.now.sched_events));
	return c;
}

/* From event @i on it is another run. */
static void differs_from(struct compared *c, size_t i)
{
	c->now.schedule.digest++;
	c->now.sched_events[i].pid_b = 12;
}

static void stops_at(struct compared *c, uint64_t event)
{
	c->x.r.stop = (struct replay_stop){ .wanted = true, .event = event, .known = true };
}

static const char *told(struct compared *c)
{
	c->o = replay_compare(&c->x.r, &c->now);
	replay_tell(&c->x.r, &c->now, &c->o, &c->told);
	return buf_str(&c->told);
}

TEST(the_same_run_is_the_same_with_or_without_a_stop)
{
	SCOPED(compared_fini) struct compared plain = two_runs();
	SCOPED(compared_fini) struct compared stopped = two_runs();

	stops_at(&stopped, 5);
	assert_string_equal(told(&plain), "same schedule: 0000000000001234 (8 events)");
	assert_string_equal(told(&stopped), "same schedule: 0000000000001234 (8 events)");
	assert_true(plain.o.same && stopped.o.same && !stopped.o.until_stop);
}

TEST(after_a_stop_neither_events_nor_verdict_count)
{
	SCOPED(compared_fini) struct compared c = two_runs();

	stops_at(&c, NR_EVENTS - 2);
	differs_from(&c, NR_EVENTS - 1);
	c.now.verdict = VERDICT_FAIL;
	assert_string_equal(told(&c),
			    "same schedule up to event 6, where it was stopped; then "
			    "another one; the verdict was pass (none), now it is fail (none)");
	assert_true(c.o.same && c.o.until_stop && !c.o.same_verdict);
}

TEST(the_event_of_the_stop_counts)
{
	SCOPED(compared_fini) struct compared c = two_runs();

	stops_at(&c, 6);
	differs_from(&c, 6);
	assert_string_equal(told(&c), "another schedule: event 6 at 0.000007000 s on cpu0: was "
				      "switch [10] -> task[11], now switch [10] -> task[12]");
	assert_false(c.o.same);
}

TEST(before_a_stop_beyond_the_kept_events_these_count)
{
	SCOPED(compared_fini) struct compared c = two_runs();
	SCOPED(compared_fini) struct compared d = two_runs();

	c.x.r.stop = d.x.r.stop = (struct replay_stop){ .wanted = true, .event = 70000 };
	c.now.schedule.digest++;
	c.now.schedule.events = c.x.r.record.outcome.schedule.events = 80000;
	assert_string_equal(told(&c),
			    "same schedule in the first 8 events, which were kept; it was "
			    "stopped later, then it is another one");
	assert_true(c.o.same && c.o.until_stop);
	differs_from(&d, NR_EVENTS - 1);
	assert_non_null(strstr(told(&d), "another schedule: event 7 "));
	assert_false(d.o.same);
}

/* What is cut short after a stop, by a host that was too busy or by who used the gdb, did not differ. */
TEST(a_stopped_run_without_an_end_is_not_another_one)
{
	SCOPED(compared_fini) struct compared stopped = two_runs();
	SCOPED(compared_fini) struct compared plain = two_runs();

	stops_at(&stopped, 5);
	stopped.now.schedule = plain.now.schedule =
		(struct schedule_digest){ .why_not = "the guest ended before it could tell" };
	stopped.now.verdict = plain.now.verdict = VERDICT_FAIL;
	stopped.now.cause = plain.now.cause = CAUSE_TIMEOUT;
	assert_string_equal(told(&stopped),
			    "it was stopped, and came to no end after that (the guest ended before "
			    "it could tell): not compared; the verdict was pass (none), now it is "
			    "fail (timeout)");
	assert_true(stopped.o.cut_short && !stopped.o.same);
	assert_non_null(strstr(told(&plain), "another run: "));
	assert_false(plain.o.cut_short || plain.o.same);
}

TEST(another_verdict_is_another_run)
{
	SCOPED(compared_fini) struct compared c = two_runs();

	c.now.verdict = VERDICT_FAIL;
	assert_non_null(strstr(told(&c), "; the verdict was pass"));
	assert_false(c.o.same);
}

TEST(the_vcpu_of_a_stop_is_that_of_the_event_where_it_was_kept)
{
	SCOPED(compared_fini) struct compared c = two_runs();

	stops_at(&c, 5);
	assert_int_equal(replay_stop_cpu(&c.x.r, 0), 1);
	replay_stop_text(&c.x.r, 1, &c.told);
	assert_non_null(strstr(buf_str(&c.told), "event 5 at 0.000006000 s on cpu1: "));
	c.x.r.stop = (struct replay_stop){ .wanted = true, .event = 70000 };
	buf_clear(&c.told);
	assert_int_equal(replay_stop_cpu(&c.x.r, 3), 3);
	replay_stop_text(&c.x.r, 3, &c.told);
	assert_string_equal(buf_str(&c.told),
			    "an event after the first 8, which were kept, on cpu3");
}

UNIT_MAIN(NULL, remove_new_dirs)
