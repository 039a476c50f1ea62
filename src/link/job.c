/* SPDX-License-Identifier: GPL-2.0-only */
#include "link/job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/parse.h"
#include "base/scoped.h"

static const struct {
	const char *key;
	size_t off;
} fields[] = {
#define JOB_FIELD_ROW(field, key) { key, offsetof(struct job, field) },
	JOB_KEYS(JOB_FIELD_ROW)
#undef JOB_FIELD_ROW
}, lists[] = {
	{ JOB_KEY_ARG, offsetof(struct job, args) },
	{ JOB_KEY_SCHED_ARG, offsetof(struct job, sched_args) },
	{ JOB_KEY_MODULE, offsetof(struct job, modules) },
	{ JOB_KEY_ENV, offsetof(struct job, env) },
	{ JOB_KEY_SYSCTL, offsetof(struct job, sysctls) },
};

static char **job_field(const struct job *j, size_t i)
{
	return (char **)((uintptr_t)j + fields[i].off);
}

static struct job_list *job_list(const struct job *j, size_t i)
{
	return (struct job_list *)((uintptr_t)j + lists[i].off);
}

void job_fini(struct job *j)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		free(*job_field(j, i));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct job_list *l = job_list(j, i);

		for (size_t k = 0; k < l->nr; k++)
			free(l->at[k]);
		free(l->at);
	}
	*j = (struct job){ 0 };
}

int job_set(char **field, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int job_set_number(char **field, int width, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%0*" PRIu64, width, v);
	return job_set(field, text);
}

int job_list_add(struct job_list *l, const char *value)
{
	char **more = reallocarray(l->at, l->nr + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	l->at = more;
	l->at[l->nr] = strdup(value);
	return l->at[l->nr] ? (int)(l->nr++, 0) : -ENOMEM;
}

/* A line that begins with a tab goes on with the value of the one before. */
static void put_line(struct buf *out, const char *key, const char *value)
{
	size_t n = strcspn(value, "\n");

	buf_printf(out, "%s=%.*s\n", key, (int)n, value);
	while (*(value += n)) {
		n = strcspn(++value, "\n");
		buf_printf(out, "\t%.*s\n", (int)n, value);
	}
}

static void put_list(struct buf *out, const char *key, const struct job_list *l)
{
	for (size_t i = 0; i < l->nr; i++)
		put_line(out, key, l->at[i]);
}

bool job_in_virtual_time(const struct job *j)
{
	return j->time && !strcmp(j->time, JOB_TIME_VIRTUAL);
}

int job_write(const struct job *j, struct buf *out, struct err *e)
{
	size_t start = out->len;

	buf_printf(out, "job=%d\n", JOB_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (*job_field(j, i))
			put_line(out, fields[i].key, *job_field(j, i));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		put_list(out, lists[i].key, job_list(j, i));
	if (out->bad)
		return err_sys(e, out->bad, "job: writing");
	if (out->len - start > JOB_MAX_SIZE)
		return err_set(e, -E2BIG, "job: %zu bytes, at most %d fit", out->len - start,
			       JOB_MAX_SIZE);
	return 0;
}

static int take_pair(struct job *j, unsigned line, const char *key, const char *value,
		     struct err *e)
{
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (!strcmp(lists[i].key, key))
			r = job_list_add(job_list(j, i), value);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (strcmp(fields[i].key, key))
			continue;
		if (*job_field(j, i))
			return err_set(e, -EEXIST, "job: line %u: %s is there twice", line, key);
		r = job_set(job_field(j, i), value);
	}
	if (r == -ENOENT)
		return err_set(e, -EINVAL, "job: line %u: unknown key \"%s\"", line, key);
	return r < 0 ? err_sys(e, r, "job: line %u: %s", line, key) : 0;
}

static int take_line(struct job *j, unsigned line, char *text, struct err *e)
{
	char *eq = strchr(text, '=');

	if (!eq)
		return err_set(e, -EINVAL, "job: line %u: no \"=\" in it", line);
	*eq = 0;
	if (line > 1)
		return take_pair(j, line, text, eq + 1, e);
	uint32_t version;
	if (strcmp(text, "job"))
		return err_set(e, -EINVAL, "job: line 1: not \"job=%d\"", JOB_VERSION);
	if (parse_u32(eq + 1, &version) < 0 || version != JOB_VERSION)
		return err_set(e, -EPROTO, "job: line 1: version \"%s\", %d wanted", eq + 1,
			       JOB_VERSION);
	return 0;
}

/* One value with all its lines from @text on: how long it is with the line feed behind it, or 0. */
static size_t logical_line(const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);

	while (end && end + 1 < text + len && end[1] == '\t')
		end = memchr(end + 1, '\n', (size_t)(text + len - end) - 1);
	return end ? (size_t)(end + 1 - text) : 0;
}

/* Takes the tabs out that stand for nothing but a value that goes on; returns how many there were. */
static unsigned unfold(char *text)
{
	unsigned nr = 0;
	char *to = text;

	for (const char *from = text; *from; from++) {
		*to++ = *from;
		if (from[0] == '\n') { /* not the last: behind it is a tab */
			from++;
			nr++;
		}
	}
	*to = 0;
	return nr;
}

int job_parse(const char *text, size_t len, struct job *ret, struct err *e)
{
	SCOPED(job_fini) struct job j = { 0 };
	unsigned line = 0;

	if (len > JOB_MAX_SIZE)
		return err_set(e, -E2BIG, "job: %zu bytes, at most %d fit", len, JOB_MAX_SIZE);
	if (!len)
		return err_set(e, -EINVAL, "job: empty");
	while (len) {
		size_t n = logical_line(text, len);

		line++;
		if (!n)
			return err_set(e, -EINVAL, "job: line %u: not ended", line);
		if (memchr(text, 0, n))
			return err_set(e, -EINVAL, "job: line %u: contains a zero byte", line);
		SCOPED(mem_free) char *copy = strndup(text, n - 1);
		if (!copy)
			return err_sys(e, -ENOMEM, "job: line %u", line);
		unsigned more = unfold(copy);
		int r = take_line(&j, line, copy, e);
		if (r < 0)
			return r;
		line += more;
		text += n;
		len -= n;
	}
	*ret = j;
	j = (struct job){ 0 };
	return 0;
}
