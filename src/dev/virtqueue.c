/* SPDX-License-Identifier: GPL-2.0-only */
#include "dev/virtqueue.h"

#include <endian.h>
#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/scoped.h"

/* Ring layout: flags, idx, ring[size], and the event index behind it. */
#define RING_FLAGS 0
#define RING_IDX 2
#define RING_ENTRIES 4
#define AVAIL_BYTES(size) (RING_ENTRIES + 2u * (size) + 2)
#define USED_BYTES(size) (RING_ENTRIES + (uint32_t)sizeof(struct vring_used_elem) * (size) + 2)
#define USED_EVENT(q) ((q)->avail + RING_ENTRIES + 2u * (q)->size)
#define AVAIL_EVENT(q) ((q)->used + RING_ENTRIES + sizeof(struct vring_used_elem) * (q)->size)

void virtq_reset(struct virtq *q)
{
	*q = (struct virtq){ .mem = q->mem, .why = q->why };
}

bool virtq_break(struct virtq *q, const char *fmt, ...)
{
	va_list ap;

	if (!q->broken && q->why && !q->why[0]) {
		va_start(ap, fmt);
		vsnprintf(q->why, VIRTQ_WHY, fmt, ap);
		va_end(ap);
	}
	q->broken = true;
	return false;
}

static bool check_ring(struct virtq *q, const char *name, uint64_t at, uint64_t len, uint32_t align)
{
	if (at % align || !gmem_at(q->mem, at, len))
		return virtq_break(q, "%s ring at %#llx is not in memory or not aligned", name,
				   (unsigned long long)at);
	return true;
}

bool virtq_start(struct virtq *q)
{
	if (!q->size || q->size > VIRTQ_MAX_SIZE || q->size & (q->size - 1))
		return virtq_break(q, "queue size %u", q->size);
	if (!check_ring(q, "descriptor", q->desc, sizeof(struct vring_desc) * q->size, 16) ||
	    !check_ring(q, "available", q->avail, AVAIL_BYTES(q->size), 2) ||
	    !check_ring(q, "used", q->used, USED_BYTES(q->size), 4))
		return false;
	q->next_avail = q->next_used = q->told_used = 0;
	q->muted = false;
	q->ready = true;
	return true;
}

/*
 * The 16-bit fields that both sides look at while they run. virtq_start() saw that all of them are in
 * memory and aligned.
 */
static uint16_t load16(struct virtq *q, uint64_t gpa)
{
	const uint16_t *p = gmem_at(q->mem, gpa, sizeof(*p));

	return p ? le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE)) : 0;
}

static void store16(struct virtq *q, uint64_t gpa, uint16_t value)
{
	uint16_t *p = gmem_at(q->mem, gpa, sizeof(*p));

	if (p)
		__atomic_store_n(p, htole16(value), __ATOMIC_RELEASE);
}

uint16_t virtq_waiting(struct virtq *q)
{
	if (!q->ready || q->broken)
		return 0;
	uint16_t idx = load16(q, q->avail + RING_IDX);
	uint16_t n = (uint16_t)(idx - q->next_avail);

	if (n > q->size) {
		virtq_break(q, "available index %u after %u in a ring of %u", idx, q->next_avail,
			    q->size);
		return 0;
	}
	return n;
}

/* One descriptor's buffer goes to the end of the chain, cut where our regions are. */
static bool add_buffer(struct virtq *q, struct virtq_chain *c, uint64_t gpa, uint32_t len, bool in)
{
	if (!len)
		return virtq_break(q, "descriptor with an empty buffer");
	if (!in && c->nr_in)
		return virtq_break(q, "buffer to read behind one to write");
	*(in ? &c->in_len : &c->out_len) += len;
	for (size_t part; len; gpa += part, len -= (uint32_t)part) {
		void *at = gmem_piece(q->mem, gpa, len, &part);
		uint32_t nr = c->nr_out + c->nr_in;

		if (!at)
			return virtq_break(q, "buffer at %#llx is not in memory",
					   (unsigned long long)gpa);
		if (nr == ARRAY_SIZE(c->iov))
			return virtq_break(q, "request of more than %zu pieces",
					   ARRAY_SIZE(c->iov));
		c->iov[nr] = (struct iovec){ at, part };
		(*(in ? &c->nr_in : &c->nr_out))++;
	}
	return true;
}

/* A table of descriptors: the queue's own, or an indirect one. */
struct table {
	uint64_t at;
	uint32_t nr;
	bool indirect;
};

static bool enter_indirect(struct virtq *q, struct table *t, const struct vring_desc *d)
{
	uint64_t at = le64toh(d->addr);
	uint32_t len = le32toh(d->len);

	if (!q->indirect || t->indirect || le16toh(d->flags) & VRING_DESC_F_NEXT)
		return virtq_break(q, "indirect descriptor where none may be");
	if (!len || len % sizeof(struct vring_desc) || at + len < at)
		return virtq_break(q, "indirect table of %u bytes at %#llx", len,
				   (unsigned long long)at);
	*t = (struct table){ at, len / (uint32_t)sizeof(struct vring_desc), true };
	return true;
}

