/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/result.h"

#include <errno.h>
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

void cell_result_fini(struct cell_result *r)
{
	for (size_t i = 0; i < r->nr_details; i++)
		free(r->details[i].text);
	free(r->details);
	free(r->cgroups);
	free(r->values);
	free(r->counters);
	free(r->host.cpus);
	free(r->headline);
	free(r->rerun);
	free(r->sched_events);
	free(r->output);
	free(r->sched_log);
	free(r->sched_dump);
	free(r->console_tail);
	*r = (struct cell_result){ 0 };
}

/* Not having it would not be worth a sentence. */
void cell_result_note(struct cell_result *r, const char *kind, const char *text)
{
	struct detail d = { .verdict = VERDICT_PASS, .note = true };
	struct detail *more = reallocarray(r->details, r->nr_details + 1, sizeof(*more));

	if (!more)
		return;
	r->details = more;
	snprintf(d.kind, sizeof(d.kind), "%s", kind);
	d.text = strdup(text);
	if (d.text)
		more[r->nr_details++] = d;
}
