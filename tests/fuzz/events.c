/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of events, and what is said about any two lists of events. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "harness/events.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every text has to be text, and the same list is never another. */
static void tell(const struct events *was, const struct events *now)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	struct events_diff d = events_compare(was, now);

	events_diff_text(&d, was, now, &text);
	if ((d.verdict == EVENTS_SAME) != !text.len)
		abort();
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < ' ')
			abort();
	if (d.verdict != EVENTS_SAME && events_compare(now, was).index != d.index)
		abort();
}

static void compare(const uint8_t *data, size_t size)
{
	SCOPED(buf_fini) struct buf copy = { 0 };

	if (size < 4)
		return;
	buf_put(&copy, data + 4, size - 4);
	size_t nr = copy.len / sizeof(struct sched_event), cut = data[0];
	struct events all = { data[1], nr + data[2] % 4, (const void *)copy.at, nr };
	struct events rest = all;

	rest.nr = MIN(nr, cut);
	rest.at = all.at ? all.at + (nr - rest.nr) : NULL;
	rest.total = rest.nr + data[3] % 4;
	tell(&all, &all);
	tell(&all, &rest);
	tell(&rest, &all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(buf_fini) struct buf events = { 0 };
	SCOPED(buf_fini) struct buf file = { 0 };
	SCOPED(buf_fini) struct buf again = { 0 };
	struct err e = { 0 };

	compare(data, size);
	if (events_read(data, size, &events, &e) < 0) {
		if (!e.text[0])
			abort();
		return 0;
	}
	size_t nr = events.len / sizeof(struct sched_event);
	if (events_write((const void *)events.at, nr, &file) < 0 ||
	    events_read(file.at, file.len, &again, NULL) < 0 || again.len != events.len ||
	    (nr && memcmp(again.at, events.at, events.len)))
		abort();
	return 0;
}
