/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/events.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/compress.h"
#include "image/decompress.h"

#define EVENTS_MAGIC "KTSTREV1"

struct events_head {
	char magic[8];
	uint64_t nr;
};

/* ---- the file ---- */

int events_write(const struct sched_event *at, size_t nr, struct buf *out)
{
	SCOPED(buf_fini) struct buf plain = { 0 };
	struct events_head head = { EVENTS_MAGIC, nr };

	buf_put(&plain, &head, sizeof(head));
	buf_put(&plain, at, nr * sizeof(*at));
	return plain.bad ? plain.bad : compress_zstd(plain.at, plain.len, out);
}

int events_read(const void *data, size_t len, struct buf *ret, struct err *e)
{
	const size_t most =
		sizeof(struct events_head) + (size_t)SCHED_EVENTS_MAX * sizeof(struct sched_event);
	SCOPED(buf_fini) struct buf plain = { 0 };
	struct events_head head;
	int r = decompress(data, len, most, &plain, e);

	if (r < 0) {
		err_frame(e, "events");
		return r == -ENOMEM || r == -EFBIG ? r : -EBADMSG;
	}
	if (plain.len < sizeof(head))
		return err_set(e, -EBADMSG, "events: %zu bytes are no events", plain.len);
	memcpy(&head, plain.at, sizeof(head));
	if (memcmp(head.magic, EVENTS_MAGIC, sizeof(head.magic)) != 0)
		return err_set(e, -EBADMSG, "events: not a file of events");
	size_t rest = plain.len - sizeof(head);
	if (rest % sizeof(struct sched_event) || head.nr != rest / sizeof(struct sched_event))
		return err_set(e, -EBADMSG, "events: %" PRIu64 " announced, %zu bytes there",
			       head.nr, rest);
	buf_put(ret, plain.at + sizeof(head), rest);
	return ret->bad ? err_sys(e, ret->bad, "events") : 0;
}

/* ---- comparing ---- */

