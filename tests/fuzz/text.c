/* SPDX-License-Identifier: GPL-2.0-only */
/* Text made fit to be shown: whatever came in, nothing a terminal obeys comes out, and it is UTF-8. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *s, size_t n, bool lines)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	buf_put_clean(&b, s, n, lines);
	for (const char *p = buf_str(&b); *p;) {
		uint32_t c = 0;
		size_t len = utf8_decode(p, &c);

		if (!len || c == 0x7f || (c >= 0x80 && c < 0xa0) ||
		    (c < 0x20 && c != '\t' && !(c == '\n' && lines)))
			abort();
		p += len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(mem_free) char *s = malloc(size + 1);

	if (!s)
		return 0;
	memcpy(s, data, size);
	s[size] = 0;
	check(s, size, false);
	check(s, size / 2, true);
	if (strlen(text_tail(s, 3)) > strlen(s))
		abort();
	return 0;
}
