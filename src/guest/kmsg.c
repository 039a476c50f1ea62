/* SPDX-License-Identifier: GPL-2.0-only */
#include "guest/kmsg.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define KMSG_ERR 3

/* Digits up to one of @ends, which is skipped. */
static bool take_number(const char **p, const char *end, const char *ends, uint64_t *ret)
{
	const char *s = *p;
	uint64_t v = 0;

	for (; s < end && *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return false;
	if (s == *p || s == end || !*s || !strchr(ends, *s))
		return false;
	*p = s + 1;
	*ret = v;
	return true;
}

int kmsg_parse(const char *data, size_t n, struct kmsg_record *ret)
{
	const char *p = data, *end = data + n;
	uint64_t prio, seq, usec;

	if (!take_number(&p, end, ",", &prio) || !take_number(&p, end, ",", &seq) ||
	    !take_number(&p, end, ",;", &usec))
		return -EBADMSG;
	/* Fields may be added before the semicolon; the text may contain one itself. */
	const char *text = memchr(p - 1, ';', (size_t)(end - p + 1));
	if (!text)
		return -EBADMSG;
	text++;
	const char *nl = memchr(text, '\n', (size_t)(end - text));
	*ret = (struct kmsg_record){
		.level = prio & 7,
		.seq = seq,
		.text = text,
		.len = (size_t)((nl ? nl : end) - text),
	};
	return 0;
}

static bool take_prefix(struct scx_text *t, const char *prefix)
{
	size_t n = strlen(prefix);

	if (t->len < n || memcmp(t->what, prefix, n))
		return false;
	t->what += n;
	t->len -= n;
	return true;
}

/* What follows the last @mark. */
static bool take_behind(struct scx_text *t, const char *mark)
{
	size_t n = strlen(mark);

	for (size_t i = t->len; i >= n; i--) {
		if (memcmp(t->what + i - n, mark, n))
			continue;
		t->what += i;
		t->len -= i;
		return true;
	}
	return false;
}

enum scx_line scx_line_parse(const struct kmsg_record *r, struct scx_text *ret)
{
	struct scx_text t = { r->text, r->len };

	if (!take_prefix(&t, "sched_ext: "))
		return SCX_LINE_OTHER;
	struct scx_text rest = t;
	if (take_prefix(&rest, "BPF scheduler \"")) {
		struct scx_text reason = rest;

		if (take_behind(&reason, "\" disabled (") && reason.len) {
			reason.len -= reason.what[reason.len - 1] == ')';
			*ret = reason;
			return SCX_LINE_DISABLED;
		}
		if (take_behind(&rest, "\" enabled"))
			return SCX_LINE_ENABLED;
	}
	if (r->level > KMSG_ERR) /* warnings are about settings, not about the end */
		return SCX_LINE_OTHER;
	*ret = t;
	return SCX_LINE_TEXT;
}

const char *trace_dump_text(const char *line, size_t n, size_t *ret_len)
{
	static const char mark[] = ": sched_ext_dump: ";
	const char *at = memmem(line, n, mark, strlen(mark));

	if (!at)
		return NULL;
	at += strlen(mark);
	size_t len = n - (size_t)(at - line);
	const char *nl = memchr(at, '\n', len);
	*ret_len = nl ? (size_t)(nl - at) : len;
	return at;
}
