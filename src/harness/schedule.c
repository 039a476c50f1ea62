/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi/event.h"
#include "link/event.h"

void schedule_fini(struct schedule *s)
{
	buf_fini(&s->events);
}

/* The first reason explains the others. */
static void why_not(struct schedule *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void why_not(struct schedule *s, const char *fmt, ...)
{
	va_list ap;

	if (s->why_not[0])
		return;
	va_start(ap, fmt);
	vsnprintf(s->why_not, sizeof(s->why_not), fmt, ap);
	va_end(ap);
}

void schedule_take_digest(struct schedule *s, const void *data, size_t n)
{
	if (n != sizeof(s->msg) || s->said)
		return;
	memcpy(&s->msg, data, sizeof(s->msg));
	s->said = true;
	if (s->msg.kept > MIN(s->msg.events, SCHED_EVENTS_MAX) || s->msg.end_ns < s->msg.begin_ns)
		why_not(s, "what the guest says about its schedule makes no sense");
}

void schedule_take_events(struct schedule *s, const void *data, size_t n)
{
	if (!s->said || s->why_not[0])
		return;
	if (n % sizeof(struct sched_event) ||
	    s->events.len + n > s->msg.kept * sizeof(struct sched_event))
		why_not(s, "the guest sent events of its schedule that it had not announced");
	else
		buf_put(&s->events, data, n);
}

void schedule_take_note(struct schedule *s, const void *data, size_t n)
{
	static const char begin[] = NO_DIGEST_NOTE;
	size_t at = sizeof(begin) - 1;

	if (n <= at || memcmp(data, begin, at))
		return;
	why_not(s, "%.*s", (int)MIN(n - at, sizeof(s->why_not)), (const char *)data + at);
	for (char *p = s->why_not; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

/* Only the whole stream gives the digest again. */
static void check(struct schedule *s)
{
	uint64_t nr = s->events.len / sizeof(struct sched_event), sum = 0;

	if (nr != s->msg.kept)
		why_not(s, "the link is damaged: %" PRIu64 " of %" PRIu64 " events came", nr,
			s->msg.kept);
	for (uint64_t i = 0; i < nr; i++) {
		union {
			struct sched_event event;
			uint64_t word[EVENT_WORDS];
		} u;

		memcpy(&u, s->events.at + i * sizeof(u), sizeof(u));
		if (!u.event.kind || u.event.kind > SCHED_EVENT_KIND_MAX)
			why_not(s, "event %" PRIu64 " is of no known kind", i);
		sum += event_mix(i, u.word);
	}
	if (nr == s->msg.events && sum != s->msg.digest)
		why_not(s, "the link is damaged: the events do not give the digest");
}

void schedule_collect(struct schedule *s, bool wanted, struct cell_result *ret)
{
	struct schedule_digest *d = &ret->schedule;

	if (s->events.bad)
		why_not(s, "out of memory");
	else if (s->said)
		check(s);
	else if (wanted)
		why_not(s, "the guest ended before it could tell");
	memcpy(d->why_not, s->why_not, sizeof(d->why_not));
	d->have = s->said && !s->why_not[0];
	if (!d->have)
		return;
	d->digest = s->msg.digest;
	d->events = s->msg.events;
	d->kept = s->msg.kept;
	d->begin_ns = s->msg.begin_ns;
	d->end_ns = s->msg.end_ns;
	d->stop_at = s->msg.stop_at;
	ret->sched_events = (struct sched_event *)(void *)s->events.at;
	s->events = (struct buf){ 0 };
}
