/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/story.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "harness/result.h"

#define SECONDS(ns) ((double)(ns) / 1e9)

void story_put_text(struct buf *b, const char *s)
{
	if (s)
		buf_put_clean(b, s, strlen(s), false);
}

void story_put_name(struct buf *b, const char *s)
{
	SCOPED(buf_fini) struct buf clean = { 0 };

	story_put_text(&clean, s);
	for (const char *p = buf_str(&clean); *p; p++)
		buf_putc(b, *p == '#' ? '_' : *p);
}

const char *story_headline(const struct cell_result *r)
{
	return r->headline && *r->headline ? r->headline : cause_text(r->cause);
}

static void put_line(struct buf *b, const struct story_style *st, const char *lead, const char *s)
{
	buf_puts(b, st->prefix);
	buf_puts(b, lead);
	story_put_text(b, s);
	buf_putc(b, '\n');
}

/* At most @max lines of @s, each behind the prefix; returns where it stopped. */
static const char *put_lines(struct buf *b, const struct story_style *st, const char *s, size_t max)
{
	for (; *s && max; max--) {
		size_t n = strcspn(s, "\n");

		buf_puts(b, st->prefix);
		buf_puts(b, "  ");
		buf_put_clean(b, s, n, false);
		buf_putc(b, '\n');
		s += n + (s[n] != 0);
	}
	return s;
}

enum part { PART_TAIL, PART_HEAD };

static void put_section(struct buf *b, const struct story_style *st, const char *title,
			const char *s, enum part part, size_t max)
{
	if (!s || !*s)
		return;
	if (st->all)
		max = SIZE_MAX;
	const char *from = part == PART_TAIL ? text_tail(s, max) : s;
	buf_printf(b, "%s%s%s%s%s\n", st->prefix, st->heading, title, from > s ? " (its end)" : "",
		   st->plain);
	const char *stop = put_lines(b, st, from, max);
	if (*stop)
		put_line(b, st, "  ", "...");
}

static void put_sections(struct buf *b, const struct cell_result *r, const struct story_style *st)
{
	bool guest_is_fine = r->cause == CAUSE_CHECK || r->cause == CAUSE_UNJUDGED ||
			     r->cause == CAUSE_UNEXPECTED_PASS;

	put_section(b, st, "output of the test", r->output, PART_TAIL, 20);
	put_section(b, st, "scheduler log", r->sched_log, PART_TAIL, 12);
	put_section(b, st, "sched_ext dump", r->sched_dump, PART_HEAD, 20);
	if (st->all || !guest_is_fine)
		put_section(b, st, "kernel console", r->console_tail, PART_TAIL, 20);
}

static void put_detail(struct buf *b, const struct story_style *st, const struct detail *d)
{
	char lead[40] = "";

	if (d->note)
		strcpy(lead, "note: ");
	else if (d->verdict != VERDICT_FAIL)
		snprintf(lead, sizeof(lead), "%s: ", verdict_name(d->verdict));
	put_line(b, st, lead, d->text);
}

static void put_details(struct buf *b, const struct cell_result *r, const struct story_style *st)
{
	for (size_t i = 0; i < r->nr_details; i++) {
		const struct detail *d = &r->details[i];

		if (d->text && r->headline && !strcmp(d->text, r->headline))
			continue;
		if (st->all || d->note || d->verdict != VERDICT_PASS)
			put_detail(b, st, d);
	}
}

static void put_cgroup(struct buf *b, const struct story_style *st, const struct cgroup_stats *c)
{
	buf_puts(b, st->prefix);
	story_put_text(b, c->name);
	buf_printf(b, ": %u workers, cpu %.2f s, run delay %.2f s, longest gap %.1f ms", c->workers,
		   SECONDS(c->cpu_ns), SECONDS(c->run_delay_ns), (double)c->max_gap_ns / 1e6);
	if (c->wake.count)
		buf_printf(b, ", wake p99 %.3f ms", (double)c->wake.p99_ns / 1e6);
	if (*c->cpus_used) {
		buf_puts(b, ", ran on cpu ");
		story_put_text(b, c->cpus_used);
	}
	buf_putc(b, '\n');
}

