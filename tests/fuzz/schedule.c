/* SPDX-License-Identifier: GPL-2.0-only */
/* A hostile guest's schedule: what it announces, then its events in pieces; and its notes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "abi/event.h"
#include "harness/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Either there is a digest with all the events it says, or none of it and a reason if it was tried. */
static void check(const struct schedule *s, const struct cell_result *r)
{
	const struct schedule_digest *d = &r->schedule;

	if (d->have != (s->said && !d->why_not[0]) || strlen(d->why_not) >= sizeof(d->why_not))
		abort();
	if (!d->have && (r->sched_events || d->digest || d->events || d->kept))
		abort();
	if (d->kept > SCHED_EVENTS_MAX || d->kept > d->events)
		abort();
	for (uint64_t i = 0; i < d->kept; i++)
		if (!r->sched_events[i].kind || r->sched_events[i].kind > SCHED_EVENT_KIND_MAX)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cell_result r = { 0 };
	struct schedule s = { 0 };
	size_t at = MIN(size, sizeof(struct digest_msg));
	/* Most pieces are whole events, as the length of the input has it. */
	size_t piece = sizeof(struct sched_event) * (1 + size % 7) + (size % 61 == 0);

	schedule_take_note(&s, data, size);
	schedule_take_events(&s, data, size);
	schedule_take_digest(&s, data, at);
	for (; at < size; at += piece)
		schedule_take_events(&s, data + at, MIN(piece, size - at));
	schedule_collect(&s, size % 2, &r);
	check(&s, &r);
	cell_result_fini(&r);
	schedule_fini(&s);
	return 0;
}
