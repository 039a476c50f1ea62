/* SPDX-License-Identifier: GPL-2.0-only */
/* A job that parses must be writable, and what is written must parse to the same again. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "link/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(job_fini) struct job j = { 0 }, again = { 0 };
	SCOPED(buf_fini) struct buf one = { 0 }, two = { 0 };
	struct err e = { 0 };

	if (job_parse((const char *)data, size, &j, &e) < 0) {
		if (!e.code || !e.text[0])
			abort();
		return 0;
	}
	if (job_write(&j, &one, NULL) < 0 || job_parse(one.at, one.len, &again, NULL) < 0 ||
	    job_write(&again, &two, NULL) < 0 || strcmp(buf_str(&one), buf_str(&two)))
		abort();
	return 0;
}
