/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A thousand tests, to be listed. */
#include <ktstr/ktstr.h>

#define ONE(id) \
	KTSTR_TEST(test_##id, .summary = "one of a thousand") \
	{ \
		ktstr_note(t, #id); \
	}
#define TEN(id) \
	ONE(id##0) \
	ONE(id##1) \
	ONE(id##2) ONE(id##3) ONE(id##4) ONE(id##5) ONE(id##6) ONE(id##7) ONE(id##8) ONE(id##9)
#define HUNDRED(id) \
	TEN(id##0) \
	TEN(id##1) \
	TEN(id##2) TEN(id##3) TEN(id##4) TEN(id##5) TEN(id##6) TEN(id##7) TEN(id##8) TEN(id##9)

HUNDRED(0)
HUNDRED(1) HUNDRED(2) HUNDRED(3) HUNDRED(4) HUNDRED(5) HUNDRED(6) HUNDRED(7) HUNDRED(8) HUNDRED(9)
