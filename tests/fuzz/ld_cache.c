/* SPDX-License-Identifier: GPL-2.0-only */
/* What ld.so.cache gives is a text inside of it. */
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "image/ld_cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "libc.so.6", "libelf.so.1", "libz.so.1", "" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		for (enum arch a = 0; a < NR_ARCHES; a++) {
			const char *at = ld_cache_find(data, size, names[i], a);

			if (at && (at < (const char *)data || at >= (const char *)data + size ||
				   !memchr(at, 0, (size_t)((const char *)data + size - at))))
				abort();
		}
	return 0;
}
