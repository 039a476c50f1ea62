/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/event.h"
#include "base/io.h"
#include "harness/schedule.h"
#include "link/event.h"

/* What a guest under QEMU sent: digest_msg and its events, kept whole. */
struct recorded {
	struct digest_msg msg;
	struct sched_event *events;
	size_t len; /* of the events, bytes */
	char *file;
};

static int read_recorded(void **state)
{
	static struct recorded rec;
	char path[4096];
	size_t len = 0;

	snprintf(path, sizeof(path), "%s/schedule/arm64", getenv("CORPUS"));
	if (read_file(path, 1 << 20, &rec.file, &len, NULL) < 0 || len < sizeof(rec.msg))
		return -1;
	memcpy(&rec.msg, rec.file, sizeof(rec.msg));
	rec.events = (struct sched_event *)(void *)(rec.file + sizeof(rec.msg));
	rec.len = len - sizeof(rec.msg);
	*state = &rec;
	return 0;
}

static int drop_recorded(void **state)
{
	free(((struct recorded *)*state)->file);
	return 0;
}

static void expect(struct schedule *s, const char *why_not)
{
	SCOPED(cell_result_fini) struct cell_result r = { 0 };

	schedule_collect(s, false, &r);
	assert_string_equal(r.schedule.why_not, why_not);
	assert_int_equal(r.schedule.have, s->said && !*why_not);
	assert_int_equal(r.sched_events != NULL, r.schedule.kept > 0);
	schedule_fini(s);
}

/* Feeds @msg and all but the last @less bytes of the events; then looks at the outcome. */
static void play(const struct recorded *rec, const struct digest_msg *msg, size_t less,
		 const char *why_not)
{
	struct schedule s = { 0 };
	size_t half = 7 * sizeof(struct sched_event);

	schedule_take_digest(&s, msg, sizeof(*msg));
	schedule_take_events(&s, rec->events, half);
	schedule_take_events(&s, rec->file + sizeof(rec->msg) + half, rec->len - half - less);
	expect(&s, why_not);
}

TEST(the_host_computes_what_the_guest_did)
{
	struct recorded *rec = *state;
	SCOPED(cell_result_fini) struct cell_result r = { 0 };
	struct schedule s = { 0 };

	assert_true(rec->msg.events > 30 && rec->msg.kept == rec->msg.events);
	schedule_take_digest(&s, &rec->msg, sizeof(rec->msg));
	schedule_take_events(&s, rec->events, rec->len);
	schedule_collect(&s, true, &r);
	assert_true(r.schedule.have);
	assert_int_equal(r.schedule.digest, rec->msg.digest);
	assert_int_equal(r.schedule.events, rec->msg.events);
	assert_int_equal(r.schedule.stop_at, rec->msg.stop_at);
	assert_memory_equal(r.sched_events, rec->events, rec->len);
	schedule_fini(&s);
}

TEST(a_traced_schedule_makes_sense)
{
	struct recorded *rec = *state;
	bool seen[SCHED_EVENT_KIND_MAX + 1] = { 0 };

	for (uint64_t i = 0; i < rec->msg.kept; i++) {
		const struct sched_event *ev = &rec->events[i];

		seen[ev->kind] = true;
		assert_true(ev->ns >= rec->msg.begin_ns && ev->ns <= rec->msg.end_ns);
		assert_true(ev->cpu < 2);
		if (ev->kind == SCHED_EVENT_SWITCH)
			assert_int_not_equal(ev->pid_a, ev->pid_b);
		if (ev->kind == SCHED_EVENT_WAKEUP)
			assert_true(ev->pid_b < 2);
		if (ev->kind == SCHED_EVENT_SWITCH && !ev->pid_b)
			assert_memory_equal(ev->comm, "swapper/", SCHED_EVENT_COMM);
	}
	assert_true(seen[SCHED_EVENT_SWITCH] && seen[SCHED_EVENT_WAKEUP] &&
		    seen[SCHED_EVENT_WAKEUP_NEW]);
}

static uint64_t digest_of(const struct sched_event *ev, size_t nr)
{
	uint64_t sum = 0, word[EVENT_WORDS];

	for (size_t i = 0; i < nr; i++) {
		memcpy(word, &ev[i], sizeof(word));
		sum += event_mix(i, word);
	}
	return sum;
}

