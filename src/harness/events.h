/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The events of a schedule (harness/schedule.h) after the run: written to a file, read back,
 * compared, told in words. Pure.
 */
#ifndef HARNESS_EVENTS_H
#define HARNESS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/event.h"
#include "base/buf.h"

struct err;

/* The first @nr events of @total; borrowed. */
struct events {
	uint64_t digest;
	uint64_t total;
	const struct sched_event *at;
	size_t nr;
};

/* A file of events. Its bytes are not trusted when read: -EBADMSG, -EFBIG. */
int events_write(const struct sched_event *at, size_t nr, struct buf *out);
/* Appends the events themselves to @ret; their number is ret->len / sizeof. */
int events_read(const void *data, size_t len, struct buf *ret, struct err *e);

enum events_verdict {
	EVENTS_SAME,
	EVENTS_DIFFER, /* at event @index: either one differs or one of the two has no such event */
	EVENTS_BEYOND, /* the kept parts agree, so it is at @index or later */
};

struct events_diff {
	enum events_verdict verdict;
	uint64_t index;
};

struct events_diff events_compare(const struct events *was, const struct events *now);
/* Only up to event @limit, where one of them was stopped. */
struct events_diff events_compare_until(const struct events *was, const struct events *now,
					uint64_t limit);
/* "switch worker[123] -> idle", with names as far as the events up to @index tell them. */
void event_text(const struct events *s, size_t index, struct buf *out);
/* "event 5120 at 3.201448012 s on cpu2: switch ..." */
void event_place_text(const struct events *s, size_t index, struct buf *out);
/* "event 5120 at 3.201448012 s on cpu2: was ..., now ..."; nothing for the same. */
void events_diff_text(const struct events_diff *d, const struct events *was,
		      const struct events *now, struct buf *out);

#endif
