/* SPDX-License-Identifier: GPL-2.0-only */
/* The picture is laid out on a grid of equal tiles, painted on a canvas, and written line by line. */
#include "machine/draw.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "machine/topology.h"

#define LEAST_COLUMNS 40
#define MOST_COLUMNS 400
#define MOST_LINES 40 /* taller pictures become lists */
#define LIST_INDENT 19

/* What can stand in a cell of the canvas besides ASCII. */
enum glyph {
	GLYPH_H = 128,
	GLYPH_V,
	GLYPH_CROSS,
	GLYPH_TOP_LEFT,
	GLYPH_TOP_RIGHT,
	GLYPH_BOTTOM_LEFT,
	GLYPH_BOTTOM_RIGHT,
	GLYPH_LEFT_TEE,
	GLYPH_RIGHT_TEE,
	GLYPH_BOTTOM_TEE,
	GLYPH_ROUND_TOP_LEFT,
	GLYPH_ROUND_TOP_RIGHT,
	GLYPH_ROUND_BOTTOM_LEFT,
	GLYPH_ROUND_BOTTOM_RIGHT,
	GLYPH_THREAD,
	GLYPH_END,
};

static const struct {
	const char *unicode, *ascii;
} glyphs[] = {
	[GLYPH_H - GLYPH_H] = { "─", "-" },
	[GLYPH_V - GLYPH_H] = { "│", "|" },
	[GLYPH_CROSS - GLYPH_H] = { "┼", "+" },
	[GLYPH_TOP_LEFT - GLYPH_H] = { "┌", "+" },
	[GLYPH_TOP_RIGHT - GLYPH_H] = { "┐", "+" },
	[GLYPH_BOTTOM_LEFT - GLYPH_H] = { "└", "+" },
	[GLYPH_BOTTOM_RIGHT - GLYPH_H] = { "┘", "+" },
	[GLYPH_LEFT_TEE - GLYPH_H] = { "├", "+" },
	[GLYPH_RIGHT_TEE - GLYPH_H] = { "┤", "+" },
	[GLYPH_BOTTOM_TEE - GLYPH_H] = { "┴", "+" },
	[GLYPH_ROUND_TOP_LEFT - GLYPH_H] = { "╭", "." },
	[GLYPH_ROUND_TOP_RIGHT - GLYPH_H] = { "╮", "." },
	[GLYPH_ROUND_BOTTOM_LEFT - GLYPH_H] = { "╰", "'" },
	[GLYPH_ROUND_BOTTOM_RIGHT - GLYPH_H] = { "╯", "'" },
	[GLYPH_THREAD - GLYPH_H] = { "■", "#" },
};
static_assert(ARRAY_SIZE(glyphs) == GLYPH_END - GLYPH_H, "a glyph has no look");

static void put_glyph(struct buf *out, uint8_t c, bool unicode)
{
	if (c < GLYPH_H)
		buf_putc(out, (char)c);
	else
		buf_puts(out, unicode ? glyphs[c - GLYPH_H].unicode : glyphs[c - GLYPH_H].ascii);
}

struct canvas {
	uint8_t *cell;
	uint32_t width, height;
};

static void set(struct canvas *c, uint32_t x, uint32_t y, uint8_t what)
{
	if (x < c->width && y < c->height)
		c->cell[y * c->width + x] = what;
}

static void write_text(struct canvas *c, uint32_t x, uint32_t y, const char *s)
{
	for (; *s; s++)
		set(c, x++, y, (uint8_t)*s);
}

struct tile {
	uint32_t x, y, w, h;
};

