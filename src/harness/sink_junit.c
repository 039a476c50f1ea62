/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JUnit XML as Jenkins and its kin read it: one testsuite per test binary. Counts come before what
 * they count, so everything is written at the end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "base/text.h"
#include "harness/group.h"
#include "harness/result.h"
#include "harness/sink.h"
#include "harness/story.h"

struct junit_state {
	struct groups groups;
	struct buf properties; /* the same for every suite */
	char timestamp[32];
};

static void junit_fini(struct sink *s)
{
	struct junit_state *st = sink_state(s);

	groups_fini(&st->groups);
	buf_fini(&st->properties);
}

static void put_xml(struct buf *b, const char *s, bool lines)
{
	SCOPED(buf_fini) struct buf clean = { 0 };

	buf_put_clean(&clean, s ? s : "", s ? strlen(s) : 0, lines);
	for (const char *p = buf_str(&clean); *p; p++) {
		if (strchr("<>&\"", *p))
			buf_printf(b, "&#%d;", *p);
		else
			buf_putc(b, *p);
	}
}

static void put_attr(struct buf *b, const char *name, const char *s)
{
	buf_printf(b, " %s=\"", name);
	put_xml(b, s, false);
	buf_putc(b, '"');
}

static void put_property(struct buf *b, const char *name, const char *value)
{
	buf_puts(b, "      <property");
	put_attr(b, "name", name);
	put_attr(b, "value", value);
	buf_puts(b, "/>\n");
}

static void put_seconds(struct buf *b, uint64_t ns)
{
	buf_printf(b, " time=\"%.3f\"", (double)ns / 1e9);
}

static void junit_begin(struct sink *s, const struct run_info *info)
{
	struct junit_state *st = sink_state(s);
	time_t at = (time_t)info->started_at;
	char seed[24];
	struct tm tm;

	st->properties.bad = groups_init(&st->groups, info);
	snprintf(seed, sizeof(seed), "%llx", (unsigned long long)info->seed);
	put_property(&st->properties, "ktstr.version", info->version);
	put_property(&st->properties, "ktstr.command", info->command_line);
	put_property(&st->properties, "ktstr.kernels", info->kernels);
	put_property(&st->properties, "ktstr.backend", info->backend);
	put_property(&st->properties, "ktstr.backend_why", info->backend_why);
	put_property(&st->properties, "ktstr.seed", seed);
	if (!gmtime_r(&at, &tm) ||
	    !strftime(st->timestamp, sizeof(st->timestamp), "%Y-%m-%dT%H:%M:%S", &tm))
		strcpy(st->timestamp, "1970-01-01T00:00:00");
}

/* Dashboards split class names at dots into package and class. */
static void put_classname(struct buf *b, const char *file)
{
	const char *slash = strrchr(file, '/');

	put_attr(b, "classname", slash && slash[1] ? slash + 1 : file);
}

static void put_case(struct buf *b, const struct group *g, const struct cell *c, uint64_t ns)
{
	buf_puts(b, "    <testcase");
	put_attr(b, "name", c->name);
	put_classname(b, g->name);
	put_seconds(b, ns);
	buf_puts(b, ">\n");
}

/* In the form of other test runners' properties of a case. */
static void put_schedule(struct buf *b, const struct schedule_digest *d)
{
	char digest[17], events[24];

	if (!d->have)
		return;
	snprintf(digest, sizeof(digest), "%016" PRIx64, d->digest);
	snprintf(events, sizeof(events), "%" PRIu64, d->events);
	buf_puts(b, "      <properties>\n");
	put_property(b, "ktstr.schedule_digest", digest);
	put_property(b, "ktstr.schedule_events", events);
	buf_puts(b, "      </properties>\n");
}

