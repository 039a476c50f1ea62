/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/guest_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "abi/result.h"
#include "base/err.h"

#define MAX_ITEMS 4096 /* details, cgroups, values: more is damage */
#define DUMP_MAX (128u << 10)

static void json_put(json_t *j)
{
	json_decref(j);
}
DEFINE_SCOPED(json_t *, json_put)

/* ---- fields, with a default for what is absent or of another type ---- */

static void clean(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

static void get_text(const json_t *o, const char *key, char *buf, size_t cap)
{
	const char *s = json_string_value(json_object_get(o, key));

	snprintf(buf, cap, "%s", s ? s : "");
	clean(buf);
}

static uint64_t get_u64(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v > 0 ? (uint64_t)v : 0;
}

static int parse_verdict(const char *s, enum verdict *ret)
{
	return s ? verdict_parse(s, ret) : -EINVAL;
}

/* Checked array of objects; absent counts as empty. */
static int get_items(const json_t *o, const char *key, size_t *ret_nr, struct err *e)
{
	const json_t *a = json_object_get(o, key);

	*ret_nr = 0;
	if (!a)
		return 0;
	if (!json_is_array(a) || json_array_size(a) > MAX_ITEMS)
		return err_set(e, -EPROTO, "key %s: not an array of reasonable size", key);
	for (size_t i = 0; i < json_array_size(a); i++)
		if (!json_is_object(json_array_get(a, i)))
			return err_set(e, -EPROTO, "key %s: item %zu is not an object", key, i);
	*ret_nr = json_array_size(a);
	return 0;
}

/* Room for @more further elements behind @nr, zeroed. */
static int extend(void *array_ptr, size_t nr, size_t more, size_t size, struct err *e)
{
	void **array = array_ptr;
	char *at = reallocarray(*array, nr + more + 1, size);

	if (!at)
		return err_set(e, -ENOMEM, "result: out of memory");
	memset(at + nr * size, 0, (more + 1) * size);
	*array = at;
	return 0;
}

/* ---- the result ---- */

static int take_detail(const json_t *o, struct detail *d, struct err *e)
{
	const char *v = json_string_value(json_object_get(o, "verdict"));
	const char *text = json_string_value(json_object_get(o, "text"));

	d->note = v && !strcmp(v, "note");
	d->verdict = VERDICT_PASS;
	if (!d->note && parse_verdict(v, &d->verdict) < 0)
		return err_set(e, -EPROTO, "detail: unknown verdict \"%s\"", v ? v : "");
	get_text(o, "kind", d->kind, sizeof(d->kind));
	get_text(o, "cgroup", d->cgroup, sizeof(d->cgroup));
	d->text = strdup(text ? text : "");
	if (!d->text)
		return err_set(e, -ENOMEM, "detail: out of memory");
	clean(d->text);
	return 0;
}

static int take_details(const json_t *o, struct cell_result *r, struct err *e)
{
	size_t nr;
	int err = get_items(o, "details", &nr, e);

	if (!err)
		err = extend(&r->details, r->nr_details, nr, sizeof(*r->details), e);
	for (size_t i = 0; !err && i < nr; i++)
		err = take_detail(json_array_get(json_object_get(o, "details"), i),
				  &r->details[r->nr_details++], e);
	return err;
}

static void take_cgroup(const json_t *o, struct cgroup_stats *c)
{
	const json_t *wake = json_object_get(o, "wake");

	get_text(o, "name", c->name, sizeof(c->name));
	get_text(o, "cpus", c->cpus, sizeof(c->cpus));
	get_text(o, "cpus_used", c->cpus_used, sizeof(c->cpus_used));
	c->workers = (uint32_t)MIN(get_u64(o, "workers"), 1000000u);
	c->work = get_u64(o, "work");
	c->cpu_ns = get_u64(o, "cpu_ns");
	c->run_delay_ns = get_u64(o, "run_delay_ns");
	c->wall_ns = get_u64(o, "wall_ns");
	c->migrations = get_u64(o, "migrations");
	c->iterations = get_u64(o, "iterations");
	c->max_gap_ns = get_u64(o, "max_gap_ns");
	c->wake = (struct latency){
		.count = get_u64(wake, "count"),
		.min_ns = get_u64(wake, "min_ns"),
		.p50_ns = get_u64(wake, "p50_ns"),
		.p99_ns = get_u64(wake, "p99_ns"),
		.p999_ns = get_u64(wake, "p999_ns"),
		.max_ns = get_u64(wake, "max_ns"),
	};
}

static int take_cgroups(const json_t *o, struct cell_result *r, struct err *e)
{
	size_t nr;
	int err = get_items(o, "cgroups", &nr, e);

	if (!err)
		err = extend(&r->cgroups, r->nr_cgroups, nr, sizeof(*r->cgroups), e);
	for (size_t i = 0; !err && i < nr; i++)
		take_cgroup(json_array_get(json_object_get(o, "cgroups"), i),
			    &r->cgroups[r->nr_cgroups++]);
	return err;
}

static int take_values(const json_t *o, struct cell_result *r, struct err *e)
{
	size_t nr;
	int err = get_items(o, "values", &nr, e);

	if (!err)
		err = extend(&r->values, r->nr_values, nr, sizeof(*r->values), e);
	for (size_t i = 0; !err && i < nr; i++) {
		const json_t *item = json_array_get(json_object_get(o, "values"), i);
		struct test_value *v = &r->values[r->nr_values++];

		get_text(item, "name", v->name, sizeof(v->name));
		get_text(item, "unit", v->unit, sizeof(v->unit));
		v->value = json_number_value(json_object_get(item, "value"));
	}
	return err;
}

static int parse_object(const char *text, size_t len, json_t **ret, struct err *e)
{
	json_error_t je;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);

	if (!o)
		return err_set(e, -EPROTO, "JSON: %s at byte %d", je.text, je.position);
	*ret = o;
	return json_is_object(o) ? 0 : err_set(e, -EPROTO, "JSON: not an object");
}

