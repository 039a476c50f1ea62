/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/limits.h"

#include <stddef.h>

#include "base/scoped.h"

static const struct check_row {
	const char *name;
	size_t offset;
	struct ktstr_limit builtin;
} check_rows[] = {
#define CHECK_ROW(field, st, val, unit, text) \
	{ #field, \
	  offsetof(struct ktstr_limits, field), \
	  { .value = (val), .state = KTSTR_LIMIT_##st } },
	KTSTR_CHECKS(CHECK_ROW)
#undef CHECK_ROW
};

static struct ktstr_limit *at(struct ktstr_limits *l, size_t i)
{
	return (struct ktstr_limit *)((char *)l + check_rows[i].offset);
}

static const struct ktstr_limit *at_const(const struct ktstr_limits *l, size_t i)
{
	return (const struct ktstr_limit *)((const char *)l + check_rows[i].offset);
}

struct ktstr_limits limits_builtin(void)
{
	struct ktstr_limits l = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(check_rows); i++)
		*at(&l, i) = check_rows[i].builtin;
	return l;
}

void limits_merge(struct ktstr_limits *base, const struct ktstr_limits *over)
{
	for (size_t i = 0; over && i < ARRAY_SIZE(check_rows); i++)
		if (at_const(over, i)->state != KTSTR_LIMIT_INHERIT)
			*at(base, i) = *at_const(over, i);
}

void limits_format(const struct ktstr_limits *l, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(check_rows); i++) {
		const struct ktstr_limit *limit = at_const(l, i);

		buf_printf(out, "%s%s=", i ? " " : "", check_rows[i].name);
		if (limit->state == KTSTR_LIMIT_SET)
			buf_printf(out, "%.17g", limit->value);
		else
			buf_puts(out, "off");
	}
}
