/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP version 1 (the kernel's Documentation/dev-tools/ktap.rst). One test binary: results as they
 * come. Several: a subtest block each, written when the last of its cells is done.
 */
#include <string.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "harness/group.h"
#include "harness/result.h"
#include "harness/sink.h"
#include "harness/story.h"

struct ktap_state {
	struct groups groups;
	uint32_t nr_groups_done;
	bool nested;
};

static void ktap_fini(struct sink *s)
{
	struct ktap_state *st = sink_state(s);

	groups_fini(&st->groups);
}

static void ktap_begin(struct sink *s, const struct run_info *info)
{
	struct ktap_state *st = sink_state(s);
	SCOPED(buf_fini) struct buf b = { 0 };

	b.bad = groups_init(&st->groups, info);
	st->nested = st->groups.nr > 1;
	buf_printf(&b, "KTAP version 1\n1..%zu\n", st->nested ? st->groups.nr : info->nr_cells);
	buf_puts(&b, "# ");
	story_put_run(&b, info);
	sink_write(s, &b);
}

/* ERROR and TIMEOUT are KTAP's directives for tests that could not be judged or took too long. */
static void put_directive(struct buf *b, const struct cell_result *r)
{
	if (r->verdict == VERDICT_SKIP)
		buf_puts(b, " # SKIP ");
	else if (r->verdict == VERDICT_INCONCLUSIVE)
		buf_puts(b, " # ERROR inconclusive: ");
	else if (r->verdict == VERDICT_FAIL && r->cause == CAUSE_TIMEOUT)
		buf_puts(b, " # TIMEOUT ");
	else
		return;
	story_put_name(b, story_headline(r));
}

static void put_result(struct buf *b, const char *indent, uint32_t nr, const struct cell_result *r,
		       bool all)
{
	bool ok = r->verdict == VERDICT_PASS || r->verdict == VERDICT_SKIP;
	char prefix[8];

	/* diagnostics belong to the result line that follows them */
	snprintf(prefix, sizeof(prefix), "%s# ", indent);
	story_put(b, r, &(struct story_style){ prefix, "", "", all });
	buf_printf(b, "%s%sok %u ", indent, ok ? "" : "not ", nr);
	story_put_name(b, r->cell->name);
	put_directive(b, r);
	buf_putc(b, '\n');
}

static void put_not_run(struct buf *b, const char *indent, uint32_t nr, const struct cell *c)
{
	buf_printf(b, "%sok %u ", indent, nr);
	story_put_name(b, c->name);
	buf_puts(b, " # SKIP not run: interrupted\n");
}

/* A whole subtest block. */
static void put_group(struct buf *b, struct ktap_state *st, struct group *g)
{
	bool bad = g->by_verdict[VERDICT_FAIL] || g->by_verdict[VERDICT_INCONCLUSIVE];
	bool none = g->by_verdict[VERDICT_SKIP] == g->nr;

	buf_puts(b, "  KTAP version 1\n  # Subtest: ");
	story_put_name(b, g->name);
	buf_printf(b, "\n  1..%u\n", g->nr);
	if (g->text.bad)
		b->bad = g->text.bad;
	buf_put(b, buf_str(&g->text), g->text.len);
	buf_printf(b, "%sok %u ", bad ? "not " : "", ++st->nr_groups_done);
	story_put_name(b, g->name);
	buf_puts(b, none ? " # SKIP nothing was run\n" : "\n");
	buf_fini(&g->text);
}

static void ktap_done(struct sink *s, const struct cell_result *r)
{
	struct ktap_state *st = sink_state(s);
	struct group *g = groups_add(&st->groups, r);
	SCOPED(buf_fini) struct buf b = { 0 };

	if (!g)
		return;
	put_result(st->nested ? &g->text : &b, st->nested ? "  " : "", g->nr_done, r, s->verbose);
	if (st->nested && g->nr_done == g->nr)
		put_group(&b, st, g);
	sink_write(s, &b);
}

/* What was never run is named, so that the plan holds. */
static void put_rest(struct buf *b, struct ktap_state *st)
{
	const char *indent = st->nested ? "  " : "";

	for (uint32_t i = 0; i < st->groups.nr_cells; i++) {
		const struct cell *c = st->groups.cells[i];
		struct group *g = st->groups.done[i] ? NULL : groups_of(&st->groups, c);

		if (!g)
			continue;
		g->by_verdict[VERDICT_SKIP]++;
		put_not_run(st->nested ? &g->text : b, indent, ++g->nr_done, c);
		if (st->nested && g->nr_done == g->nr)
			put_group(b, st, g);
	}
}

static void ktap_end(struct sink *s, const struct run_counts *n, uint64_t wall_ns, bool interrupted)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	put_rest(&b, sink_state(s));
	buf_puts(&b, "# ");
	story_put_counts(&b, n, wall_ns, interrupted);
	buf_putc(&b, '\n');
	sink_write(s, &b);
}

const struct sink_type sink_ktap = {
	.name = "ktap",
	.begin = ktap_begin,
	.done = ktap_done,
	.end = ktap_end,
	.state_size = sizeof(struct ktap_state),
	.fini = ktap_fini,
};
