/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/result.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const verdict_names[NR_VERDICTS] = {
	[VERDICT_SKIP] = "skip",
	[VERDICT_PASS] = "pass",
	[VERDICT_INCONCLUSIVE] = "inconclusive",
	[VERDICT_FAIL] = "fail",
};

static const struct {
	const char *name;
	enum verdict verdict;
	const char *text;
} causes[NR_CAUSES] = {
#define CAUSE_ROW(id, name, verdict, text) [CAUSE_##id] = { name, VERDICT_##verdict, text },
	CAUSES(CAUSE_ROW)
#undef CAUSE_ROW
};

const char *verdict_name(enum verdict v)
{
	return (unsigned int)v < NR_VERDICTS ? verdict_names[v] : "?";
}

int verdict_parse(const char *s, enum verdict *ret)
{
	for (unsigned int v = 0; v < NR_VERDICTS; v++)
		if (!strcmp(verdict_names[v], s)) {
			*ret = (enum verdict)v;
			return 0;
		}
	return -EINVAL;
}

const char *cause_name(enum cause c)
{
	return (unsigned int)c < NR_CAUSES ? causes[c].name : "?";
}

const char *cause_text(enum cause c)
{
	return (unsigned int)c < NR_CAUSES ? causes[c].text : "?";
}

enum verdict cause_verdict(enum cause c)
{
	return (unsigned int)c < NR_CAUSES ? causes[c].verdict : VERDICT_INCONCLUSIVE;
}

int cause_parse(const char *s, enum cause *ret)
{
	for (unsigned int c = 0; c < NR_CAUSES; c++)
		if (!strcmp(causes[c].name, s)) {
			*ret = (enum cause)c;
			return 0;
		}
	return -EINVAL;
}

enum verdict details_fold(const struct detail *d, size_t nr)
{
	enum verdict worst = VERDICT_SKIP;
	bool any = false;

	for (size_t i = 0; i < nr; i++) {
		if (d[i].note)
			continue;
		worst = MAX(worst, d[i].verdict);
		any = true;
	}
	return any ? worst : VERDICT_INCONCLUSIVE;
}

const struct detail *details_headline(const struct detail *d, size_t nr)
{
	const struct detail *best = NULL;

	for (size_t i = 0; i < nr; i++)
		if (!d[i].note && d[i].verdict != VERDICT_PASS &&
		    (!best || d[i].verdict > best->verdict))
			best = &d[i];
	return best;
}

int cell_result_add_detail(struct cell_result *r, const struct detail *like, const char *fmt, ...)
{
	struct detail *at = reallocarray(r->details, r->nr_details + 1, sizeof(*at));
	struct detail *d;
	va_list ap;

	if (!at)
		return -ENOMEM;
	r->details = at;
	d = &at[r->nr_details];
	*d = *like;
	va_start(ap, fmt);
	if (vasprintf(&d->text, fmt, ap) < 0)
		d->text = NULL;
	va_end(ap);
	if (!d->text)
		return -ENOMEM;
	r->nr_details++;
	return 0;
}

void cell_result_fini(struct cell_result *r)
{
	for (size_t i = 0; i < r->nr_details; i++)
		free(r->details[i].text);
	free(r->details);
	free(r->cgroups);
	free(r->values);
	free(r->headline);
	free(r->rerun);
	free(r->output);
	free(r->sched_log);
	free(r->sched_dump);
	free(r->console_tail);
	*r = (struct cell_result){ 0 };
}

void run_counts_add(struct run_counts *n, const struct cell_result *r)
{
	n->by_verdict[r->verdict]++;
}
