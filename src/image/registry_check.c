/* SPDX-License-Identifier: GPL-2.0-only */
/* One table per kind of record; a new field of a record is a row here. */
#include "image/registry_check.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "machine/topology.h"

#define DAY_MS 86400000u
#define MEMORY_MAX_MIB (16u << 20)
#define VALUE_MAX 1e15

struct text_field {
	const char *name;
	size_t at, cap;
};

struct number_field {
	const char *name;
	size_t at;
	uint32_t max;
};

/* Two numbers of which the first must not exceed the second when both are said. */
struct range_field {
	const char *name;
	size_t low, high;
};

struct record_kind {
	const char *what;
	size_t size;
	bool dashes; /* names may have capitals and dashes too */
	const struct text_field *texts;
	const struct number_field *numbers;
	const struct range_field *ranges;
	size_t topology, limits, flags, reserved, reserved_len;
	uint32_t known_flags;
};

#define TEXT(type, field) { #field, offsetof(type, field), sizeof(((type *)0)->field) }
#define NUMBER(type, field, max) { #field, offsetof(type, field), max }
#define RANGE(type, what) { "min_" #what, offsetof(type, min_##what), offsetof(type, max_##what) }

static const struct text_field test_texts[] = {
	TEXT(struct ktstr_test_record, summary),    TEXT(struct ktstr_test_record, scheduler),
	TEXT(struct ktstr_test_record, sched_args), TEXT(struct ktstr_test_record, topology),
	TEXT(struct ktstr_test_record, expect),	    { 0 },
};

static const struct number_field test_numbers[] = {
	NUMBER(struct ktstr_test_record, memory_mib, MEMORY_MAX_MIB),
	NUMBER(struct ktstr_test_record, duration_ms, DAY_MS),
	NUMBER(struct ktstr_test_record, timeout_ms, DAY_MS),
	NUMBER(struct ktstr_test_record, min_cpus, TOPO_MAX_CPUS),
	NUMBER(struct ktstr_test_record, min_llcs, TOPO_MAX_CPUS),
	NUMBER(struct ktstr_test_record, min_nodes, TOPO_MAX_NODES),
	{ 0 },
};

static const struct range_field test_ranges[] = {
	RANGE(struct ktstr_test_record, cpus),
	RANGE(struct ktstr_test_record, llcs),
	RANGE(struct ktstr_test_record, nodes),
	{ 0 },
};

static const struct record_kind test_kind = {
	.what = "test",
	.size = sizeof(struct ktstr_test_record),
	.texts = test_texts,
	.numbers = test_numbers,
	.ranges = test_ranges,
	.topology = offsetof(struct ktstr_test_record, topology),
	.limits = offsetof(struct ktstr_test_record, limits),
	.flags = offsetof(struct ktstr_test_record, flags),
	.reserved = offsetof(struct ktstr_test_record, reserved),
	.reserved_len = sizeof(((struct ktstr_test_record *)0)->reserved),
	.known_flags = KTSTR_TEST_EXPECT_FAIL | KTSTR_TEST_ALLOW_INCONCLUSIVE | KTSTR_TEST_IGNORE |
		       KTSTR_TEST_NEEDS_SMT | KTSTR_TEST_NEEDS_SCHED_EXT | KTSTR_TEST_PERFORMANCE,
};

static const struct text_field sched_texts[] = {
	TEXT(struct ktstr_sched_record, summary),
	TEXT(struct ktstr_sched_record, binary),
	TEXT(struct ktstr_sched_record, args),
	TEXT(struct ktstr_sched_record, sysctls),
	TEXT(struct ktstr_sched_record, kargs),
	TEXT(struct ktstr_sched_record, topology),
	{ 0 },
};

static const struct number_field sched_numbers[] = {
	NUMBER(struct ktstr_sched_record, attach_timeout_ms, DAY_MS),
	{ 0 },
};

static const struct record_kind sched_kind = {
	.what = "scheduler",
	.size = sizeof(struct ktstr_sched_record),
	.dashes = true,
	.texts = sched_texts,
	.numbers = sched_numbers,
	.ranges = (const struct range_field[]){ { 0 } },
	.topology = offsetof(struct ktstr_sched_record, topology),
	.limits = offsetof(struct ktstr_sched_record, limits),
	.flags = offsetof(struct ktstr_sched_record, flags),
	.reserved = offsetof(struct ktstr_sched_record, reserved),
	.reserved_len = sizeof(((struct ktstr_sched_record *)0)->reserved),
};

/* A record under examination, and where its complaints go. */
struct subject {
	const struct record_kind *kind;
	const char *file;
	const char *at;
	struct err *e;
};

static const char *name_of(const struct subject *s)
{
	return s->at + offsetof(struct ktstr_test_record, name);
}

static uint32_t number_at(const struct subject *s, size_t at)
{
	uint32_t v;

	memcpy(&v, s->at + at, sizeof(v));
	return v;
}