/* A frame with @title in its upper edge; @corner is the first of four corner glyphs. */
static void frame(struct canvas *c, struct tile t, const char *title, uint8_t corner)
{
	for (uint32_t x = t.x; x < t.x + t.w; x++) {
		set(c, x, t.y, GLYPH_H);
		set(c, x, t.y + t.h - 1, GLYPH_H);
	}
	for (uint32_t y = t.y; y < t.y + t.h; y++) {
		set(c, t.x, y, GLYPH_V);
		set(c, t.x + t.w - 1, y, GLYPH_V);
	}
	set(c, t.x, t.y, corner);
	set(c, t.x + t.w - 1, t.y, corner + 1);
	set(c, t.x, t.y + t.h - 1, corner + 2);
	set(c, t.x + t.w - 1, t.y + t.h - 1, corner + 3);
	write_text(c, t.x + 1, t.y, " ");
	write_text(c, t.x + 2, t.y, title);
	write_text(c, t.x + 2 + (uint32_t)strlen(title), t.y, " ");
}

/* Where a CPU is, counted from zero: node, LLC in it, core in that, thread in that. */
struct at {
	uint32_t node, llc, core, thread;
};

/* Moves @at from the place before @p (NULL: none) to @p. */
static void step(struct at *at, const struct topo_place *before, const struct topo_place *p)
{
	if (!before)
		*at = (struct at){ 0 };
	else if (p->node != before->node)
		*at = (struct at){ .node = at->node + 1 };
	else if (p->llc != before->llc)
		*at = (struct at){ .node = at->node, .llc = at->llc + 1 };
	else if (p->core != before->core)
		*at = (struct at){ .node = at->node, .llc = at->llc, .core = at->core + 1 };
	else
		at->thread++;
}

/* @most things of @each columns and one between them into @room: how many per row, evenly. */
static uint32_t per_row(uint32_t most, uint32_t each, uint32_t room)
{
	uint32_t fit = MAX((room + 1) / (each + 1), 1);
	uint32_t rows = (most + fit - 1) / fit;

	return (most + rows - 1) / rows;
}

static uint32_t rows_of(uint32_t most, uint32_t row)
{
	return (most + row - 1) / row;
}

/* The tiles are as large as the fullest node, LLC and core need. */
struct layout {
	struct at count; /* nodes; most LLCs, cores and threads in one of the above */
	uint32_t cell_w; /* of a core, without its lines */
	uint32_t cores_row, llcs_row, nodes_row;
	struct tile llc, node; /* sizes only */
	uint32_t width, height;
};

static uint32_t digits(uint32_t n)
{
	return (uint32_t)snprintf(NULL, 0, "%u", n);
}

static struct layout lay_out(const struct topo_place *p, size_t nr, uint32_t columns)
{
	uint32_t most_cpu = 0, most_llc = 0;
	struct layout l = { 0 };
	struct at at;

	for (size_t i = 0; i < nr; i++) {
		step(&at, i ? &p[i - 1] : NULL, &p[i]);
		l.count.node = MAX(l.count.node, at.node + 1);
		l.count.llc = MAX(l.count.llc, at.llc + 1);
		l.count.core = MAX(l.count.core, at.core + 1);
		l.count.thread = MAX(l.count.thread, at.thread + 1);
		most_cpu = MAX(most_cpu, p[i].cpu);
		most_llc = MAX(most_llc, p[i].llc);
	}
	uint32_t title = digits(most_llc) + 6; /* " LLC 7 " */

	l.cell_w = digits(most_cpu) + 2;
	l.cores_row = per_row(l.count.core, l.cell_w, columns - 6);
	while (l.cores_row * (l.cell_w + 1) < title + 1)
		l.cell_w++;
	l.llc.w = l.cores_row * (l.cell_w + 1) + 1;
	l.llc.h = rows_of(l.count.core, l.cores_row) * (l.count.thread + 1) + 1;
	l.llcs_row = per_row(l.count.llc, l.llc.w, columns - 4);
	l.node.w = MAX(l.llcs_row * (l.llc.w + 1) + 3, 12u);
	l.node.h = rows_of(l.count.llc, l.llcs_row) * l.llc.h + 2;
	l.nodes_row = per_row(l.count.node, l.node.w, columns);
	l.width = l.nodes_row * (l.node.w + 1) - 1;
	l.height = rows_of(l.count.node, l.nodes_row) * l.node.h;
	return l;
}

