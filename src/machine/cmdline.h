/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel's command line says on a board that we boot ourselves. */
#ifndef MACHINE_CMDLINE_H
#define MACHINE_CMDLINE_H

#include <stdbool.h>

struct board;
struct buf;

/* Appends the words, then @more (NULL: none), which win. How long it may be, fdt_arm64.h knows. */
void cmdline_arm64(const struct board *b, bool verbose, const char *more, struct buf *out);

#endif
