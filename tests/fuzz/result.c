/* SPDX-License-Identifier: GPL-2.0-only */
/* A cell's result as its VM process tells it: what is read must be written back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "harness/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(cell_result_fini) struct cell_result a = { 0 };
	SCOPED(cell_result_fini) struct cell_result b = { 0 };
	SCOPED(buf_fini) struct buf once = { 0 }, twice = { 0 };
	struct err e = { 0 };

	if (cell_result_from_json((const char *)data, size, &a, &e) < 0)
		return 0;
	if (cell_result_to_json(&a, &once) || cell_result_from_json(once.at, once.len, &b, &e) ||
	    cell_result_to_json(&b, &twice) || strcmp(once.at, twice.at) != 0)
		abort();
	return 0;
}