/* Copy once, judge the copy, never look again. */
static bool fetch(struct virtq *q, const struct table *t, uint32_t at, struct vring_desc *ret)
{
	if (at >= t->nr)
		return virtq_break(q, "descriptor %u of a table of %u", at, t->nr);
	if (!gmem_read(q->mem, t->at + at * sizeof(*ret), ret, sizeof(*ret)))
		return virtq_break(q, "descriptor table at %#llx is not in memory",
				   (unsigned long long)t->at);
	return true;
}

/* Each turn takes one descriptor and there are no more turns than a chain may have, so loops end. */
static bool walk(struct virtq *q, uint16_t head, struct virtq_chain *c)
{
	struct table t = { q->desc, q->size, false };
	uint32_t at = head;

	c->head = head;
	c->nr_out = c->nr_in = 0;
	c->out_len = c->in_len = 0;
	for (uint32_t turn = 0; turn <= VIRTQ_MAX_SIZE; turn++) {
		struct vring_desc d;

		if (!fetch(q, &t, at, &d))
			return false;
		uint16_t flags = le16toh(d.flags);

		if (flags & VRING_DESC_F_INDIRECT) {
			if (!enter_indirect(q, &t, &d))
				return false;
			at = 0;
			continue;
		}
		if (!add_buffer(q, c, le64toh(d.addr), le32toh(d.len), flags & VRING_DESC_F_WRITE))
			return false;
		if (!(flags & VRING_DESC_F_NEXT))
			return true;
		at = le16toh(d.next);
	}
	return virtq_break(q, "chain of descriptors that does not end");
}

bool virtq_take(struct virtq *q, struct virtq_chain *ret)
{
	if (!virtq_waiting(q))
		return false;
	uint32_t entry = q->next_avail & (q->size - 1u);
	uint16_t head = load16(q, q->avail + RING_ENTRIES + 2 * entry);

	if (!walk(q, head, ret))
		return false;
	q->next_avail++;
	return true;
}

void virtq_untake(struct virtq *q)
{
	q->next_avail--;
}

void virtq_give(struct virtq *q, uint16_t head, uint32_t written)
{
	struct vring_used_elem el = { .id = htole32(head), .len = htole32(written) };
	uint32_t entry = q->next_used & (q->size - 1u);

	gmem_write(q->mem, q->used + RING_ENTRIES + entry * sizeof(el), &el, sizeof(el));
	q->next_used++;
}

bool virtq_publish(struct virtq *q)
{
	uint16_t old = q->told_used, now = q->next_used;

	if (!q->ready || q->broken || old == now)
		return false;
	store16(q, q->used + RING_IDX, now);
	q->told_used = now;
	/* The guest writes what it wants and then looks at the index; we the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->event_idx)
		return vring_need_event(load16(q, USED_EVENT(q)), now, old);
	return !(load16(q, q->avail + RING_FLAGS) & VRING_AVAIL_F_NO_INTERRUPT);
}

void virtq_mute(struct virtq *q)
{
	if (!q->ready || q->muted)
		return;
	/* With event indices it is enough that ours stays behind. */
	if (!q->event_idx)
		store16(q, q->used + RING_FLAGS, VRING_USED_F_NO_NOTIFY);
	q->muted = true;
}

bool virtq_unmute(struct virtq *q)
{
	if (!q->ready || q->broken)
		return false;
	if (q->event_idx)
		store16(q, AVAIL_EVENT(q), q->next_avail);
	else if (q->muted)
		store16(q, q->used + RING_FLAGS, 0);
	q->muted = false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return virtq_waiting(q);
}

uint16_t virtq_slice(const struct iovec *iov, uint16_t nr, size_t off, size_t n, struct iovec *to)
{
	uint16_t made = 0;

	for (uint16_t i = 0; i < nr && n; i++) {
		if (off >= iov[i].iov_len) {
			off -= iov[i].iov_len;
			continue;
		}
		size_t part = MIN(n, iov[i].iov_len - off);

		to[made++] = (struct iovec){ (char *)iov[i].iov_base + off, part };
		n -= part;
		off = 0;
	}
	return made;
}

bool virtq_copy_out(const struct virtq_chain *c, size_t off, void *to, size_t n)
{
	struct iovec piece[VIRTQ_MAX_SEGS];
	char *at = to;

	if (off > c->out_len || n > c->out_len - off)
		return false;
	uint16_t nr = virtq_slice(c->iov, c->nr_out, off, n, piece);

	for (uint16_t i = 0; i < nr; at += piece[i].iov_len, i++)
		memcpy(at, piece[i].iov_base, piece[i].iov_len);
	/* The copy is what is judged: it may not be read from the guest a second time. */
	__asm__ volatile("" : : "r"(to) : "memory");
	return true;
}

size_t virtq_copy_in(const struct virtq_chain *c, size_t off, const void *from, size_t n)
{
	struct iovec piece[VIRTQ_MAX_SEGS];
	const char *at = from;
	uint16_t nr = virtq_slice(c->iov + c->nr_out, c->nr_in, off, n, piece);

	for (uint16_t i = 0; i < nr; at += piece[i].iov_len, i++)
		memmove(piece[i].iov_base, at, piece[i].iov_len); /* @from may be the guest's too */
	return (size_t)(at - (const char *)from);
}
