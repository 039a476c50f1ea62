/* SPDX-License-Identifier: GPL-2.0-only */
#include "cli/table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

void table_destroy(struct libscols_table *t)
{
	scols_unref_table(t);
}

struct libscols_table *table_new(const struct table_column *columns)
{
	static const int flags[] = { [TABLE_CUT] = SCOLS_FL_TRUNC, [TABLE_RIGHT] = SCOLS_FL_RIGHT };
	SCOPED(table_destroy) struct libscols_table *t = scols_new_table();

	for (; t && columns->name; columns++)
		if (!scols_table_new_column(t, columns->name, 0, flags[columns->kind]))
			return NULL;
	if (t)
		scols_table_set_termforce(t, isatty(STDOUT_FILENO) ? SCOLS_TERMFORCE_ALWAYS
								   : SCOLS_TERMFORCE_NEVER);
	return hand_over(t);
}

int table_add(struct libscols_table *t, const char *const *cells, size_t nr)
{
	struct libscols_line *line = scols_table_new_line(t, NULL);

	for (size_t i = 0; line && i < nr; i++)
		if (scols_line_set_data(line, i, cells[i]) < 0)
			return -ENOMEM;
	return line ? 0 : -ENOMEM;
}

int table_put(struct libscols_table *t, struct buf *b)
{
	SCOPED(mem_free) char *text = NULL;

	if (scols_print_table_to_string(t, &text) < 0)
		return -ENOMEM;
	buf_printf(b, "%s\n", text);
	return b->bad;
}

const char *local_time(uint64_t at, char buf[20])
{
	time_t t = (time_t)at;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(buf, 20, "%Y-%m-%d %H:%M", &tm))
		snprintf(buf, 20, "?");
	return buf;
}
