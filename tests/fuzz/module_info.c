/* SPDX-License-Identifier: GPL-2.0-only */
/* The dependencies that a module states are names, each with its end. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "image/module_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct err e = { 0 };

	if (module_depends(data, size, "input", &out, &e) < 0) {
		if (strncmp(e.text, "input: ", 7))
			abort();
		return 0;
	}
	if (out.len && out.at[out.len - 1])
		abort();
	for (size_t at = 0; at < out.len; at += strlen(out.at + at) + 1)
		if (!out.at[at] || strchr(out.at + at, ','))
			abort();
	return 0;
}
