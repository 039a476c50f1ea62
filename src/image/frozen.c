/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The file: MAGIC, then one zstd frame with a checksum. In it three le64 (bytes of memory, of state,
 * of console), a bit for each page that is not empty, the state, the console, and those pages.
 */
#include "image/frozen.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "image/bytes.h"

/* Counts up with every change of what follows it. */
#define MAGIC "ktstr frozen 1\n"
#define MAGIC_LEN sizeof(MAGIC)
#define ZSTD_MAGIC "\x28\xb5\x2f\xfd"
#define HEAD_LEN 24
#define LEVEL 1 /* written once, read before every run: the fastest to do both */
/* What a reader has to keep of what it gave away already. Half a MiB is level 1's own choice. */
#define WINDOW_LOG 19
#define CHUNK (256u << 10)
#define NAME "frozen machine"

DEFINE_SCOPED(ZSTD_CCtx *, ZSTD_freeCCtx)
DEFINE_SCOPED(ZSTD_DCtx *, ZSTD_freeDCtx)

static int bad(struct err *e, const char *what)
{
	return err_set(e, -EBADMSG, NAME ": %s", what);
}

static int no_memory(struct err *e)
{
	return err_sys(e, -ENOMEM, NAME);
}

/* ---- which pages there are ---- */

struct page_map {
	uint8_t *bits;
	size_t len; /* bytes */
	uint64_t nr_pages;
};

static void page_map_fini(struct page_map *m)
{
	free(m->bits);
}
DEFINE_SCOPED_FINI(struct page_map, page_map_fini)

static int page_map_init(struct page_map *m, uint64_t ram_bytes, struct err *e)
{
	if (ram_bytes % FROZEN_PAGE)
		return err_set(e, -EINVAL, NAME ": %" PRIu64 " bytes of memory are no whole pages",
			       ram_bytes);
	m->nr_pages = ram_bytes / FROZEN_PAGE;
	m->len = (size_t)((m->nr_pages + 7) / 8);
	m->bits = calloc(m->len + 1, 1);
	return m->bits ? 0 : no_memory(e);
}

static bool is_used(const struct page_map *m, uint64_t page)
{
	return m->bits[page / 8] >> page % 8 & 1;
}

/* Pages that follow each other; starts as zeroes. */
struct run {
	uint64_t at, nr;
};

static bool next_run(const struct page_map *m, struct run *run)
{
	run->at += run->nr;
	run->nr = 0;
	while (run->at < m->nr_pages && !is_used(m, run->at))
		run->at++;
	while (run->at + run->nr < m->nr_pages && is_used(m, run->at + run->nr))
		run->nr++;
	return run->nr;
}

static bool is_empty(const uint8_t *page)
{
	static const uint8_t zeroes[64];

	/* each byte is the one 64 before it */
	return !memcmp(page, zeroes, sizeof(zeroes)) &&
	       !memcmp(page, page + sizeof(zeroes), FROZEN_PAGE - sizeof(zeroes));
}

static void find_used(struct page_map *m, const uint8_t *ram)
{
	for (uint64_t i = 0; i < m->nr_pages; i++)
		if (!is_empty(ram + i * FROZEN_PAGE))
			m->bits[i / 8] |= (uint8_t)(1 << i % 8);
}

/* ---- writing ---- */

struct writer {
	int fd; /* borrowed, as all of them */
	ZSTD_CCtx *z;
	uint8_t *chunk;
	struct err *e;
};

static int put(struct writer *w, const void *data, size_t n, ZSTD_EndDirective op)
{
	ZSTD_inBuffer in = { data, n, 0 };
	bool done;

	do {
		ZSTD_outBuffer out = { w->chunk, CHUNK, 0 };
		size_t left = ZSTD_compressStream2(w->z, &out, &in, op);

		if (ZSTD_isError(left)) /* with these arguments there is nothing else */
			return no_memory(w->e);
		int r = write_full(w->fd, w->chunk, out.pos);
		if (r < 0)
			return err_sys(w->e, r, NAME ": writing");
		done = op == ZSTD_e_end ? !left : in.pos == in.size;
	} while (!done);
	return 0;
}

