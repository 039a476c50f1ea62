/* SPDX-License-Identifier: GPL-2.0-only */
#include "image/part_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/decompress.h"

#define HEAD "ktstr plan 2"
#define SUM_LEN (4 + 16 + 1) /* "sum " and sixteen digits and a newline */

void part_plan_fini(struct part_plan *p)
{
	for (size_t i = 0; i < p->nr_modules; i++)
		free(p->modules[i]);
	free(p->modules);
	inputs_fini(&p->in);
	*p = (struct part_plan){ 0 };
}

bool part_plan_write(const struct part_plan *p, struct buf *out)
{
	buf_printf(out, HEAD "\narchive %s %" PRIu64 " %" PRIu64 " %016" PRIx64 " %s\n", p->archive,
		   p->sum.size, p->sum.unpacked, p->sum.crc, p->sum.sha256);
	for (size_t i = 0; i < p->nr_modules; i++)
		buf_printf(out, "module %s\n", p->modules[i]);
	for (size_t i = 0; i < p->in.nr; i++) {
		const struct identity *d = &p->in.at[i].id;

		if (strchr(p->in.at[i].path, '\n'))
			return false;
		buf_printf(out,
			   "input %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
			   " %" PRIu64 " %s\n",
			   d->dev, d->ino, d->mode, d->size, d->mtime_ns, d->ctime_ns,
			   p->in.at[i].path);
	}
	buf_printf(out, "sum %016" PRIx64 "\n", checksum64(0, out->at, out->len));
	return !out->bad;
}

static int parse_archive(struct part_plan *p, const char *line)
{
	int n = sscanf(line, "archive %64[0-9a-f] %" SCNu64 " %" SCNu64 " %" SCNx64 " %64[0-9a-f]",
		       p->archive, &p->sum.size, &p->sum.unpacked, &p->sum.crc, p->sum.sha256);

	return n == 5 && strlen(p->sum.sha256) == 64 && strlen(p->archive) == PART_NAME_LEN
		       ? 0
		       : -EBADMSG;
}

static int parse_module(struct part_plan *p, const char *name)
{
	char **at = realloc(p->modules, (p->nr_modules + 2) * sizeof(*at));

	if (!at)
		return -ENOMEM;
	p->modules = at;
	at[p->nr_modules] = strdup(name);
	at[p->nr_modules + 1] = NULL;
	return at[p->nr_modules] ? (p->nr_modules++, 0) : -ENOMEM;
}

static int parse_input(struct part_plan *p, char *line)
{
	uint64_t v[6];
	char *at = line;

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		char *end;

		v[i] = strtoull(at, &end, 10);
		if (end == at || *end != ' ')
			return -EBADMSG;
		at = end + 1;
	}
	inputs_put(&p->in, at,
		   &(struct identity){ .dev = v[0],
				       .ino = v[1],
				       .mode = v[2],
				       .size = v[3],
				       .mtime_ns = v[4],
				       .ctime_ns = v[5] });
	return p->in.bad;
}

static int parse_line(struct part_plan *p, char *line)
{
	if (!strncmp(line, "archive ", 8))
		return parse_archive(p, line);
	if (!strncmp(line, "module ", 7))
		return parse_module(p, line + 7);
	if (!strncmp(line, "input ", 6))
		return parse_input(p, line + 6);
	return -EBADMSG;
}

static bool sum_is_right(const char *text, size_t len)
{
	char want[SUM_LEN + 1];

	if (len < SUM_LEN)
		return false;
	snprintf(want, sizeof(want), "sum %016" PRIx64 "\n", checksum64(0, text, len - SUM_LEN));
	return !memcmp(text + len - SUM_LEN, want, SUM_LEN);
}

int part_plan_parse(char *text, size_t len, struct part_plan *ret)
{
	SCOPED(part_plan_fini) struct part_plan p = { 0 };

	if (!sum_is_right(text, len))
		return -EBADMSG;
	text[len - SUM_LEN] = 0;
	char *at = text, *line = strsep(&at, "\n");
	int r = strcmp(line, HEAD) ? -EBADMSG : 0;
	while (!r && (line = strsep(&at, "\n")) && *line)
		r = parse_line(&p, line);
	if (!r && !*p.archive)
		r = -EBADMSG;
	if (r < 0)
		return r;
	*ret = p;
	p = (struct part_plan){ 0 };
	return 0;
}
