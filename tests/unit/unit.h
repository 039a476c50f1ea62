/* SPDX-License-Identifier: GPL-2.0-only */
/* cmocka with the headers it wants before itself. */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"

/*
 * TEST(a_sentence_about_behaviour) { ... } is a test, and no list has to name it; UNIT_MAIN() runs
 * them in the order of their names, because that of a section is the compiler's affair. The body has
 * @state, of the set-up.
 */
#define TEST_WITH(name, set_up, tear_down) \
	static void name(void **state); \
	static const struct CMUnitTest name##_test = { #name, name, set_up, tear_down, NULL }; \
	static const struct CMUnitTest *const name##_ref \
		__attribute__((used, section("unit_tests"))) = &name##_test; \
	static void name(void **state)
#define TEST(name) TEST_WITH(name, NULL, NULL)

extern const struct CMUnitTest *const __start_unit_tests[], *const __stop_unit_tests[];

static inline int test_order(const void *a, const void *b)
{
	return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

/* What to return from main(). */
static inline int unit_run(CMFixtureFunction set_up, CMFixtureFunction tear_down)
{
	struct CMUnitTest tests[100];
	size_t nr = (size_t)(__stop_unit_tests - __start_unit_tests);

	if (nr > ARRAY_SIZE(tests))
		abort();
	for (size_t i = 0; i < nr; i++)
		tests[i] = *__start_unit_tests[i];
	qsort(tests, nr, sizeof(*tests), test_order);
	return _cmocka_run_group_tests("tests", tests, nr, set_up, tear_down);
}
#define UNIT_MAIN(set_up, tear_down) \
	int main(void) \
	{ \
		return unit_run(set_up, tear_down); \
	}

#endif
