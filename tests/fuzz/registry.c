/* SPDX-License-Identifier: GPL-2.0-only */
/* What is accepted as a registry can be used without another look. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "image/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct registry *g)
{
	for (size_t i = 0; i < g->nr_tests; i++) {
		const struct ktstr_test_record *t = &g->tests[i];

		if (!*t->name || strnlen(t->name, sizeof(t->name)) == sizeof(t->name) ||
		    strnlen(t->expect, sizeof(t->expect)) == sizeof(t->expect) ||
		    (i && strcmp(g->tests[i - 1].name, t->name) >= 0) ||
		    (*t->scheduler && !registry_sched(g, t->scheduler)))
			abort();
	}
	for (size_t i = 0; i < g->nr_scheds; i++)
		if (registry_sched(g, g->scheds[i].name) != &g->scheds[i])
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct registry g = { 0 };
	struct err e = { 0 };
	int r = registry_read_mem(data, size, "input", &g, &e);

	if (r < 0 ? g.tests || strncmp(e.text, "input: ", 7) : !g.nr_tests)
		abort();
	check(&g);
	registry_fini(&g);
	return 0;
}