TEST(every_field_and_the_order_count)
{
	const struct sched_event plain[3] = {
		{ 100, 1, 2, 0, 1, SCHED_EVENT_SWITCH, { 0 }, "a" },
		{ 100, 2, 1, 0, 1, SCHED_EVENT_SWITCH, { 0 }, "b" },
		{ 101, 3, 0, 1, 0, SCHED_EVENT_WAKEUP, { 0 }, "c" },
	};
	struct sched_event ev[3];
	uint64_t good = digest_of(plain, 3);

	for (size_t bit = 0; bit < 8 * sizeof(plain); bit++) {
		memcpy(ev, plain, sizeof(ev));
		((uint8_t *)ev)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_true(digest_of(ev, 3) != good);
	}
	memcpy(ev, plain, sizeof(ev));
	ev[0] = plain[1];
	ev[1] = plain[0];
	assert_true(digest_of(ev, 3) != good);
	assert_true(digest_of(plain, 2) != good);
}

TEST(a_damaged_link_is_said)
{
	struct recorded *rec = *state;
	struct digest_msg m = rec->msg;
	char words[100];

	m.digest ^= 1;
	play(rec, &m, 0, "the link is damaged: the events do not give the digest");
	snprintf(words, sizeof(words), "the link is damaged: %u of %u events came",
		 (unsigned int)m.kept - 1, (unsigned int)m.kept);
	play(rec, &rec->msg, sizeof(struct sched_event), words);
	/* With more events than were kept nobody can check the digest. */
	m.events++;
	play(rec, &m, 0, "");
}

TEST(what_makes_no_sense_is_left_out)
{
	struct recorded *rec = *state;
	struct digest_msg m = rec->msg;

	m.kept = m.events + 1;
	play(rec, &m, 0, "what the guest says about its schedule makes no sense");
	m.kept = m.events = SCHED_EVENTS_MAX + 1ull;
	play(rec, &m, 0, "what the guest says about its schedule makes no sense");
	m = rec->msg;
	m.end_ns = m.begin_ns - 1;
	play(rec, &m, 0, "what the guest says about its schedule makes no sense");
	m = rec->msg;
	m.kept = 8;
	play(rec, &m, 0, "the guest sent events of its schedule that it had not announced");
	play(rec, &rec->msg, 1, "the guest sent events of its schedule that it had not announced");

	struct sched_event odd = rec->events[3];
	rec->events[3].kind = SCHED_EVENT_KIND_MAX + 1;
	play(rec, &rec->msg, 0, "event 3 is of no known kind");
	rec->events[3] = odd;
}

TEST(a_guest_says_why_it_has_none)
{
	static const char no_bpf[] = NO_DIGEST_NOTE "the kernel has no BPF\n\x1b[31m\xff";
	static const char other[] = "no schedule at all";
	struct schedule s = { 0 };

	schedule_take_note(&s, other, sizeof(other) - 1);
	expect(&s, "");
	schedule_take_note(&s, NO_DIGEST_NOTE, sizeof(NO_DIGEST_NOTE) - 1);
	expect(&s, "");
	schedule_take_note(&s, no_bpf, sizeof(no_bpf) - 1);
	schedule_take_note(&s, NO_DIGEST_NOTE "again", sizeof(NO_DIGEST_NOTE "again") - 1);
	expect(&s, "the kernel has no BPF??[31m?");
}

TEST(events_that_nobody_announced_are_dropped)
{
	struct recorded *rec = *state;
	struct schedule s = { 0 };

	schedule_take_digest(&s, &rec->msg, sizeof(rec->msg) - 1);
	schedule_take_events(&s, rec->events, rec->len);
	assert_int_equal(s.events.len, 0);
	expect(&s, "");
}

TEST(a_guest_that_died_told_nothing)
{
	SCOPED(cell_result_fini) struct cell_result r = { 0 };
	struct schedule s = { 0 };

	schedule_collect(&s, true, &r);
	assert_false(r.schedule.have);
	assert_string_equal(r.schedule.why_not, "the guest ended before it could tell");
}

UNIT_MAIN(read_recorded, drop_recorded)
