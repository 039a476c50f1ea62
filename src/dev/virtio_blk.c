/* SPDX-License-Identifier: GPL-2.0-only */
#include "dev/virtio_blk.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/scoped.h"

#define CONFIG_LEN offsetof(struct virtio_blk_config, physical_block_exp)
#define MOST_DATA ((size_t)BLK_SEG_MAX * BLK_SIZE_MAX) /* of one request */
#define KICK_BUDGET (8u << 20)
#define MOST_EINTR 16

_Static_assert(CONFIG_LEN == 24, "the configuration ends behind blk_size");

struct request {
	struct virtio_blk_outhdr head;
	const struct iovec *iov; /* the data's side of the chain */
	uint16_t nr;
	size_t off, len; /* of the data in it */
	bool write;
};

/* Short transfers go on; the end of the file is an error, as the disk is longer. */
static bool move(const struct virtio_blk *b, const struct request *r)
{
	uint64_t at = le64toh(r->head.sector) * BLK_SECTOR;
	int interrupted = 0;

	for (size_t done = 0; done < r->len;) {
		struct iovec piece[VIRTQ_MAX_SEGS];
		uint16_t nr = virtq_slice(r->iov, r->nr, r->off + done, r->len - done, piece);
		ssize_t n = r->write ? pwritev(b->fd, piece, nr, (off_t)(at + done))
				     : preadv(b->fd, piece, nr, (off_t)(at + done));

		if (n < 0 && errno == EINTR && interrupted++ < MOST_EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool in_range(const struct virtio_blk *b, const struct request *r)
{
	uint64_t sector = le64toh(r->head.sector);

	return r->len && r->len % BLK_SECTOR == 0 && r->len <= MOST_DATA && sector <= b->sectors &&
	       r->len / BLK_SECTOR <= b->sectors - sector;
}

static uint8_t transfer(struct virtio_blk *b, const struct request *r)
{
	(*(r->write ? &b->nr_writes : &b->nr_reads))++;
	b->budget -= MIN(b->budget, r->len);
	if ((r->write && b->read_only) || !in_range(b, r) || !move(b, r))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static uint8_t flush(struct virtio_blk *b)
{
	int r;

	b->nr_flushes++;
	for (int i = 0; (r = fdatasync(b->fd)) < 0 && errno == EINTR && i < MOST_EINTR; i++)
		;
	return r < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static uint8_t carry_out(struct virtio_blk *b, struct virtq_chain *c,
			 const struct virtio_blk_outhdr *head)
{
	const struct request in = { *head, c->iov + c->nr_out, c->nr_in, 0, c->in_len - 1, false };
	const struct request out = {
		*head, c->iov, c->nr_out, sizeof(*head), c->out_len - sizeof(*head), true
	};

	switch (le32toh(head->type)) {
	case VIRTIO_BLK_T_IN:
		return transfer(b, &in);
	case VIRTIO_BLK_T_OUT:
		return transfer(b, &out);
	case VIRTIO_BLK_T_FLUSH:
		return flush(b);
	case VIRTIO_BLK_T_GET_ID:
		if (in.len < sizeof(b->serial))
			return VIRTIO_BLK_S_IOERR;
		virtq_copy_in(c, 0, b->serial, sizeof(b->serial));
		return VIRTIO_BLK_S_OK;
	}
	return VIRTIO_BLK_S_UNSUPP;
}

static enum virtio_served serve_request(struct virtio_mmio *v, struct virtq *q,
					struct virtq_chain *c)
{
	struct virtio_blk *b = (struct virtio_blk *)v; /* its first member */
	struct virtio_blk_outhdr head;

	if (!b->budget)
		return VIRTIO_AGAIN;
	if (!virtq_copy_out(c, 0, &head, sizeof(head)) || !c->in_len) {
		virtq_break(q, "request of %zu bytes to read and %zu to write", c->out_len,
			    c->in_len);
		return VIRTIO_WAIT;
	}
	uint8_t status = carry_out(b, c, &head);

	b->nr_errors += status != VIRTIO_BLK_S_OK;
	virtq_copy_in(c, c->in_len - 1, &status, sizeof(status));
	/* All of it was written, or the front of it may not have been. */
	virtq_give(q, c->head, status == VIRTIO_BLK_S_OK ? (uint32_t)c->in_len : 0);
	return VIRTIO_DONE;
}

static bool blk_kick(struct virtio_mmio *v, uint16_t queue)
{
	((struct virtio_blk *)v)->budget = KICK_BUDGET;
	return virtio_serve(v, &v->queue[queue], VIRTQ_MAX_SIZE, serve_request);
}

static const struct virtio_type blk_type = {
	.name = "virtio-blk",
	.id = VIRTIO_ID_BLOCK,
	.nr_queues = 1,
	.kick = blk_kick,
};

void virtio_blk_init(struct virtio_blk *b, const struct blk_spec *s)
{
	*b = (struct virtio_blk){
		.fd = s->fd,
		.read_only = s->read_only,
		.sectors = s->bytes / BLK_SECTOR,
		.config = {
			.capacity = htole64(s->bytes / BLK_SECTOR),
			.size_max = htole32(BLK_SIZE_MAX),
			.seg_max = htole32(BLK_SEG_MAX),
			.blk_size = htole32(BLK_SECTOR),
		},
	};
	if (s->serial)
		memcpy(b->serial, s->serial, strnlen(s->serial, sizeof(b->serial)));
	virtio_mmio_init(&b->mmio, &(struct virtio_spec){
					   .type = &blk_type,
					   .mem = s->mem,
					   .line = s->line,
					   .features = 1ull << VIRTIO_BLK_F_SIZE_MAX |
						       1ull << VIRTIO_BLK_F_SEG_MAX |
						       1ull << VIRTIO_BLK_F_BLK_SIZE |
						       1ull << VIRTIO_BLK_F_FLUSH |
						       (uint64_t)s->read_only << VIRTIO_BLK_F_RO,
					   .config = &b->config,
					   .config_len = CONFIG_LEN,
				   });
}
