/* SPDX-License-Identifier: GPL-2.0-only */
/* Output stays within its bound, errors leave none, and both ways of asking agree. */
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "image/decompress.h"

#define BOUND (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	SCOPED(buf_fini) struct buf again = { 0 };
	int r = decompress(data, size, BOUND, &out, NULL);

	if (out.len > BOUND || out.bad || (r < 0 && out.len) || (out.at && out.at[out.len]))
		abort();
	if (r < 0 || !out.len)
		return 0;
	if (decompress_exact(data, size, out.len, &again, NULL) < 0 || again.len != out.len ||
	    memcmp(again.at, out.at, out.len))
		abort();
	buf_clear(&again);
	if (decompress_exact(data, size, out.len + 1, &again, NULL) == 0 ||
	    (out.len > 1 && decompress(data, size, out.len - 1, &again, NULL) == 0))
		abort();
	return 0;
}
