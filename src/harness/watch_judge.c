/* SPDX-License-Identifier: GPL-2.0-only */
/* After the end: what the watch knows goes into the result, then verdict and headline. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "harness/guest_json.h"
#include "harness/watch_parts.h"

static char *take_text(struct buf *b)
{
	return b->len ? strndup(b->at, b->len) : NULL;
}

static void fill_times(const struct watch *w, struct cell_times *t)
{
	uint64_t body_end = w->body_end_at ? w->body_end_at : w->exit_at;

	t->boot = w->hello_at ? age(w, w->hello_at) : 0;
	t->attach = w->sched_at ? since(w->sched_at, w->attached_at) : 0;
	t->body = w->body_at ? since(w->body_at, body_end) : 0;
	t->load = w->load_at ? since(w->load_at, w->load_end_at) : 0;
	t->stop = body_end ? since(body_end, w->over_at) : 0;
}

/* A test must have delivered a result, unless something else already explains why not. */
static void expect_result(struct watch *w)
{
	if (!w->limits.test_mode || w->result.len)
		return;
	if (w->have_exit && w->exit.kind == EXIT_KIND_SIGNAL)
		watch_blame(w, CAUSE_BODY_CRASHED,
			    "the test's own code crashed: signal %" PRId32 " (%s)", w->exit.value,
			    strsignal(w->exit.value));
	else if (w->have_exit)
		watch_blame(w, CAUSE_BODY_CRASHED,
			    "the test ended with status %" PRId32 " without giving a result",
			    w->exit.value);
}

/* Of equal ones a check of ours explains more than a condition the test's body wrote down. */
static int detail_rank(const struct detail *d)
{
	return 2 * (int)d->verdict + (strcmp(d->kind, "expect") != 0);
}

static const struct detail *worst_detail(const struct cell_result *r)
{
	const struct detail *worst = NULL;

	for (size_t i = 0; i < r->nr_details; i++)
		if (!r->details[i].note &&
		    (!worst || detail_rank(&r->details[i]) > detail_rank(worst)))
			worst = &r->details[i];
	return worst;
}

int watch_judge(struct watch *w, struct cell_result *ret)
{
	static const enum cause by_verdict[NR_VERDICTS] = {
		[VERDICT_FAIL] = CAUSE_CHECK,
		[VERDICT_INCONCLUSIVE] = CAUSE_UNJUDGED,
		[VERDICT_SKIP] = CAUSE_SKIPPED,
		[VERDICT_PASS] = CAUSE_NONE,
	};
	const struct detail *worst = worst_detail(ret);
	/* Without details: what the guest said. */
	enum verdict v = worst ? worst->verdict : ret->verdict;

	ret->verdict = v;
	ret->cause = by_verdict[v];
	const char *text = worst && v != VERDICT_PASS ? worst->text : "";
	if (w->cause != CAUSE_NONE) {
		ret->verdict = cause_verdict(w->cause);
		ret->cause = w->cause;
		text = w->text;
	}
	free(ret->headline);
	ret->headline = strdup(text);
	return ret->headline ? 0 : -ENOMEM;
}

void watch_collect(struct watch *w, struct cell_result *ret)
{
	struct err e = { 0 };

	ret->verdict = VERDICT_PASS;
	expect_result(w);
	if (w->result.len && guest_result_parse(w->result.at, w->result.len, ret, &e) < 0)
		watch_blame(w, CAUSE_GUEST_SETUP, "the test's result cannot be read: %s", e.text);
	fill_times(w, &ret->times);
	schedule_collect(&w->schedule, w->limits.virtual_time, ret);
	snprintf(ret->release, sizeof(ret->release), "%s", w->hello.release);
	ret->output = take_text(&w->output);
	ret->sched_log = take_text(&w->sched_log);
	ret->sched_dump = take_text(&w->sched_dump);
	if (w->console.len > CONSOLE_KEEP)
		buf_drop_front(&w->console, w->console.len - CONSOLE_KEEP);
	ret->console_tail = take_text(&w->console);
}
