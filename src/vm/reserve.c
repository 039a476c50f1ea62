/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queue is a file whose bytes are tickets: who waits holds the byte of his number, and is next
 * when nobody holds a lower one. Only he takes caches, one after the other, and waits for them while
 * he holds some; all others hold nothing that he could want and not get. So there is no deadlock, and
 * no stream of small requests passes a large one by.
 *
 * Files are never removed: a lock on a file without a name would exclude nobody.
 */
#include "vm/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "machine/hosttopo.h"
#include "vm/reserve_file.h"

/* In the queue's file: the next number, then its lock, then the tickets. */
enum { QUEUE_LOCK_AT = 8, QUEUE_TICKETS_AT = 64 };

struct taker {
	const struct reserve_request *r;
	struct lock_wait wait;
	int queue;
	uint64_t ticket;
	int *llc; /* by LLC of the host, -1 = none */
	struct pin_load *load;
};

static void unlock_close(int *fd)
{
	if (*fd >= 0)
		lock_range(*fd, F_UNLCK, 0, 0);
	close_fd(fd);
}

static void taker_fini(struct taker *t)
{
	for (uint32_t i = 0; t->llc && i < t->r->pin.host->llcs; i++)
		unlock_close(&t->llc[i]);
	free(t->llc);
	free(t->load);
	unlock_close(&t->queue);
}
DEFINE_SCOPED_FINI(struct taker, taker_fini)

void reserve_release(struct reservation *r)
{
	for (uint32_t i = 0; i < r->nr; i++)
		unlock_close(&r->fd[i]);
	free(r->fd);
	*r = (struct reservation){ 0 };
}

/* ---- the queue ---- */

static int draw(struct taker *t)
{
	uint64_t next = 0;
	ssize_t n = pread(t->queue, &next, sizeof(next), 0);

	if (n < 0)
		return -errno;
	if (n < (ssize_t)sizeof(next) || next > INT64_MAX / 2)
		next = 0; /* new, or damaged: order suffers for once, exclusion does not */
	int r;
	/* Numbers in use are met only when order was lost. */
	while ((r = lock_range(t->queue, F_WRLCK, QUEUE_TICKETS_AT + next, 1)) == -EBUSY)
		next++;
	if (r < 0)
		return r;
	t->ticket = next++;
	return pwrite(t->queue, &next, sizeof(next), 0) == sizeof(next) ? 0 : -EIO;
}

static int queue_up(struct taker *t, struct err *e)
{
	int r = lock_range_wait(t->queue, F_WRLCK, QUEUE_LOCK_AT, 1, &t->wait);

	if (r < 0)
		return err_sys(e, r, "reservation: queue");
	r = draw(t);
	lock_range(t->queue, F_UNLCK, QUEUE_LOCK_AT, 1);
	return r < 0 ? err_sys(e, r, "reservation: queue") : 0;
}

/* Those who were before us are through when their tickets can be locked. */
static int become_first(struct taker *t)
{
	if (!t->ticket)
		return 0;
	int r = lock_range_wait(t->queue, F_RDLCK, QUEUE_TICKETS_AT, t->ticket, &t->wait);
	if (r == 0)
		lock_range(t->queue, F_UNLCK, QUEUE_TICKETS_AT, t->ticket);
	return r;
}

/* ---- the caches ---- */

static int open_llcs(struct taker *t, int dir, struct err *e)
{
	const struct hosttopo *h = t->r->pin.host;
	char name[32];

	t->llc = malloc(h->llcs * sizeof(*t->llc));
	t->load = calloc(h->llcs, sizeof(*t->load));
	for (uint32_t i = 0; t->llc && i < h->llcs; i++)
		t->llc[i] = -1;
	if (!t->llc || !t->load)
		return err_sys(e, -ENOMEM, "reservation");
	for (uint32_t i = 0; i < h->llcs; i++) {
		snprintf(name, sizeof(name), "llc-%u", h->llc[i].id);
		t->llc[i] = lock_file_open(dir, name, e);
		if (t->llc[i] < 0)
			return t->llc[i];
	}
	return 0;
}

static void survey(struct taker *t)
{
	for (uint32_t i = 0; i < t->r->pin.host->llcs; i++)
		lock_file_survey(t->llc[i], &t->load[i], NULL);
}