static int put_all(struct writer *w, const struct frozen *f, const struct page_map *m)
{
	const uint64_t head[] = { htole64(f->ram_bytes), htole64(f->state_len),
				  htole64(f->console_len) };
	struct run run = { 0 };

	_Static_assert(sizeof(head) == HEAD_LEN, "head changed size");
	int r = put(w, head, sizeof(head), ZSTD_e_continue);
	if (!r)
		r = put(w, m->bits, m->len, ZSTD_e_continue);
	if (!r)
		r = put(w, f->state, f->state_len, ZSTD_e_continue);
	if (!r)
		r = put(w, f->console, f->console_len, ZSTD_e_continue);
	while (!r && next_run(m, &run))
		r = put(w, f->ram + run.at * FROZEN_PAGE, (size_t)run.nr * FROZEN_PAGE,
			ZSTD_e_continue);
	return r < 0 ? r : put(w, NULL, 0, ZSTD_e_end);
}

static int check_len(const char *what, uint64_t len, uint64_t max, int code, struct err *e)
{
	return len <= max ? 0
			  : err_set(e, code, NAME ": %" PRIu64 " bytes of %s, more than %" PRIu64,
				    len, what, max);
}

int frozen_write(int fd, const struct frozen *f, struct err *e)
{
	SCOPED(page_map_fini) struct page_map m = { 0 };
	SCOPED(ZSTD_freeCCtx) ZSTD_CCtx *z = ZSTD_createCCtx();
	SCOPED(mem_free) uint8_t *chunk = malloc(CHUNK);
	struct writer w = { .fd = fd, .z = z, .chunk = chunk, .e = e };
	int r = check_len("state", f->state_len, FROZEN_STATE_MAX, -EFBIG, e);

	if (!r)
		r = check_len("console", f->console_len, FROZEN_CONSOLE_MAX, -EFBIG, e);
	if (!r)
		r = z && chunk ? page_map_init(&m, f->ram_bytes, e) : no_memory(e);
	if (r < 0)
		return r;
	ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, WINDOW_LOG);
	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	find_used(&m, f->ram);
	r = write_full(fd, MAGIC, MAGIC_LEN);
	return r < 0 ? err_sys(e, r, NAME ": writing") : put_all(&w, f, &m);
}

/* ---- reading ---- */

struct reader {
	int fd; /* borrowed, as all of them */
	ZSTD_DCtx *z;
	uint8_t *chunk;
	struct err *e;
	uint64_t at;	  /* in the file, of what is read next */
	ZSTD_inBuffer in; /* what of the chunk is left */
	bool ended;	  /* the frame is, its checksum was right */
};

