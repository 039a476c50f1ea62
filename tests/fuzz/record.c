/* SPDX-License-Identifier: GPL-2.0-only */
/* A record that parses is whole, and parses to the same again after being written. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "harness/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(run_record_fini) struct run_record r = { 0 };
	SCOPED(run_record_fini) struct run_record again = { 0 };
	SCOPED(buf_fini) struct buf one = { 0 };
	SCOPED(buf_fini) struct buf two = { 0 };
	struct topology topo;
	struct err e = { 0 };

	if (run_record_parse((const char *)data, size, &r, &e) < 0) {
		if (!e.text[0] || r.machine.job)
			abort();
		return 0;
	}
	if (!r.machine.job || !r.machine.cmdline || !r.about.name || !r.about.test ||
	    !r.about.expect || !r.about.scheduler || !r.outcome.headline ||
	    topo_parse(r.machine.topology, &topo, NULL) < 0)
		abort();
	run_record_write(&r, &one);
	if (run_record_parse(one.at, one.len, &again, &e) < 0)
		abort();
	run_record_write(&again, &two);
	if (strcmp(buf_str(&one), buf_str(&two)))
		abort();
	return 0;
}