/* The tile @i of a grid of equal ones, @row to a row, whose upper left corner is at @x, @y. */
static struct tile tile_at(struct tile size, uint32_t i, uint32_t row, uint32_t x, uint32_t y)
{
	size.x = x + i % row * (size.w + 1);
	size.y = y + i / row * size.h;
	return size;
}

/* The lines between cores; an LLC with fewer cores than the others keeps empty cells. */
static void rule(struct canvas *c, const struct layout *l, struct tile t)
{
	for (uint32_t y = t.y + 1; y < t.y + t.h; y++) {
		bool last = y == t.y + t.h - 1, across = (y - t.y) % (l->count.thread + 1) == 0;

		for (uint32_t x = t.x + 1; across && x < t.x + t.w - 1; x++)
			set(c, x, y, GLYPH_H);
		if (across && !last) {
			set(c, t.x, y, GLYPH_LEFT_TEE);
			set(c, t.x + t.w - 1, y, GLYPH_RIGHT_TEE);
		}
		for (uint32_t x = t.x + l->cell_w + 1; x < t.x + t.w - 1; x += l->cell_w + 1)
			set(c, x, y, last ? GLYPH_BOTTOM_TEE : across ? GLYPH_CROSS : GLYPH_V);
	}
}

static void paint_cpu(struct canvas *c, const struct layout *l, const struct topo_place *p,
		      const struct at *at)
{
	struct tile node = tile_at(l->node, at->node, l->nodes_row, 0, 0);
	struct tile llc = tile_at(l->llc, at->llc, l->llcs_row, node.x + 2, node.y + 1);
	bool new_core = !at->thread, new_llc = new_core && !at->core,
	     new_node = new_llc && !at->llc;
	char text[24];

	if (new_node) {
		snprintf(text, sizeof(text), "node %u", p->node);
		frame(c, node, text, GLYPH_ROUND_TOP_LEFT);
	}
	if (new_llc) {
		snprintf(text, sizeof(text), "LLC %u", p->llc);
		frame(c, llc, text, GLYPH_TOP_LEFT);
		rule(c, l, llc);
	}
	uint32_t x = llc.x + 1 + at->core % l->cores_row * (l->cell_w + 1);
	uint32_t y = llc.y + 1 + at->core / l->cores_row * (l->count.thread + 1) + at->thread;
	uint32_t right = (l->cell_w - digits(p->cpu) + 1) / 2 + digits(p->cpu);

	snprintf(text, sizeof(text), "%*u", (int)right, p->cpu);
	write_text(c, x, y, text);
}

static void write_out(const struct canvas *c, struct buf *out, bool unicode)
{
	for (uint32_t y = 0; y < c->height; y++) {
		uint32_t w = c->width;

		while (w && c->cell[y * c->width + w - 1] == ' ')
			w--;
		for (uint32_t x = 0; x < w; x++)
			put_glyph(out, c->cell[y * c->width + x], unicode);
		buf_putc(out, '\n');
	}
}

static void draw_picture(const struct topo_place *p, size_t nr, const struct layout *l,
			 struct buf *out, bool unicode)
{
	struct canvas c = { .width = l->width, .height = l->height };
	SCOPED(mem_free) uint8_t *cell = malloc((size_t)l->width * l->height);
	struct at at;

	if (!cell) {
		out->bad = out->bad ? out->bad : -ENOMEM;
		return;
	}
	c.cell = memset(cell, ' ', (size_t)l->width * l->height);
	for (size_t i = 0; i < nr; i++) {
		step(&at, i ? &p[i - 1] : NULL, &p[i]);
		paint_cpu(&c, l, &p[i], &at);
	}
	write_out(&c, out, unicode);
}

