/* SPDX-License-Identifier: GPL-2.0-only */
/* Plans of the cache, with a checksum put right so that it does not hide the rest of the parser. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "image/decompress.h"
#include "image/part_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(const void *data, size_t size, struct part_plan *ret)
{
	SCOPED(buf_fini) struct buf text = { 0 };

	buf_put(&text, data, size);
	return part_plan_parse(text.at, text.len, ret);
}

/* What was understood is understood the same after being written again. */
static void check_round_trip(const struct part_plan *p)
{
	SCOPED(part_plan_fini) struct part_plan again = { 0 };
	SCOPED(buf_fini) struct buf one = { 0 };
	SCOPED(buf_fini) struct buf two = { 0 };

	if (!part_plan_write(p, &one) || parse(one.at, one.len, &again) < 0 ||
	    !part_plan_write(&again, &two) || one.len != two.len || memcmp(one.at, two.at, one.len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(part_plan_fini) struct part_plan p = { 0 };
	SCOPED(buf_fini) struct buf text = { 0 };

	buf_put(&text, data, size);
	if (size && part_plan_parse(text.at, text.len, &p) == 0)
		check_round_trip(&p);
	part_plan_fini(&p);
	buf_clear(&text);
	buf_put(&text, data, size);
	buf_printf(&text, "sum %016" PRIx64 "\n", checksum64(0, data, size));
	if (part_plan_parse(text.at, text.len, &p) == 0)
		check_round_trip(&p);
	return 0;
}
