/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of a hostile kernel log and trace, in any order with the other facts: the watch never runs
 * over, tells at most one attach and one end, in this order, and its report fits a frame.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/frame.h"
#include "base/scoped.h"
#include "guest/kmsg.h"
#include "guest/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
	bool attached, over;
};

static void drain(struct watch *w, struct told *t, uint64_t now)
{
	enum watch_event ev;

	while ((ev = watch_next(w, now, now & 1)) != WATCH_NOTHING) {
		if (t->over || (ev == WATCH_IS_ATTACHED && t->attached))
			abort();
		t->attached |= ev == WATCH_IS_ATTACHED;
		t->over |= ev == WATCH_IS_OVER;
	}
}

/* The first byte says what kind of fact the line is. */
static void tell(struct watch *w, const char *line, size_t n, uint64_t now)
{
	struct kmsg_record r;
	size_t len;

	if (n && *line == 'E')
		watch_process_ended(w, now, (int)n);
	else if (n && *line == 'S')
		watch_kernel_state(w, now, n & 1 ? "enabled" : "disabled");
	else if (kmsg_parse(line, n, &r) == 0)
		watch_kmsg(w, now, &r);
	else if (trace_dump_text(line, n, &len) && len > n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(buf_fini) struct buf report = { 0 };
	struct watch w = { 0 };
	struct told t = { 0 };

	watch_start(&w, 0, 1u << 20);
	for (size_t at = 0; at < size;) {
		const uint8_t *nl = memchr(data + at, '\n', size - at);
		size_t n = nl ? (size_t)(nl - data) - at : size - at;

		tell(&w, (const char *)data + at, n, at);
		drain(&w, &t, at);
		at += n + 1;
	}
	watch_report(&w, 1, "dump", &report);
	if (report.bad || report.len > FRAME_MAX_PAYLOAD)
		abort();
	watch_fini(&w);
	return 0;
}
