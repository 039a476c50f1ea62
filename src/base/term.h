/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What the descriptor we print to can show: the only place that asks about terminals and colour. */
#ifndef BASE_TERM_H
#define BASE_TERM_H

#include <stdbool.h>
#include <stdint.h>

#define TERM_RESET "\033[0m"
#define TERM_BOLD "\033[1m"
#define TERM_RED "\033[31m"
#define TERM_GREEN "\033[32m"
#define TERM_YELLOW "\033[33m"
#define TERM_CYAN "\033[36m"
#define TERM_ERASE_LINE "\r\033[K"

/* A terminal that can redraw a line (TERM is set and not "dumb"). */
bool term_redraws(int fd);
/* The same, and the user has not asked for no colour (https://no-color.org). */
bool term_colour(int fd);
/* The locale's characters are UTF-8. */
bool term_unicode(void);
/* Width in columns; 80 where nobody knows. */
uint32_t term_columns(int fd);

#endif
