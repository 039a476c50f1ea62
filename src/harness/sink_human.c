/* SPDX-License-Identifier: GPL-2.0-only */
/* For people: one aligned line per cell, the story of what did not pass below it. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/scoped.h"
#include "base/term.h"
#include "base/text.h"
#include "harness/result.h"
#include "harness/sink.h"
#include "harness/story.h"

enum column { COL_TEST, COL_TOPOLOGY, COL_KERNEL, COL_SCHEDULER, NR_COLUMNS };

/* Beyond this many cells what did not pass is named again at the end. */
#define RECAP_FROM 20

struct human_state {
	const struct cell *const *cells; /* the plan, borrowed */
	uint32_t nr_cells, nr_done;
	uint32_t width[NR_COLUMNS];
	const struct cell **running;
	uint32_t nr_running;
	uint64_t began_at;
	bool progress_shown;
	struct buf recap;
};

static void human_fini(struct sink *s)
{
	struct human_state *st = sink_state(s);

	free(st->running);
	buf_fini(&st->recap);
}

static const char *column_text(const struct cell *c, enum column col)
{
	switch (col) {
	case COL_TEST:
		return c->test;
	case COL_TOPOLOGY:
		return c->topo_text;
	case COL_KERNEL:
		return c->kernel;
	default:
		return c->scheduler;
	}
}

/*
 * A column is as wide as its widest text, but lines should fit @columns: the widest are cut back to
 * a bound that does, and the few longer texts push their own line only. Nothing is ever cut off.
 */
static void fit_widths(uint32_t width[NR_COLUMNS], uint32_t columns)
{
	const uint32_t fixed = 38; /* verdict, gaps, times */
	uint32_t bound = 60;

	for (; bound > 16; bound--) {
		uint32_t sum = fixed;

		for (int i = 0; i < NR_COLUMNS; i++)
			sum += MIN(width[i], bound);
		if (sum <= columns)
			break;
	}
	for (int i = 0; i < NR_COLUMNS; i++)
		width[i] = MIN(width[i], bound);
}

static void lay_out(struct human_state *st, uint32_t columns)
{
	bool kernels = false;

	for (uint32_t i = 0; i < st->nr_cells; i++) {
		for (int k = 0; k < NR_COLUMNS; k++)
			st->width[k] = MAX(st->width[k],
					   (uint32_t)text_width(column_text(st->cells[i], k)));
		kernels |= strcmp(st->cells[i]->kernel, st->cells[0]->kernel) != 0;
	}
	if (!kernels)
		st->width[COL_KERNEL] = 0;
	fit_widths(st->width, columns);
}

static void put_coloured(struct buf *b, const struct sink *s, const char *colour, const char *text)
{
	buf_printf(b, "%s%s%s", s->colour ? colour : "", text, s->colour ? TERM_RESET : "");
}

static void human_begin(struct sink *s, const struct run_info *info)
{
	struct human_state *st = sink_state(s);
	SCOPED(buf_fini) struct buf b = { 0 };

	st->cells = info->cells;
	st->nr_cells = info->nr_cells;
	st->began_at = now_ns();
	lay_out(st, s->terminal ? term_columns(fileno(s->out)) : 120);
	st->running = calloc(info->nr_cells + 1ul, sizeof(const struct cell *));
	if (!st->running)
		b.bad = -ENOMEM;
	buf_puts(&b, st->width[COL_KERNEL] ? "" : "kernel ");
	story_put_text(&b, info->kernels);
	buf_puts(&b, " | ");
	story_put_text(&b, info->backend);
	if (info->backend_why && *info->backend_why) {
		buf_puts(&b, " (");
		story_put_text(&b, info->backend_why);
		buf_putc(&b, ')');
	}
	buf_printf(&b, " | seed %llx\n", (unsigned long long)info->seed);
	sink_write(s, &b);
}

static void erase_progress(struct human_state *st, struct buf *b)
{
	if (st->progress_shown)
		buf_puts(b, TERM_ERASE_LINE);
	st->progress_shown = false;
}

/* "[3/12] 14 s: two_cgroups 1n2l2c1t eevdf, ..." on one line that the next output replaces. */
static void put_progress(struct sink *s, struct buf *b)
{
	struct human_state *st = sink_state(s);
	SCOPED(buf_fini) struct buf line = { 0 };
	uint32_t columns;

	if (!s->terminal || !st->nr_running)
		return;
	buf_printf(&line, "[%u/%u] %.0f s: ", st->nr_done, st->nr_cells,
		   (double)(now_ns() - st->began_at) / 1e9);
	for (uint32_t i = 0; i < st->nr_running; i++) {
		buf_puts(&line, i ? ", " : "");
		story_put_text(&line, st->running[i]->test);
		buf_printf(&line, " %s ", st->running[i]->topo_text);
		story_put_text(&line, st->running[i]->scheduler);
	}
	columns = term_columns(fileno(s->out));
	size_t n = 0;
	for (uint32_t w = 0; n < line.len && w + 1 < columns; w++)
		n += MAX(utf8_decode(line.at + n, NULL), 1ul);
	erase_progress(st, b);
	buf_put(b, buf_str(&line), n);
	st->progress_shown = true;
}

