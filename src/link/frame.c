/* SPDX-License-Identifier: GPL-2.0-only */
#include "link/frame.h"

#include <assert.h>
#include <string.h>

#include "base/scoped.h"

#define HEADER sizeof(struct frame_header)

static uint32_t frame_crc(const struct frame_header *with, const void *payload)
{
	struct frame_header h = *with;

	h.crc = 0;
	return crc32c(crc32c(0, &h, HEADER), payload, h.len);
}

void frame_put(struct buf *out, uint32_t *seq, uint16_t type, const void *payload, size_t len)
{
	struct frame_header h = {
		.magic = FRAME_MAGIC,
		.version = FRAME_VERSION,
		.type = type,
		.len = (uint32_t)len,
		.seq = (*seq)++,
	};

	assert(len <= FRAME_MAX_PAYLOAD);
	h.crc = frame_crc(&h, payload);
	buf_put(out, &h, HEADER);
	buf_put(out, payload, len);
}

void frame_parser_fini(struct frame_parser *p)
{
	buf_fini(&p->in);
	*p = (struct frame_parser){ 0 };
}

void frame_parser_feed(struct frame_parser *p, const void *data, size_t n)
{
	buf_put(&p->in, data, n);
}

void frame_parser_finish(struct frame_parser *p)
{
	p->ended = true;
}

static void skip(struct frame_parser *p, size_t n)
{
	p->taken += n;
	p->skipped += n;
}

/* Length of @at's part that cannot be the beginning of a frame. */
static size_t garbage_len(const uint8_t *at, size_t n)
{
	static const uint32_t magic = FRAME_MAGIC;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *next = memchr(at + i, FRAME_MAGIC & 0xff, n - i);

		if (!next)
			return n;
		i = (size_t)(next - at);
		if (!memcmp(next, &magic, MIN(n - i, sizeof(magic))))
			return i;
	}
	return n;
}

static bool header_is_plausible(const struct frame_header *h)
{
	return h->version == FRAME_VERSION && !h->reserved && h->len <= FRAME_MAX_PAYLOAD;
}

/* The header is done with, so the payload can move back over its end to become aligned. */
static void take_frame(struct frame_parser *p, const struct frame_header *h, struct frame *ret)
{
	uint8_t *payload = (uint8_t *)p->in.at + p->taken + HEADER;
	uint8_t *aligned = payload - (uintptr_t)payload % 8;

	memmove(aligned, payload, h->len);
	p->taken += HEADER + h->len;
	uint32_t missing = h->seq - p->next_seq;
	if (missing < 1u << 31) /* else it went backwards: nothing is known to be missing */
		p->lost += missing;
	p->next_seq = h->seq + 1;
	p->good++;
	*ret = (struct frame){ .type = h->type, .seq = h->seq, .len = h->len, .payload = aligned };
}

enum found { FOUND_FRAME, FOUND_DAMAGE, FOUND_PART };

static enum found look(struct frame_parser *p, struct frame *ret)
{
	const uint8_t *at = (const uint8_t *)p->in.at + p->taken;
	size_t have = p->in.len - p->taken;
	struct frame_header h;

	if (have < HEADER)
		return FOUND_PART;
	memcpy(&h, at, HEADER);
	if (!header_is_plausible(&h))
		return FOUND_DAMAGE;
	if (have - HEADER < h.len)
		return FOUND_PART;
	if (frame_crc(&h, at + HEADER) != h.crc) {
		p->bad_crc++;
		return FOUND_DAMAGE;
	}
	take_frame(p, &h, ret);
	return FOUND_FRAME;
}

bool frame_parser_next(struct frame_parser *p, struct frame *ret)
{
	while (p->in.len > p->taken) {
		const uint8_t *at = (const uint8_t *)p->in.at + p->taken;

		skip(p, garbage_len(at, p->in.len - p->taken));
		if (p->in.len == p->taken)
			break;
		enum found f = look(p, ret);
		if (f == FOUND_FRAME)
			return true;
		if (f == FOUND_PART && !p->ended)
			break;
		/* The length may be what is damaged: a frame can begin anywhere behind the magic. */
		skip(p, 1);
	}
	buf_drop_front(&p->in, p->taken);
	p->taken = 0;
	return false;
}
