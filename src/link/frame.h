/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Encoding and decoding of link frames, for both ends; never trusts the other side. */
#ifndef LINK_FRAME_H
#define LINK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/frame.h"
#include "base/buf.h"

/* CRC-32C (Castagnoli), @crc = 0 to start; continues a running value. */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);

/* Appends one whole frame to @out and advances *seq. @len <= FRAME_MAX_PAYLOAD. */
void frame_put(struct buf *out, uint32_t *seq, uint16_t type, const void *payload, size_t len);

struct frame {
	uint16_t type;
	uint32_t seq;
	uint32_t len;
	const uint8_t *payload; /* borrowed from the parser until its next call; 8-byte aligned */
};

/*
 * Incremental parser, resynchronises after damage. Zero-initialised is ready. Once
 * frame_parser_next() said false it holds less than one maximal frame; memory that runs out
 * shows as in.bad.
 */
struct frame_parser {
	struct buf in;
	size_t taken; /* bytes of @in that are done with */
	bool ended;
	uint32_t next_seq;
	uint64_t skipped; /* bytes thrown away while looking for a frame */
	uint64_t bad_crc; /* frames dropped for their checksum */
	uint64_t lost;	  /* frames missing by sequence number */
	uint64_t good;
};

void frame_parser_fini(struct frame_parser *p);
static inline void frame_parser_fini_scoped(struct frame_parser *p)
{
	frame_parser_fini(p);
}
void frame_parser_feed(struct frame_parser *p, const void *data, size_t n);
/* No more bytes will come: what looks like part of a frame is damage, and is searched for frames. */
void frame_parser_finish(struct frame_parser *p);
/* True and *ret filled while a whole good frame is there; call until false after each feed. */
bool frame_parser_next(struct frame_parser *p, struct frame *ret);

#endif
