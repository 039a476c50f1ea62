/* SPDX-License-Identifier: GPL-2.0-only */
/* Whatever bytes come: memory stays bounded, every byte is accounted for, the cutting is irrelevant. */
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "link/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t frames, bytes;
	uint32_t sum;
};

static void take(struct frame_parser *p, struct seen *s)
{
	struct frame f;

	while (frame_parser_next(p, &f)) {
		if (f.len > FRAME_MAX_PAYLOAD || (uintptr_t)f.payload % 8)
			abort();
		s->frames++;
		s->bytes += sizeof(struct frame_header) + f.len;
		s->sum = crc32c(s->sum, f.payload, f.len);
	}
	if (p->in.len >= sizeof(struct frame_header) + FRAME_MAX_PAYLOAD)
		abort();
}

static struct seen parse(const uint8_t *data, size_t size, size_t step)
{
	SCOPED(frame_parser_fini) struct frame_parser p = { 0 };
	struct seen s = { 0 };

	for (size_t at = 0; at < size; at += step) {
		frame_parser_feed(&p, data + at, MIN(step, size - at));
		take(&p, &s);
	}
	frame_parser_finish(&p);
	take(&p, &s);
	if (p.good != s.frames || p.skipped + s.bytes != size || p.in.len)
		abort();
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = parse(data, size, size ? size : 1), pieces = parse(data, size, 7);

	if (memcmp(&whole, &pieces, sizeof(whole)))
		abort();
	return 0;
}
