/* SPDX-License-Identifier: GPL-2.0-only */
/* A growable list of owned strings, and command lines split into one. */
#ifndef HARNESS_WORDS_H
#define HARNESS_WORDS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/scoped.h"

struct words {
	char **at; /* NULL-terminated when nr > 0 */
	size_t nr;
};

void words_fini(struct words *w);
DEFINE_SCOPED_FINI(struct words, words_fini)
int words_add(struct words *w, const char *s); /* copies */

/* Splits at blanks; '...' and "..." group, backslash quotes one character. -EINVAL: open quote. */
int words_split(const char *line, struct words *w);

/* Appends @s as one shell word: bare if it is harmless, else in single quotes. */
void shell_quote(struct buf *out, const char *s);

#endif