/* Returns how many bytes there are: 0 at the end of the file. */
static ssize_t refill(struct reader *rd)
{
	ssize_t n;

	do
		n = pread(rd->fd, rd->chunk, CHUNK, (off_t)rd->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(rd->e, -errno, NAME ": reading");
	rd->at += (uint64_t)n;
	rd->in = (ZSTD_inBuffer){ rd->chunk, (size_t)n, 0 };
	return n;
}

/* As far as the bytes in the chunk lead, then gets more of them if that was not enough. */
static int step(struct reader *rd, ZSTD_outBuffer *out)
{
	size_t more = ZSTD_decompressStream(rd->z, out, &rd->in);

	if (ZSTD_isError(more))
		return ZSTD_getErrorCode(more) == ZSTD_error_memory_allocation
			       ? no_memory(rd->e)
			       : bad(rd->e, "damaged");
	rd->ended = !more;
	if (rd->ended || out->pos == out->size)
		return 0;
	ssize_t n = refill(rd);
	return n ? (int)MIN(n, 0) : bad(rd->e, "truncated");
}

static int take(struct reader *rd, void *to, size_t n)
{
	ZSTD_outBuffer out = { to, n, 0 };
	int r = 0;

	while (!r && out.pos < n)
		r = rd->ended ? bad(rd->e, "contains less than it says") : step(rd, &out);
	return r;
}

/* Grows with what is there, so that a small file never takes large memory. */
static int take_buf(struct reader *rd, struct buf *to, uint64_t len)
{
	for (uint64_t left = len; left;) {
		size_t n = (size_t)MIN(left, (uint64_t)CHUNK);
		char *at = buf_room(to, n);
		int r = at ? take(rd, at, n) : err_sys(rd->e, to->bad, NAME);

		if (r < 0)
			return r;
		buf_wrote(to, n);
		left -= n;
	}
	return 0;
}

static int take_head(struct reader *rd, uint64_t ram_bytes, uint64_t *ret_state,
		     uint64_t *ret_console)
{
	uint8_t head[HEAD_LEN];
	int r = take(rd, head, sizeof(head));

	if (r < 0)
		return r;
	if (get_le64(head) != ram_bytes)
		return err_set(rd->e, -EBADMSG,
			       NAME ": %" PRIu64 " bytes of memory instead of %" PRIu64,
			       get_le64(head), ram_bytes);
	*ret_state = get_le64(head + 8);
	*ret_console = get_le64(head + 16);
	r = check_len("state", *ret_state, FROZEN_STATE_MAX, -EBADMSG, rd->e);
	return r < 0 ? r : check_len("console", *ret_console, FROZEN_CONSOLE_MAX, -EBADMSG, rd->e);
}

static int take_map(struct reader *rd, struct page_map *m)
{
	int r = take(rd, m->bits, m->len);

	if (!r && m->nr_pages % 8 && m->bits[m->len - 1] >> m->nr_pages % 8)
		r = bad(rd->e, "has pages beyond its memory");
	return r;
}

static int take_run(struct reader *rd, const struct run *run, int ram_fd, uint8_t *chunk)
{
	uint64_t at = run->at * FROZEN_PAGE, end = at + run->nr * FROZEN_PAGE;
	int r = 0;

	for (size_t n; !r && at < end; at += n) {
		n = (size_t)MIN(end - at, (uint64_t)CHUNK);
		r = take(rd, chunk, n);
		if (!r && (r = pwrite_full(ram_fd, chunk, n, at)) < 0)
			err_sys(rd->e, r, NAME ": memory");
	}
	return r;
}

/* Through the file and not a mapping of it: pages that are written whole need no fault and no wiping. */
static int take_pages(struct reader *rd, const struct page_map *m, int ram_fd)
{
	SCOPED(mem_free) uint8_t *chunk = malloc(CHUNK);
	struct run run = { 0 };
	int r = chunk ? 0 : no_memory(rd->e);

	while (!r && next_run(m, &run))
		r = take_run(rd, &run, ram_fd, chunk);
	return r;
}

/* Only now is it known that all before was right. */
static int take_end(struct reader *rd)
{
	uint8_t byte;
	ZSTD_outBuffer out = { &byte, sizeof(byte), 0 };

	while (!rd->ended && !out.pos) {
		int r = step(rd, &out);

		if (r < 0)
			return r;
	}
	if (out.pos)
		return bad(rd->e, "contains more than it says");
	ssize_t n = rd->in.pos < rd->in.size ? 1 : refill(rd);
	return n > 0 ? bad(rd->e, "followed by something else") : (int)n;
}

static int take_all(struct reader *rd, int ram_fd, struct page_map *m, struct buf *state,
		    struct buf *console)
{
	uint64_t state_len = 0, console_len = 0;
	int r = take_head(rd, m->nr_pages * FROZEN_PAGE, &state_len, &console_len);

	if (!r)
		r = take_map(rd, m);
	if (!r)
		r = take_buf(rd, state, state_len);
	if (!r)
		r = take_buf(rd, console, console_len);
	if (!r)
		r = take_pages(rd, m, ram_fd);
	return r < 0 ? r : take_end(rd);
}

/* That of the frame too: libzstd would read what its oldest releases wrote, without a checksum. */
static int take_magic(struct reader *rd)
{
	static const char want[] = MAGIC "\0" ZSTD_MAGIC;
	char magic[sizeof(want) - 1];
	int r = pread_full(rd->fd, magic, sizeof(magic), 0);

	if (r == -ENODATA)
		return bad(rd->e, "truncated");
	if (r < 0)
		return err_sys(rd->e, r, NAME ": reading");
	rd->at = MAGIC_LEN;
	return memcmp(magic, want, sizeof(magic)) ? bad(rd->e, "of another format") : 0;
}

static void shorten(struct buf *b, size_t len)
{
	b->len = len;
	if (b->at)
		b->at[len] = 0;
}

int frozen_read(int fd, int ram_fd, uint64_t ram_bytes, struct buf *state, struct buf *console,
		struct err *e)
{
	SCOPED(page_map_fini) struct page_map m = { 0 };
	SCOPED(ZSTD_freeDCtx) ZSTD_DCtx *z = ZSTD_createDCtx();
	SCOPED(mem_free) uint8_t *chunk = malloc(CHUNK);
	struct reader rd = { .fd = fd, .z = z, .chunk = chunk, .e = e };
	const size_t lens[] = { state->len, console->len };
	int r = z && chunk ? page_map_init(&m, ram_bytes, e) : no_memory(e);

	if (r < 0)
		return r;
	/* or a file could ask for gigabytes */
	ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, WINDOW_LOG);
	r = take_magic(&rd);
	if (!r)
		r = take_all(&rd, ram_fd, &m, state, console);
	if (r < 0) {
		shorten(state, lens[0]);
		shorten(console, lens[1]);
	}
	return r;
}
