/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "base/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool term_redraws(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool term_colour(int fd)
{
	const char *no = getenv("NO_COLOR");

	return term_redraws(fd) && !(no && *no);
}

uint32_t term_columns(int fd)
{
	struct winsize w;

	return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}
