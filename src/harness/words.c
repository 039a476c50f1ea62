/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/words.h"

#include <errno.h>
#include <string.h>

void words_fini(struct words *w)
{
	for (size_t i = 0; i < w->nr; i++)
		free(w->at[i]);
	free(w->at);
	*w = (struct words){ 0 };
}

int words_add(struct words *w, const char *s)
{
	char **more = realloc(w->at, (w->nr + 2) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	w->at = more;
	w->at[w->nr] = strdup(s);
	if (!w->at[w->nr])
		return -ENOMEM;
	w->at[++w->nr] = NULL;
	return 0;
}

/* Copies one word from *@p, unquoting; leaves *@p behind it. */
static int take_word(const char **p, struct buf *word)
{
	char quote = 0;

	for (; **p && (quote || !strchr(" \t\n", **p)); (*p)++) {
		if (quote && **p == quote)
			quote = 0;
		else if (!quote && (**p == '"' || **p == '\''))
			quote = **p;
		else if (**p == '\\' && quote != '\'' && (*p)[1])
			buf_putc(word, *++*p);
		else
			buf_putc(word, **p);
	}
	return quote ? -EINVAL : word->bad;
}

int words_split(const char *line, struct words *w)
{
	for (;;) {
		SCOPED(buf_fini) struct buf word = { 0 };

		line += strspn(line, " \t\n");
		if (!*line)
			return 0;
		int r = take_word(&line, &word);
		if (!r)
			r = words_add(w, buf_str(&word));
		if (r < 0)
			return r;
	}
}

void shell_quote(struct buf *out, const char *s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "_-./:=,+@%";

	if (*s && s[strspn(s, safe)] == 0) {
		buf_puts(out, s);
		return;
	}
	buf_putc(out, '\'');
	for (; *s; s++)
		if (*s == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, *s);
	buf_putc(out, '\'');
}
