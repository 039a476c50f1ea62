/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "author/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *outcome_name(enum outcome o)
{
	static const char *const name[] = {
		[OUTCOME_NOTE] = "note", [OUTCOME_SKIP] = "skip",
		[OUTCOME_PASS] = "pass", [OUTCOME_INCONCLUSIVE] = "inconclusive",
		[OUTCOME_FAIL] = "fail",
	};

	return name[o];
}

const char *result_kind_name(enum result_kind k)
{
	static const char *const name[] = {
#define KIND_NAME(id, text) [RESULT_##id] = text,
		RESULT_KINDS(KIND_NAME)
#undef KIND_NAME
	};

	return name[k];
}

void findings_fini(struct findings *f)
{
	free(f->at);
	*f = (struct findings){ 0 };
}

void findings_add(struct findings *f, struct finding about, const char *text, ...)
{
	va_list ap;

	if (f->nr >= FINDINGS_MAX) {
		f->unsaid++;
		f->unsaid_worst = MAX(f->unsaid_worst, about.outcome);
		return;
	}
	struct finding *more = reallocarray(f->at, f->nr + 1, sizeof(*more));
	if (!more) {
		f->lost = true;
		return;
	}
	f->at = more;
	va_start(ap, text);
	vsnprintf(about.text, sizeof(about.text), text, ap);
	va_end(ap);
	f->at[f->nr++] = about;
}

static bool goes_before(const struct finding *a, const struct finding *b)
{
	return a->outcome != b->outcome ? a->outcome > b->outcome : a->rank < b->rank;
}

/* Insertion: stable, and there are few. */
static void sort(struct findings *f)
{
	for (size_t i = 1; i < f->nr; i++) {
		struct finding moved = f->at[i];
		size_t to = i;

		for (; to && goes_before(&moved, &f->at[to - 1]); to--)
			f->at[to] = f->at[to - 1];
		f->at[to] = moved;
	}
}

void findings_close(struct findings *f)
{
	if (f->unsaid)
		snprintf(f->at[f->nr - 1].text, sizeof(f->at[0].text),
			 "this and %zu more findings were too many to keep", f->unsaid);
	sort(f);
}

enum outcome findings_verdict(const struct findings *f)
{
	enum outcome worst = f->unsaid_worst;

	for (size_t i = 0; i < f->nr; i++)
		if (f->at[i].outcome > worst)
			worst = f->at[i].outcome;
	if (f->lost && worst < OUTCOME_INCONCLUSIVE)
		return OUTCOME_INCONCLUSIVE;
	return worst == OUTCOME_NOTE ? OUTCOME_PASS : worst;
}