static void redraw(struct sink *s)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	put_progress(s, &b);
	sink_write(s, &b);
}

static void human_start(struct sink *s, const struct cell *c)
{
	struct human_state *st = sink_state(s);

	if (!st->running || st->nr_running >= st->nr_cells)
		return;
	st->running[st->nr_running++] = c;
	redraw(s);
}

static void forget_running(struct human_state *st, const struct cell *c)
{
	for (uint32_t i = 0; i < st->nr_running; i++) {
		if (st->running[i] != c)
			continue;
		memmove(&st->running[i], &st->running[i + 1],
			(st->nr_running - i - 1) * sizeof(st->running[0]));
		st->nr_running--;
		return;
	}
}

static void put_column(struct buf *b, const char *text, uint32_t width)
{
	SCOPED(buf_fini) struct buf clean = { 0 };
	size_t w;

	if (!width)
		return;
	story_put_text(&clean, text);
	w = text_width(buf_str(&clean));
	buf_printf(b, "  %s%*s", buf_str(&clean), w < width ? (int)(width - w) : 0, "");
}

static void put_verdict(struct buf *b, const struct sink *s, enum verdict v)
{
	static const struct {
		const char *text, *colour;
	} row[NR_VERDICTS] = {
		[VERDICT_PASS] = { "PASS  ", TERM_GREEN },
		[VERDICT_FAIL] = { "FAIL  ", TERM_RED },
		[VERDICT_INCONCLUSIVE] = { "INCONC", TERM_YELLOW },
		[VERDICT_SKIP] = { "SKIP  ", TERM_CYAN },
	};

	buf_puts(b, "  ");
	put_coloured(b, s, row[v].colour, row[v].text);
}

/* A skipped cell has a reason where others have scheduler and times. */
static void put_cell_line(struct buf *b, struct sink *s, const struct cell_result *r)
{
	struct human_state *st = sink_state(s);
	bool skip = r->verdict == VERDICT_SKIP;

	put_verdict(b, s, r->verdict);
	for (int k = 0; k < NR_COLUMNS - skip; k++)
		put_column(b, column_text(r->cell, k), st->width[k]);
	if (skip) {
		buf_puts(b, "  ");
		story_put_text(b, story_headline(r));
	} else {
		buf_printf(b, "  %6.1f s", (double)r->times.total / 1e9);
	}
	if (!skip && !strcmp(r->snapshot, SNAPSHOT_USED))
		buf_puts(b, "  resumed");
	else if (!skip && r->times.boot)
		buf_printf(b, "  boot %.1f", (double)r->times.boot / 1e9);
	buf_putc(b, '\n');
}

static void remember(struct human_state *st, struct sink *s, const struct cell_result *r)
{
	if (st->nr_cells <= RECAP_FROM)
		return;
	put_verdict(&st->recap, s, r->verdict);
	buf_puts(&st->recap, "  ");
	story_put_text(&st->recap, r->cell->name);
	buf_puts(&st->recap, ": ");
	story_put_text(&st->recap, story_headline(r));
	buf_putc(&st->recap, '\n');
}

static void human_done(struct sink *s, const struct cell_result *r)
{
	struct human_state *st = sink_state(s);
	SCOPED(buf_fini) struct buf b = { 0 };
	const struct story_style style = {
		.prefix = "          ",
		.heading = s->colour ? TERM_BOLD : "",
		.plain = s->colour ? TERM_RESET : "",
		.all = s->verbose,
	};

	st->nr_done++;
	forget_running(st, r->cell);
	erase_progress(st, &b);
	put_cell_line(&b, s, r);
	if (r->verdict != VERDICT_SKIP || s->verbose)
		story_put(&b, r, &style);
	if (r->verdict == VERDICT_FAIL || r->verdict == VERDICT_INCONCLUSIVE)
		remember(st, s, r);
	put_progress(s, &b);
	sink_write(s, &b);
}

static void human_end(struct sink *s, const struct run_counts *n, uint64_t wall_ns,
		      bool interrupted)
{
	struct human_state *st = sink_state(s);
	SCOPED(buf_fini) struct buf b = { 0 }, counts = { 0 };
	const char *colour = n->by_verdict[VERDICT_FAIL]			  ? TERM_RED
			     : n->by_verdict[VERDICT_INCONCLUSIVE] || interrupted ? TERM_YELLOW
										  : TERM_GREEN;

	erase_progress(st, &b);
	if (st->recap.len) {
		buf_puts(&b, "not passed:\n");
		buf_put(&b, st->recap.at, st->recap.len);
	}
	story_put_counts(&counts, n, wall_ns, interrupted);
	put_coloured(&b, s, colour, buf_str(&counts));
	buf_putc(&b, '\n');
	sink_write(s, &b);
}

const struct sink_type sink_human = {
	.name = "human",
	.begin = human_begin,
	.start = human_start,
	.done = human_done,
	.end = human_end,
	.tick = redraw,
	.state_size = sizeof(struct human_state),
	.fini = human_fini,
};
