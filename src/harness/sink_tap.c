/* SPDX-License-Identifier: GPL-2.0-only */
/* TAP 14 (testanything.org): flat, a YAML block for whatever did not pass. */
#include "base/buf.h"
#include "base/scoped.h"
#include "harness/result.h"
#include "harness/sink.h"
#include "harness/story.h"

struct tap_state {
	uint32_t nr;
};

static void tap_begin(struct sink *s, const struct run_info *info)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	buf_printf(&b, "TAP version 14\n1..%u\n# ", info->nr_cells);
	story_put_run(&b, info);
	sink_write(s, &b);
}

static void put_yaml_str(struct buf *b, const char *key, const char *s)
{
	SCOPED(buf_fini) struct buf clean = { 0 };

	story_put_text(&clean, s);
	buf_printf(b, "  %s: ", key);
	buf_json_str(b, buf_str(&clean)); /* a JSON string is a YAML string */
	buf_putc(b, '\n');
}

static void put_yaml(struct buf *b, const struct cell_result *r)
{
	buf_puts(b, "  ---\n");
	put_yaml_str(b, "message", story_headline(r));
	put_yaml_str(b, "verdict", verdict_name(r->verdict));
	put_yaml_str(b, "cause", cause_name(r->cause));
	put_yaml_str(b, "again", r->rerun);
	if (*r->run)
		buf_printf(b, "  replay: \"ktstr replay %s\"\n", r->run);
	buf_printf(b, "  duration_ms: %.3f\n  ...\n", (double)r->times.total / 1e6);
}

static void tap_done(struct sink *s, const struct cell_result *r)
{
	struct tap_state *st = sink_state(s);
	SCOPED(buf_fini) struct buf b = { 0 };
	bool bad = r->verdict == VERDICT_FAIL || r->verdict == VERDICT_INCONCLUSIVE;

	buf_printf(&b, "%sok %u - ", bad ? "not " : "", ++st->nr);
	story_put_name(&b, r->cell->name);
	if (r->verdict == VERDICT_SKIP || r->verdict == VERDICT_INCONCLUSIVE) {
		buf_puts(&b, r->verdict == VERDICT_SKIP ? " # SKIP " : " # INCONCLUSIVE ");
		story_put_name(&b, story_headline(r));
	}
	buf_putc(&b, '\n');
	if (bad)
		put_yaml(&b, r);
	story_put(&b, r, &(struct story_style){ "# ", "", "", s->verbose });
	sink_write(s, &b);
}

static void tap_end(struct sink *s, const struct run_counts *n, uint64_t wall_ns, bool interrupted)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	buf_puts(&b, "# ");
	story_put_counts(&b, n, wall_ns, interrupted);
	buf_putc(&b, '\n');
	if (interrupted)
		buf_printf(&b, "Bail out! interrupted, %u not run\n", n->not_run);
	sink_write(s, &b);
}

const struct sink_type sink_tap = {
	.name = "tap",
	.begin = tap_begin,
	.done = tap_done,
	.end = tap_end,
	.state_size = sizeof(struct tap_state),
};
