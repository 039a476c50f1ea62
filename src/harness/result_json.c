/* SPDX-License-Identifier: GPL-2.0-only */
/* Results as JSON and back, by one table of fields per struct. The same tables feed the JSON sink. */
#include "harness/result.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

#define RESULT_JSON_MAX (64u << 20)

enum field_kind {
	FIELD_U32,
	FIELD_U64,
	FIELD_DOUBLE,
	FIELD_BOOL,
	FIELD_CHARS, /* array inside the struct */
	FIELD_TEXT,  /* allocated, may be NULL */
	FIELD_VERDICT,
	FIELD_CAUSE,
	FIELD_OBJECT,
	FIELD_ARRAY, /* pointer to .nr_at elements */
};

struct field {
	const char *name; /* NULL ends the table */
	enum field_kind kind;
	size_t at;
	size_t size; /* of the field, or of an element */
	const struct field *of;
	size_t nr_at, max;
};

/* clang-format off */
#define KIND_OF(f) \
	_Generic(&(f), uint32_t *: FIELD_U32, uint64_t *: FIELD_U64, double *: FIELD_DOUBLE, \
		 bool *: FIELD_BOOL, char **: FIELD_TEXT, default: FIELD_CHARS)
/* clang-format on */
#define FIELD(type, name) \
	{ #name, KIND_OF(((type *)0)->name), offsetof(type, name), sizeof(((type *)0)->name) }
/* An enum looks like any unsigned int to _Generic. */
#define NAMED(type, name, kind) { #name, kind, offsetof(type, name) }
#define OBJECT(type, name, table) { #name, FIELD_OBJECT, offsetof(type, name), .of = table }
#define ARRAY(type, name, table, most) \
	{ #name, \
	  FIELD_ARRAY, \
	  offsetof(type, name), \
	  sizeof(*((type *)0)->name), \
	  table, \
	  offsetof(type, nr_##name), \
	  most }

static const struct field detail_fields[] = {
	NAMED(struct detail, verdict, FIELD_VERDICT),
	FIELD(struct detail, note),
	FIELD(struct detail, kind),
	FIELD(struct detail, cgroup),
	FIELD(struct detail, text),
	{ 0 },
};

static const struct field latency_fields[] = {
	FIELD(struct latency, count),
	FIELD(struct latency, min_ns),
	FIELD(struct latency, p50_ns),
	FIELD(struct latency, p99_ns),
	FIELD(struct latency, p999_ns),
	FIELD(struct latency, max_ns),
	{ 0 },
};

static const struct field cgroup_fields[] = {
	FIELD(struct cgroup_stats, name),
	FIELD(struct cgroup_stats, workers),
	FIELD(struct cgroup_stats, work),
	FIELD(struct cgroup_stats, cpu_ns),
	FIELD(struct cgroup_stats, run_delay_ns),
	FIELD(struct cgroup_stats, wall_ns),
	FIELD(struct cgroup_stats, migrations),
	FIELD(struct cgroup_stats, iterations),
	FIELD(struct cgroup_stats, max_gap_ns),
	FIELD(struct cgroup_stats, cpus),
	FIELD(struct cgroup_stats, cpus_used),
	OBJECT(struct cgroup_stats, wake, latency_fields),
	{ 0 },
};

static const struct field value_fields[] = {
	FIELD(struct test_value, name),
	FIELD(struct test_value, unit),
	FIELD(struct test_value, value),
	{ 0 },
};

static const struct field time_fields[] = {
	FIELD(struct cell_times, total),
	FIELD(struct cell_times, image),
	FIELD(struct cell_times, setup),
	FIELD(struct cell_times, boot),
	FIELD(struct cell_times, attach),
	FIELD(struct cell_times, body),
	FIELD(struct cell_times, load),
	FIELD(struct cell_times, stop),
	{ 0 },
};

static const struct field result_fields[] = {
	NAMED(struct cell_result, verdict, FIELD_VERDICT),
	NAMED(struct cell_result, cause, FIELD_CAUSE),
	FIELD(struct cell_result, headline),
	FIELD(struct cell_result, rerun),
	ARRAY(struct cell_result, details, detail_fields, 4096),
	ARRAY(struct cell_result, cgroups, cgroup_fields, 1024),
	ARRAY(struct cell_result, values, value_fields, 4096),
	OBJECT(struct cell_result, times, time_fields),
	FIELD(struct cell_result, backend),
	FIELD(struct cell_result, accel),
	FIELD(struct cell_result, emulator),
	FIELD(struct cell_result, virtual_time),
	FIELD(struct cell_result, rate_mips),
	FIELD(struct cell_result, turn_us),
	FIELD(struct cell_result, end_ns),
	FIELD(struct cell_result, release),
	FIELD(struct cell_result, host_stall_ns),
	FIELD(struct cell_result, load_wait_ppm),
	FIELD(struct cell_result, output),
	FIELD(struct cell_result, sched_log),
	FIELD(struct cell_result, sched_dump),
	FIELD(struct cell_result, console_tail),
	{ 0 },
};

static void put_members(struct buf *b, const struct field *f, const char *base);

static void put_object(struct buf *b, const struct field *of, const char *base)
{
	buf_putc(b, '{');
	put_members(b, of, base);
	buf_putc(b, '}');
}

static void put_array(struct buf *b, const struct field *f, const char *base)
{
	const char *at = *(const char *const *)(base + f->at);
	size_t nr = *(const size_t *)(base + f->nr_at);

	buf_putc(b, '[');
	for (size_t i = 0; i < nr; i++) {
		if (i)
			buf_putc(b, ',');
		put_object(b, f->of, at + i * f->size);
	}
	buf_putc(b, ']');
}

static void put_text(struct buf *b, const char *s)
{
	if (s)
		buf_json_str(b, s);
	else
		buf_puts(b, "null");
}

/* JSON knows no infinity; 17 digits bring every other double back unchanged. */
static void put_double(struct buf *b, double v)
{
	if (isfinite(v))
		buf_printf(b, "%.17g", v);
	else
		buf_puts(b, "null");
}

static void put_value(struct buf *b, const struct field *f, const char *base)
{
	const void *at = base + f->at;

	switch (f->kind) {
	case FIELD_U32:
		return buf_printf(b, "%u", *(const uint32_t *)at);
	case FIELD_U64: /* other people's readers, and ours, have 63 bits */
		return buf_printf(b, "%llu",
				  (unsigned long long)MIN(*(const uint64_t *)at, INT64_MAX));
	case FIELD_DOUBLE:
		return put_double(b, *(const double *)at);
	case FIELD_BOOL:
		return buf_puts(b, *(const bool *)at ? "true" : "false");
	case FIELD_CHARS:
		return buf_json_str(b, at);
	case FIELD_TEXT:
		return put_text(b, *(const char *const *)at);
	case FIELD_VERDICT:
		return buf_json_str(b, verdict_name(*(const enum verdict *)at));
	case FIELD_CAUSE:
		return buf_json_str(b, cause_name(*(const enum cause *)at));
	case FIELD_OBJECT:
		return put_object(b, f->of, at);
	case FIELD_ARRAY:
		return put_array(b, f, base);
	}
}

static void put_members(struct buf *b, const struct field *f, const char *base)
{
	for (bool first = true; f->name; f++, first = false) {
		buf_printf(b, "%s\"%s\":", first ? "" : ",", f->name);
		put_value(b, f, base);
	}
}

void cell_result_put_members(const struct cell_result *r, struct buf *b)
{
	put_members(b, result_fields, (const char *)r);
}

int cell_result_to_json(const struct cell_result *r, struct buf *b)
{
	put_object(b, result_fields, (const char *)r);
	return b->bad;
}

static int take_members(const json_t *o, const struct field *f, char *base, struct err *e);

static int take_array(const json_t *v, const struct field *f, char *base, struct err *e)
{
	size_t nr = json_array_size(v); /* 0 if it is something else */

	if (!json_is_array(v) || nr > f->max)
		return -EINVAL;
	char *at = calloc(nr + 1, f->size);
	if (!at)
		return -ENOMEM;
	*(char **)(base + f->at) = at;
	*(size_t *)(base + f->nr_at) = nr;
	for (size_t i = 0; i < nr; i++) {
		int r = take_members(json_array_get(v, i), f->of, at + i * f->size, e);

		if (r < 0)
			return r;
	}
	return 0;
}

static int take_int(const json_t *v, uint64_t max, uint64_t *ret)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return -EINVAL;
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

static int take_u32(const json_t *v, uint32_t *ret)
{
	uint64_t n;
	int r = take_int(v, UINT32_MAX, &n);

	if (!r)
		*ret = (uint32_t)n;
	return r;
}

static int take_double(const json_t *v, double *ret)
{
	if (!json_is_number(v) && !json_is_null(v))
		return -EINVAL;
	*ret = json_is_null(v) ? (double)NAN : json_number_value(v);
	return 0;
}

static int take_bool(const json_t *v, bool *ret)
{
	*ret = json_is_true(v);
	return json_is_boolean(v) ? 0 : -EINVAL;
}

static int take_chars(const json_t *v, char *ret, size_t cap)
{
	if (!json_is_string(v) || json_string_length(v) >= cap)
		return -EINVAL;
	memcpy(ret, json_string_value(v), json_string_length(v) + 1);
	return 0;
}

static int take_text(const json_t *v, char **ret)
{
	if (json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return -EINVAL;
	*ret = strdup(json_string_value(v));
	return *ret ? 0 : -ENOMEM;
}

static int take_value(const json_t *v, const struct field *f, char *base, struct err *e)
{
	void *at = base + f->at;
	const char *s = json_string_value(v); /* NULL if it is something else */

	switch (f->kind) {
	case FIELD_U32:
		return take_u32(v, at);
	case FIELD_U64:
		return take_int(v, INT64_MAX, at);
	case FIELD_DOUBLE:
		return take_double(v, at);
	case FIELD_BOOL:
		return take_bool(v, at);
	case FIELD_CHARS:
		return take_chars(v, at, f->size);
	case FIELD_TEXT:
		return take_text(v, at);
	case FIELD_VERDICT:
		return s ? verdict_parse(s, at) : -EINVAL;
	case FIELD_CAUSE:
		return s ? cause_parse(s, at) : -EINVAL;
	case FIELD_OBJECT:
		return take_members(v, f->of, at, e);
	case FIELD_ARRAY:
		return take_array(v, f, base, e);
	}
	return -EINVAL;
}

/* All members are wanted: writer and reader are one program. */
static int take_members(const json_t *o, const struct field *f, char *base, struct err *e)
{
	for (; f->name; f++) {
		const json_t *v = json_object_get(o, f->name);
		struct err inner = { 0 };
		int r = v ? take_value(v, f, base, &inner) : -ENODATA;

		if (r == -ENODATA && !inner.code)
			return err_set(e, r, "%s is missing", f->name);
		if (r < 0 && !inner.code)
			return err_set(e, r, "%s has no sensible value", f->name);
		if (r < 0)
			return err_set(e, r, "%s: %s", f->name, inner.text);
	}
	return 0;
}

static void json_unref(json_t **j)
{
	json_decref(*j);
}

int cell_result_from_json(const char *text, size_t len, struct cell_result *ret, struct err *e)
{
	SCOPED(cell_result_fini) struct cell_result res = { 0 };
	json_error_t why;

	if (len > RESULT_JSON_MAX)
		return err_set(e, -EFBIG, "result: %zu bytes of JSON", len);
	__attribute__((cleanup(json_unref))) json_t *o = json_loadb(text, len, 0, &why);
	if (!o)
		return err_set(e, -EINVAL, "result: line %d: %s", why.line, why.text);
	int r = take_members(o, result_fields, (char *)&res, e);
	if (r < 0)
		return err_frame(e, "result");
	*ret = res;
	res = (struct cell_result){ 0 };
	return 0;
}