static bool same_event(const struct sched_event *a, const struct sched_event *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static struct events_diff differs_at(uint64_t index)
{
	return (struct events_diff){ EVENTS_DIFFER, index };
}

/* The end of a schedule of which all was kept is known; that of one that was cut is not. */
static bool is_whole(const struct events *s)
{
	return s->nr >= s->total;
}

/* The first of @n events that differs, or @n. */
static size_t common_length(const struct events *a, const struct events *b, size_t n)
{
	size_t i = 0;

	while (i < n && same_event(&a->at[i], &b->at[i]))
		i++;
	return i;
}

/* Whether @a is over after @n events and @b is not. */
static bool ends_first(const struct events *a, const struct events *b, size_t n)
{
	return is_whole(a) && a->nr == n && b->total > n;
}

struct events_diff events_compare(const struct events *was, const struct events *now)
{
	size_t both = MIN(was->nr, now->nr), same = common_length(was, now, both);

	if (same < both)
		return differs_at(same);
	if (was->digest == now->digest && was->total == now->total)
		return (struct events_diff){ .verdict = EVENTS_SAME };
	if (ends_first(was, now, both) || ends_first(now, was, both))
		return differs_at(both);
	return (struct events_diff){ EVENTS_BEYOND, both };
}

struct events_diff events_compare_until(const struct events *was, const struct events *now,
					uint64_t limit)
{
	size_t both = (size_t)MIN(limit, (uint64_t)MIN(was->nr, now->nr));
	size_t same = common_length(was, now, both);

	if (same < both)
		return differs_at(same);
	if (both == limit)
		return (struct events_diff){ .verdict = EVENTS_SAME };
	if (ends_first(was, now, both) || ends_first(now, was, both))
		return differs_at(both);
	return (struct events_diff){ both == was->total ? EVENTS_SAME : EVENTS_BEYOND, both };
}

/* ---- words ---- */

/* A name is told when its task comes or wakes; the latest telling before @index counts. */
static const struct sched_event *names_task(const struct events *s, size_t index, uint32_t pid)
{
	for (size_t i = index + 1; i-- > 0;) {
		const struct sched_event *ev = &s->at[i];
		uint32_t named = ev->kind == SCHED_EVENT_SWITCH ? ev->pid_b : ev->pid_a;

		if (named == pid)
			return ev;
	}
	return NULL;
}

static void put_task(const struct events *s, size_t index, uint32_t pid, struct buf *out)
{
	char name[SCHED_EVENT_COMM + 1] = "";

	if (!pid) {
		buf_puts(out, "idle");
		return;
	}
	const struct sched_event *ev = names_task(s, index, pid);
	if (ev)
		memcpy(name, ev->comm, SCHED_EVENT_COMM);
	buf_put_clean(out, name, strlen(name), false);
	buf_printf(out, "[%" PRIu32 "]", pid);
}

void event_text(const struct events *s, size_t index, struct buf *out)
{
	const struct sched_event *ev = &s->at[index];

	switch (ev->kind) {
	case SCHED_EVENT_SWITCH:
		buf_puts(out, "switch ");
		put_task(s, index, ev->pid_a, out);
		if (ev->state)
			buf_printf(out, " (state %#x)", ev->state);
		buf_puts(out, " -> ");
		put_task(s, index, ev->pid_b, out);
		return;
	case SCHED_EVENT_WAKEUP:
	case SCHED_EVENT_WAKEUP_NEW:
		buf_puts(out, ev->kind == SCHED_EVENT_WAKEUP ? "wake-up of " : "first wake-up of ");
		put_task(s, index, ev->pid_a, out);
		buf_printf(out, " for cpu%" PRIu32, ev->pid_b);
		return;
	case SCHED_EVENT_MIGRATE:
		buf_puts(out, "migration of ");
		put_task(s, index, ev->pid_a, out);
		buf_printf(out, " from cpu%" PRIu32 " to cpu%" PRIu32, ev->pid_b >> 16,
			   ev->pid_b & 0xffff);
		return;
	default:
		buf_printf(out, "an event of kind %u", ev->kind);
	}
}

static void put_place(const struct sched_event *ev, struct buf *out)
{
	buf_printf(out, "at %.9f s on cpu%u", (double)ev->ns / 1e9, ev->cpu);
}

void event_place_text(const struct events *s, size_t index, struct buf *out)
{
	buf_printf(out, "event %zu ", index);
	put_place(&s->at[index], out);
	buf_puts(out, ": ");
	event_text(s, index, out);
}

/* @side is "was" or "now"; the place is left out where it was said already. */
static void put_side(const char *side, const struct events *s, uint64_t index,
		     const struct sched_event *said, struct buf *out)
{
	buf_printf(out, "%s ", side);
	if (index >= s->nr) {
		buf_puts(out, is_whole(s) ? "the end" : "not kept");
		return;
	}
	event_text(s, (size_t)index, out);
	const struct sched_event *ev = &s->at[index];
	if (ev->ns == said->ns && ev->cpu == said->cpu)
		return;
	buf_putc(out, ' ');
	put_place(ev, out);
}

void events_diff_text(const struct events_diff *d, const struct events *was,
		      const struct events *now, struct buf *out)
{
	const struct events *has = d->index < was->nr ? was : now;

	if (d->verdict == EVENTS_SAME)
		return;
	if (d->verdict == EVENTS_BEYOND || d->index >= has->nr) {
		buf_printf(out,
			   "after event %" PRIu64 ", the last one that was kept of both "
			   "(was %" PRIu64 " events, now %" PRIu64 ")",
			   d->index, was->total, now->total);
		return;
	}
	buf_printf(out, "event %" PRIu64 " ", d->index);
	put_place(&has->at[d->index], out);
	buf_puts(out, ": ");
	put_side("was", was, d->index, &has->at[d->index], out);
	buf_puts(out, ", ");
	put_side("now", now, d->index, &has->at[d->index], out);
}
