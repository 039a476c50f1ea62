/* SPDX-License-Identifier: GPL-2.0-only */
/* What a cache entry says about itself: accepted text survives being written and read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/scoped.h"
#include "catalog/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	struct metadata m = { 0 }, again = { 0 };
	struct err e = { 0 };

	if (metadata_parse((const char *)data, size, &m, &e) < 0) {
		if (!e.text[0])
			abort();
		return 0;
	}
	if (strchr(m.release, '/') || m.release[0] == '.' || strlen(m.key) != 64)
		abort();
	metadata_format(&m, &text);
	if (metadata_parse(text.at, text.len, &again, &e) < 0 || memcmp(&m, &again, sizeof(m))) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	return 0;
}