/* Names who holds what: of @plan, or of all caches. */
static void holders(const struct taker *t, const struct pin_plan *plan, struct buf *out)
{
	struct pin_load ignore;

	for (uint32_t i = 0; plan && i < plan->nr_claims; i++)
		lock_file_survey(t->llc[plan->claim[i].llc], &ignore, out);
	for (uint32_t i = 0; !plan && i < t->r->pin.host->llcs; i++)
		lock_file_survey(t->llc[i], &ignore, out);
	if (!out->len)
		buf_puts(out, "others that wait for host CPUs, too");
}

static int refused(struct taker *t, int r, const struct pin_plan *plan, struct err *e)
{
	SCOPED(buf_fini) struct buf who = { 0 };
	uint64_t s = t->r->wait_ns / 1000000000;

	if (r == -EINTR)
		return err_set(e, r, "reservation: interrupted while waiting for host CPUs");
	if (r != -EBUSY)
		return err_sys(e, r, "reservation");
	holders(t, plan, &who);
	if (s)
		err_set(e, r, "host CPUs are still held after %llu s by %s", (unsigned long long)s,
			buf_str(&who));
	else
		err_set(e, r, "host CPUs are held by %s", buf_str(&who));
	return err_class(e, ERR_CONTENTION, r);
}

static void tell(void *ctx)
{
	const struct taker *t = ctx;
	const struct patience *p = &t->r->patience;
	SCOPED(buf_fini) struct buf who = { 0 };
	SCOPED(buf_fini) struct buf what = { 0 };

	if (!p->on_wait)
		return;
	holders(t, NULL, &who);
	buf_printf(&what, "host CPUs, held by %s", buf_str(&who));
	p->on_wait(p->ctx, buf_str(&what));
}

/* In ascending order; what was got before a refusal is given back by taker_fini(). */
static int lock_claims(struct taker *t, const struct pin_plan *plan)
{
	for (uint32_t i = 0; i < plan->nr_claims; i++) {
		const struct pin_claim *c = &plan->claim[i];
		int r = lock_range_wait(t->llc[c->llc], c->alone ? F_WRLCK : F_RDLCK, 0, 1,
					&t->wait);

		if (r < 0)
			return r;
		lock_file_sign(t->llc[c->llc], c->cpus, t->r->run);
	}
	return 0;
}

static int keep(struct taker *t, const struct pin_plan *plan, struct reservation *ret,
		struct err *e)
{
	ret->fd = malloc(plan->nr_claims * sizeof(*ret->fd));
	if (!ret->fd)
		return err_sys(e, -ENOMEM, "reservation");
	for (uint32_t i = 0; i < plan->nr_claims; i++)
		ret->fd[ret->nr++] = hand_over_fd(&t->llc[plan->claim[i].llc]);
	return 0;
}

int reserve_take(const struct reserve_request *r, struct pin_plan *plan, struct reservation *ret,
		 struct err *e)
{
	uint64_t from = now_ns();
	SCOPED(close_fd) int dir = reserve_open_dir(r->dir, e);
	SCOPED(taker_fini) struct taker t = {
		.r = r,
		.queue = -1,
		.wait = { .deadline_ns = from + r->wait_ns,
			  .cancel_fds = r->patience.cancel_fds,
			  .on_wait = tell,
			  .ctx = &t },
	};
	struct pin_request pin = r->pin;

	if (dir < 0)
		return dir;
	int err = open_llcs(&t, dir, e);
	if (err < 0)
		return err;
	t.queue = lock_file_open(dir, "queue", e);
	err = t.queue < 0 ? t.queue : queue_up(&t, e);
	if (err < 0)
		return err;
	err = become_first(&t);
	if (err < 0)
		return refused(&t, err, NULL, e);
	survey(&t);
	pin.load = t.load;
	err = pin_plan_make(&pin, plan, e);
	if (err < 0)
		return err;
	err = lock_claims(&t, plan);
	if (err < 0)
		return refused(&t, err, plan, e);
	err = keep(&t, plan, ret, e);
	ret->waited_ns = t.wait.since_ns ? now_ns() - from : 0;
	return err;
}