static int __attribute__((format(printf, 3, 4))) refuse(const struct subject *s, const char *field,
							const char *fmt, ...)
{
	char why[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_set(s->e, -EINVAL, "%s: %s %s: field %s: %s", s->file, s->kind->what, name_of(s),
		       field, why);
}

static bool is_letter(char c, bool capitals)
{
	return (c >= 'a' && c <= 'z') || (capitals && c >= 'A' && c <= 'Z');
}

/* Names go into file names, filters and reports of other tools as they are. */
static int check_name(const struct subject *s, size_t nr)
{
	const char *name = name_of(s);
	bool any = s->kind->dashes;
	size_t n = 0;

	while (n < KTSTR_NAME_MAX &&
	       (is_letter(name[n], any) || (name[n] >= '0' && name[n] <= '9') || name[n] == '_' ||
		(any && name[n] == '-')))
		n++;
	if (n < KTSTR_NAME_MAX && n && !name[n] && (any || is_letter(name[0], false)))
		return 0;
	return err_set(s->e, -EINVAL, "%s: %s %zu: field name: %s", s->file, s->kind->what, nr,
		       any ? "must be letters, digits, \"_\" and \"-\", at most 63"
			   : "must be a-z, 0-9 and \"_\", start with a letter, at most 63");
}

static int check_text(const struct subject *s, const struct text_field *f)
{
	const char *text = s->at + f->at;
	size_t len = strnlen(text, f->cap);

	if (len == f->cap)
		return refuse(s, f->name, "longer than %zu bytes", f->cap - 1);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return refuse(s, f->name, "has a control character at offset %zu", i);
	return 0;
}

static int check_topology(const struct subject *s)
{
	const char *text = s->at + s->kind->topology;
	struct topology t;
	struct err why = { 0 };

	if (*text && topo_parse(text, &t, &why) < 0)
		return refuse(s, "topology", "%s", why.text);
	return 0;
}

/* One row per check there is: the unit bounds what makes sense. */
static const struct limit_field {
	const char *name;
	const char *unit;
} limit_fields[] = {
#define LIMIT_ROW(field, state, value, unit, text) { "limits." #field, unit },
	KTSTR_CHECKS(LIMIT_ROW)
#undef LIMIT_ROW
};

static int check_limit(const struct subject *s, const struct limit_field *f,
		       const struct ktstr_limit *l)
{
	double max = strcmp(f->unit, "%") ? VALUE_MAX : 100;

	if (l->state > KTSTR_LIMIT_OFF)
		return refuse(s, f->name, "unknown state %u", l->state);
	if (l->state != KTSTR_LIMIT_SET)
		return 0;
	if (!isfinite(l->value) || l->value < 0 || l->value > max)
		return refuse(s, f->name, "%g is not between 0 and %g%s%s", l->value, max,
			      *f->unit ? " " : "", f->unit);
	return 0;
}

static int check_limits(const struct subject *s)
{
	struct ktstr_limit l[sizeof(struct ktstr_limits) / sizeof(struct ktstr_limit)];
	int r = 0;

	memcpy(l, s->at + s->kind->limits, sizeof(l));
	for (size_t i = 0; !r && i < ARRAY_SIZE(limit_fields); i++)
		r = check_limit(s, &limit_fields[i], &l[i]);
	for (size_t i = ARRAY_SIZE(limit_fields); !r && i < ARRAY_SIZE(l); i++)
		if (l[i].state)
			r = refuse(s, "limits", "sets a check that this ktstr does not have");
	return r;
}

static int check_numbers(const struct subject *s)
{
	for (const struct number_field *f = s->kind->numbers; f->name; f++)
		if (number_at(s, f->at) > f->max)
			return refuse(s, f->name, "%u is more than %u", number_at(s, f->at),
				      f->max);
	for (const struct range_field *f = s->kind->ranges; f->name; f++) {
		uint32_t low = number_at(s, f->low), high = number_at(s, f->high);

		if (high && low > high)
			return refuse(s, f->name, "%u is more than the maximum of %u", low, high);
	}
	return 0;
}

static int check_bits(const struct subject *s)
{
	uint32_t unknown = number_at(s, s->kind->flags) & ~s->kind->known_flags;

	if (unknown)
		return refuse(s, "flags", "unknown bits 0x%x", unknown);
	for (size_t i = 0; i < s->kind->reserved_len; i++)
		if (s->at[s->kind->reserved + i])
			return refuse(s, "reserved", "not zero");
	return 0;
}

static int check_record(const struct subject *s)
{
	int r = 0;

	for (const struct text_field *f = s->kind->texts; !r && f->name; f++)
		r = check_text(s, f);
	if (!r)
		r = check_topology(s);
	if (!r)
		r = check_numbers(s);
	if (!r)
		r = check_bits(s);
	return r ? r : check_limits(s);
}

static int check_array(const struct record_kind *kind, const void *records, size_t nr,
		       const char *file, struct err *e)
{
	struct subject s = { .kind = kind, .file = file, .e = e };

	for (size_t i = 0; i < nr; i++) {
		s.at = (const char *)records + i * kind->size;
		int r = check_name(&s, i);
		if (r < 0)
			return r;
		if (i && !strcmp(name_of(&s), name_of(&s) - kind->size))
			return refuse(&s, "name", "another %s has the same", kind->what);
		r = check_record(&s);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_references(const struct registry *g, const char *file, struct err *e)
{
	for (size_t i = 0; i < g->nr_tests; i++) {
		const struct ktstr_test_record *t = &g->tests[i];
		struct subject s = { &test_kind, file, (const char *)t, e };

		if (*t->scheduler && !registry_sched(g, t->scheduler))
			return refuse(&s, "scheduler", "no KTSTR_SCHEDULER \"%s\" in this file",
				      t->scheduler);
		if (*t->expect && !(t->flags & KTSTR_TEST_EXPECT_FAIL))
			return refuse(&s, "expect", "only for tests that are expected to fail");
	}
	for (size_t i = 0; i < g->nr_scheds; i++) {
		struct subject s = { &sched_kind, file, (const char *)&g->scheds[i], e };

		if (!*g->scheds[i].binary)
			return refuse(&s, "binary", "is empty");
	}
	return 0;
}

int registry_check(const struct registry *g, const char *file, struct err *e)
{
	int r = check_array(&test_kind, g->tests, g->nr_tests, file, e);

	if (!r)
		r = check_array(&sched_kind, g->scheds, g->nr_scheds, file, e);
	return r ? r : check_references(g, file, e);
}
