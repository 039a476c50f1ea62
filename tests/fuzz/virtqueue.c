/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ring walk over a memory image: a byte of settings, three ring addresses (offsets), and what is
 * in memory. What a chain holds is all ours to read and write, and its lengths agree.
 */
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "dev_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TURNS 64

static void use(struct virtq_chain *c)
{
	struct iovec part[VIRTQ_MAX_SEGS];
	size_t len[2] = { 0, 0 }, sliced = 0;

	for (uint32_t i = 0; i < (uint32_t)c->nr_out + c->nr_in; i++) {
		if (!c->iov[i].iov_len)
			abort();
		len[i >= c->nr_out] += c->iov[i].iov_len;
		guest_touch(c->iov[i].iov_base, MIN(c->iov[i].iov_len, 64));
		guest_touch((char *)c->iov[i].iov_base + c->iov[i].iov_len - 1, 1);
	}
	if (len[0] != c->out_len || len[1] != c->in_len)
		abort();
	uint16_t nr = virtq_slice(c->iov, c->nr_out, c->out_len / 3, c->out_len / 2, part);

	for (uint16_t i = 0; i < nr; i++)
		sliced += part[i].iov_len;
	if (sliced != c->out_len / 2)
		abort();
	if (virtq_copy_in(c, 1, "abcdef", 6) != (c->in_len ? MIN(c->in_len - 1, 6) : 0))
		abort();
}

static void turn(struct guest *g, struct virtq *q, uint8_t how)
{
	struct virtq_chain c;

	if (how & 1 && virtq_take(q, &c)) {
		if (q->broken)
			abort();
		use(&c);
		if (how & 2)
			virtq_untake(q);
		else
			virtq_give(q, c.head, how);
	}
	if (how & 4)
		virtq_publish(q);
	if (how & 8)
		virtq_mute(q);
	if (how & 16)
		virtq_unmute(q);
	if (q->broken && (virtq_take(q, &c) || virtq_waiting(q)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct __attribute__((packed)) {
		uint8_t settings;
		uint16_t desc, avail, used, image;
	} s;
	char why[VIRTQ_WHY] = "";
	struct guest g;
	uint8_t how;

	guest_init(&g, data, size);
	if (guest_next(&g, &s, sizeof(s))) {
		struct virtq q = {
			.mem = &g.mem,
			.why = why,
			.size = (uint16_t)(1u << (s.settings & 15)),
			.event_idx = s.settings & 16,
			.indirect = s.settings & 32,
			.desc = GUEST_RAM + s.desc,
			.avail = GUEST_RAM + s.avail,
			.used = GUEST_RAM + s.used,
		};
		size_t n = MIN(s.image, g.left);

		gmem_write(&g.mem, GUEST_RAM, g.at, n);
		guest_next(&g, g.ram[1], MIN(n, GUEST_PIECE)); /* once more, behind */
		virtq_start(&q);
		for (int i = 0; i < TURNS && guest_next(&g, &how, 1); i++)
			turn(&g, &q, how);
		if (q.broken != !!why[0])
			abort();
	}
	guest_fini(&g);
	return 0;
}
