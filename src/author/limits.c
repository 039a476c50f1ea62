/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Limits as the job carries them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "author/checks.h"
#include "base/err.h"

static const struct ktstr_limits defaults = {
#define LIMIT_DEFAULT(field, mode, number, unit, text) \
	.field = { .value = number, .state = KTSTR_LIMIT_##mode },
	KTSTR_CHECKS(LIMIT_DEFAULT)
#undef LIMIT_DEFAULT
};

static struct ktstr_limit *limit_find(struct ktstr_limits *l, const char *name)
{
#define LIMIT_FIND(field, mode, number, unit, text) \
	if (!strcmp(name, #field)) \
		return &l->field;
	KTSTR_CHECKS(LIMIT_FIND)
#undef LIMIT_FIND
	return NULL;
}

static int limit_parse(struct ktstr_limit *l, const char *value)
{
	char *end;

	if (!strcmp(value, "off")) {
		*l = (struct ktstr_limit){ .state = KTSTR_LIMIT_OFF };
		return 0;
	}
	*l = (struct ktstr_limit){ .value = strtod(value, &end), .state = KTSTR_LIMIT_SET };
	return end == value || *end || !__builtin_isfinite(l->value) || l->value < 0 ? -EINVAL : 0;
}

int limits_parse(const char *text, struct ktstr_limits *ret, struct err *e)
{
	SCOPED(mem_free) char *copy = strdup(text ? text : "");
	struct ktstr_limits l = defaults;
	char *rest;

	if (!copy)
		return err_sys(e, -ENOMEM, "limits");
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(word, '=');

		if (!value)
			return err_set(e, -EINVAL, "limit %s: no value", word);
		*value++ = 0;
		struct ktstr_limit *at = limit_find(&l, word);
		if (!at)
			return err_set(e, -EINVAL, "limit %s: there is no such check", word);
		if (limit_parse(at, value) < 0)
			return err_set(e, -EINVAL, "limit %s: \"%s\" is not a number", word, value);
	}
	*ret = l;
	return 0;
}