/* One square per thread, cores apart, LIST_INDENT in from the left on every line. */
static void draw_cores(const struct topo_place *p, size_t nr, struct buf *out, uint32_t columns,
		       bool unicode)
{
	uint32_t x = LIST_INDENT;

	for (size_t i = 0, end; i < nr; i = end) {
		for (end = i; end < nr && p[end].core == p[i].core;)
			end++;
		if (i && x + 1 + (end - i) > columns) {
			buf_printf(out, "\n%*s", LIST_INDENT, "");
			x = LIST_INDENT;
		}
		x += 1 + (uint32_t)(end - i);
		buf_putc(out, ' ');
		for (; i < end; i++)
			put_glyph(out, GLYPH_THREAD, unicode);
	}
	buf_putc(out, '\n');
}

/* "  LLC 3   24-31   ■■ ■■ ■■ ■■": the LLC that begins at @p; returns its number of CPUs. */
static size_t draw_line(const struct topo_place *p, size_t nr, struct buf *out, uint32_t columns,
			bool unicode)
{
	struct cpuset set = { 0 };
	char list[64];
	size_t n = 0;

	for (; n < nr && p[n].llc == p[0].llc && p[n].node == p[0].node; n++)
		cpuset_add(&set, p[n].cpu);
	if (cpuset_format(&set, list, sizeof(list)) < 0)
		snprintf(list, sizeof(list), "%u CPUs", cpuset_count(&set));
	buf_printf(out, "  LLC %-3u %-9s", p[0].llc, list);
	draw_cores(p, n, out, columns, unicode);
	return n;
}

static void draw_list(const struct topo_place *p, size_t nr, struct buf *out, uint32_t columns,
		      bool unicode)
{
	for (size_t i = 0; i < nr;) {
		if (!i || p[i].node != p[i - 1].node)
			buf_printf(out, "node %u\n", p[i].node);
		i += draw_line(&p[i], nr - i, out, columns, unicode);
	}
}

void topo_draw_places(const struct topo_place *place, size_t nr, struct buf *out, int columns,
		      bool unicode)
{
	uint32_t w = (uint32_t)MIN(MAX(columns, LEAST_COLUMNS), MOST_COLUMNS);

	if (!nr)
		return;
	struct layout l = lay_out(place, nr, w);
	if (l.height > MOST_LINES || l.width > w)
		draw_list(place, nr, out, w, unicode);
	else
		draw_picture(place, nr, &l, out, unicode);
}

void topo_places(const struct topology *t, struct topo_place *ret)
{
	for (uint32_t cpu = 0; cpu < topo_cpus(t); cpu++)
		ret[cpu] = (struct topo_place){
			.cpu = cpu,
			.node = topo_node_of(t, cpu),
			.llc = topo_llc_of(t, cpu),
			.core = topo_core_of(t, cpu),
		};
}

/* "4-7": @nr numbers from @first on. */
static const char *list_of(uint32_t first, uint32_t nr, char *buf, size_t cap)
{
	snprintf(buf, cap, nr > 1 ? "%u-%u" : "%u", first, first + nr - 1);
	return buf;
}

static void draw_kinds(const struct topology *t, struct buf *out)
{
	char list[24];

	for (uint32_t i = 0; i < t->nr_kinds; i++) {
		uint32_t nr = topo_cpus(t) / t->nr_kinds;

		buf_printf(out, "%s%u on CPU%s %s", i ? ", " : "capacity: ", t->capacity[i],
			   nr == 1 ? "" : "s", list_of(i * nr, nr, list, sizeof(list)));
	}
	if (t->nr_kinds)
		buf_putc(out, '\n');
}

void topo_draw(const struct topology *t, struct buf *out, int columns, bool unicode)
{
	struct topo_place place[TOPO_MAX_CPUS];
	char list[24];

	topo_places(t, place);
	topo_draw_places(place, topo_cpus(t), out, columns, unicode);
	draw_kinds(t, out);
	if (t->memory_nodes)
		buf_printf(out, "memory without CPUs: node%s %s\n", t->memory_nodes == 1 ? "" : "s",
			   list_of(t->nodes, t->memory_nodes, list, sizeof(list)));
}
