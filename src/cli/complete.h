/* SPDX-License-Identifier: GPL-2.0-only */
/* What could stand where the cursor is: the shell asks, so that its script never goes stale. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "cli/cmd.h"

struct buf;

/*
 * @words are those behind "ktstr", the last one is being completed and may be "". One candidate a
 * line; ":files" or ":dirs" asks the shell for those as well.
 */
void complete_words(const struct cmd *const *list, int nr, const char *const *words, struct buf *b);

#endif