static void put_outcome(struct buf *b, const struct cell_result *r, bool all)
{
	static const char *const element[NR_VERDICTS] = {
		[VERDICT_SKIP] = "skipped",
		[VERDICT_INCONCLUSIVE] = "error",
		[VERDICT_FAIL] = "failure",
	};
	SCOPED(buf_fini) struct buf story = { 0 };

	if (!element[r->verdict])
		return;
	buf_printf(b, "      <%s", element[r->verdict]);
	put_attr(b, "type",
		 r->verdict == VERDICT_INCONCLUSIVE ? "inconclusive" : cause_name(r->cause));
	put_attr(b, "message", story_headline(r));
	buf_putc(b, '>');
	if (r->verdict == VERDICT_INCONCLUSIVE)
		buf_printf(&story, "cause: %s\n", cause_name(r->cause));
	story_put(&story, r, &(struct story_style){ "", "", "", all });
	put_xml(b, buf_str(&story), true);
	buf_printf(b, "</%s>\n", element[r->verdict]);
}

/* Order of the elements as in the schemas: properties, outcome, output. */
static void junit_done(struct sink *s, const struct cell_result *r)
{
	struct junit_state *st = sink_state(s);
	struct group *g = groups_add(&st->groups, r);
	SCOPED(buf_fini) struct buf facts = { 0 };

	if (!g)
		return;
	put_case(&g->text, g, r->cell, r->times.total);
	put_schedule(&g->text, &r->schedule);
	put_outcome(&g->text, r, s->verbose);
	story_put_facts(&facts, r);
	buf_puts(&g->text, "      <system-out>");
	put_xml(&g->text, buf_str(&facts), false);
	buf_putc(&g->text, '\n');
	put_xml(&g->text, r->output, true);
	buf_puts(&g->text, "</system-out>\n    </testcase>\n");
}

static void add_not_run(struct groups *all)
{
	for (uint32_t i = 0; i < all->nr_cells; i++) {
		const struct cell *c = all->cells[i];
		struct group *g = all->done[i] ? NULL : groups_of(all, c);

		if (!g)
			continue;
		g->by_verdict[VERDICT_SKIP]++;
		put_case(&g->text, g, c, 0);
		buf_puts(&g->text, "      <skipped type=\"not-run\" "
				   "message=\"not run: interrupted\"/>\n    </testcase>\n");
	}
}

static void put_suite(struct buf *b, const struct junit_state *st, const struct group *g)
{
	buf_puts(b, "  <testsuite");
	put_attr(b, "name", g->name);
	buf_printf(b, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\"", g->nr,
		   g->by_verdict[VERDICT_FAIL], g->by_verdict[VERDICT_INCONCLUSIVE],
		   g->by_verdict[VERDICT_SKIP]);
	put_seconds(b, g->total_ns);
	buf_printf(b, " timestamp=\"%s\">\n    <properties>\n", st->timestamp);
	buf_put(b, buf_str(&st->properties), st->properties.len);
	buf_puts(b, "    </properties>\n");
	buf_put(b, buf_str(&g->text), g->text.len);
	buf_puts(b, "  </testsuite>\n");
	if (g->text.bad)
		b->bad = g->text.bad;
}

static void junit_end(struct sink *s, const struct run_counts *n, uint64_t wall_ns,
		      bool interrupted)
{
	struct junit_state *st = sink_state(s);
	SCOPED(buf_fini) struct buf b = { .bad = st->properties.bad };

	add_not_run(&st->groups);
	buf_puts(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ktstr\"");
	buf_printf(&b, " tests=\"%u\" failures=\"%u\" errors=\"%u\"", st->groups.nr_cells,
		   n->by_verdict[VERDICT_FAIL], n->by_verdict[VERDICT_INCONCLUSIVE]);
	put_seconds(&b, wall_ns);
	buf_puts(&b, ">\n");
	for (size_t i = 0; i < st->groups.nr; i++)
		put_suite(&b, st, &st->groups.at[i]);
	buf_puts(&b, "</testsuites>\n");
	sink_write(s, &b);
}

const struct sink_type sink_junit = {
	.name = "junit",
	.begin = junit_begin,
	.done = junit_done,
	.end = junit_end,
	.state_size = sizeof(struct junit_state),
	.fini = junit_fini,
};
