/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/fields.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "harness/result.h"
#include "machine/arch.h"

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
	case FIELD_ARCH:
		return buf_json_str(b, arch_names(*(const enum arch *)at)->name);
	case FIELD_HEX:
		return buf_printf(b, "\"%016llx\"", (unsigned long long)*(const uint64_t *)at);
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

void fields_put(struct buf *b, const struct field *f, const void *base)
{
	put_members(b, f, base);
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

static int take_hex(const char *s, uint64_t *ret)
{
	if (!s || strlen(s) != 16 || strspn(s, "0123456789abcdef") != 16)
		return -EINVAL;
	*ret = strtoull(s, NULL, 16);
	return 0;
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
	case FIELD_ARCH:
		return s ? arch_parse(s, at) : -EINVAL;
	case FIELD_HEX:
		return take_hex(s, at);
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

int fields_take(const json_t *o, const struct field *f, void *base, struct err *e)
{
	return take_members(o, f, base, e);
}