static void put_value(struct buf *b, const struct story_style *st, const struct test_value *v)
{
	buf_puts(b, st->prefix);
	story_put_text(b, v->name);
	buf_printf(b, " = %g ", v->value);
	story_put_text(b, v->unit);
	buf_putc(b, '\n');
}

/* It says what ran, passed or not: the same digest, the same run. */
static void put_schedule(struct buf *b, const struct schedule_digest *d,
			 const struct story_style *st)
{
	if (d->have)
		buf_printf(b, "%sschedule %016" PRIx64 ", %" PRIu64 " events\n", st->prefix,
			   d->digest, d->events);
	else if (*d->why_not)
		put_line(b, st, "no schedule digest: ", d->why_not);
}

void story_put(struct buf *b, const struct cell_result *r, const struct story_style *st)
{
	bool bad = r->verdict == VERDICT_FAIL || r->verdict == VERDICT_INCONCLUSIVE;

	if (bad)
		put_line(b, st, "", story_headline(r));
	put_details(b, r, st);
	for (size_t i = 0; i < r->nr_cgroups && (st->all || r->cause == CAUSE_CHECK); i++)
		put_cgroup(b, st, &r->cgroups[i]);
	for (size_t i = 0; i < r->nr_values && st->all; i++)
		put_value(b, st, &r->values[i]);
	put_schedule(b, &r->schedule, st);
	if (bad && r->rerun && *r->rerun)
		put_line(b, st, "again: ", r->rerun);
	if (bad && *r->run)
		put_line(b, st, "replay: ktstr replay ", r->run);
	if (bad || st->all)
		put_sections(b, r, st);
}

void story_put_facts(struct buf *b, const struct cell_result *r)
{
	const struct cell *c = r->cell;

	buf_printf(b, "%s, ", c->topo_text);
	story_put_text(b, c->scheduler);
	buf_puts(b, ", ");
	story_put_text(b, c->kernel);
	if (*r->backend) {
		buf_puts(b, ", ");
		story_put_text(b, r->backend);
		buf_puts(b, *r->accel ? "/" : "");
		story_put_text(b, r->accel);
	}
	if (r->virtual_time) {
		buf_printf(b, ", virtual time at %u MIPS", r->rate_mips);
		if (r->turn_us)
			buf_printf(b, " in turns of %u us", r->turn_us);
	}
	if (!strcmp(r->snapshot, SNAPSHOT_USED))
		buf_puts(b, ", resumed from a snapshot");
	else if (r->times.boot)
		buf_printf(b, ", boot %.1f s", SECONDS(r->times.boot));
	if (r->times.body)
		buf_printf(b, ", body %.1f s", SECONDS(r->times.body));
}

void story_put_run(struct buf *b, const struct run_info *info)
{
	buf_puts(b, "ktstr ");
	story_put_text(b, info->version);
	buf_puts(b, " | ");
	story_put_text(b, info->kernels);
	buf_puts(b, " | ");
	story_put_text(b, info->backend);
	buf_printf(b, " | seed %llx\n", (unsigned long long)info->seed);
}

void story_put_counts(struct buf *b, const struct run_counts *n, uint64_t wall_ns, bool interrupted)
{
	buf_printf(b, "%u passed, %u failed, %u inconclusive, %u skipped",
		   n->by_verdict[VERDICT_PASS], n->by_verdict[VERDICT_FAIL],
		   n->by_verdict[VERDICT_INCONCLUSIVE], n->by_verdict[VERDICT_SKIP]);
	if (n->not_run)
		buf_printf(b, ", %u not run", n->not_run);
	buf_printf(b, " in %.1f s%s", SECONDS(wall_ns), interrupted ? " (interrupted)" : "");
}