int guest_result_parse(const char *text, size_t len, struct cell_result *ret, struct err *e)
{
	SCOPED(json_put) json_t *o = NULL;
	int r = parse_object(text, len, &o, e);

	if (r < 0)
		return r;
	if (get_u64(o, "version") != RESULT_VERSION)
		return err_set(
			e, -EPROTO,
			"version %llu, this ktstr reads %d (rebuild the test with this libktstr)",
			(unsigned long long)get_u64(o, "version"), RESULT_VERSION);
	const char *v = json_string_value(json_object_get(o, "verdict"));
	enum verdict verdict;
	if (parse_verdict(v, &verdict) < 0)
		return err_set(e, -EPROTO, "unknown verdict \"%s\"", v ? v : "");
	r = take_details(o, ret, e);
	if (!r)
		r = take_cgroups(o, ret, e);
	if (!r)
		r = take_values(o, ret, e);
	if (!r)
		ret->verdict = verdict;
	return r;
}

/* ---- the scheduler's end ---- */

static void describe_end(const json_t *o, struct sched_end *end)
{
	const json_t *code = json_object_get(o, "exited"), *sig = json_object_get(o, "signal");

	if (json_is_integer(sig))
		snprintf(end->how, sizeof(end->how), "killed by signal %d (%s)",
			 (int)json_integer_value(sig), strsignal((int)json_integer_value(sig)));
	else if (json_is_integer(code))
		snprintf(end->how, sizeof(end->how), "exit status %d",
			 (int)json_integer_value(code));
	else
		snprintf(end->how, sizeof(end->how), "its process did not end");
}

int guest_sched_end_parse(const char *text, size_t len, struct sched_end *ret, struct buf *dump)
{
	SCOPED(json_put) json_t *o = NULL;
	struct sched_end end = { 0 };
	int r = parse_object(text, len, &o, NULL);

	if (r < 0)
		return r;
	const char *during = json_string_value(json_object_get(o, "during"));
	end.during_attach = during && !strcmp(during, "attach");
	get_text(o, "kernel_reason", end.reason, sizeof(end.reason));
	end.evicted = end.reason[0] || json_is_true(json_object_get(o, "alive"));
	describe_end(o, &end);
	const char *d = json_string_value(json_object_get(o, "dump"));
	if (d)
		buf_put(dump, d, MIN(strlen(d), DUMP_MAX));
	*ret = end;
	return dump->bad;
}
