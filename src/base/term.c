/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "base/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/scoped.h"

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

bool term_unicode(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *v = getenv(names[i]);

		if (v && *v) /* the first one set decides, locale(7) */
			return strcasestr(v, "utf-8") || strcasestr(v, "utf8");
	}
	return false;
}

uint32_t term_columns(int fd)
{
	struct winsize w;

	return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}
