/* SPDX-License-Identifier: GPL-2.0-only */
/* sink-sample SCENARIO FORMAT[=FILE],...: plays a made-up run, for sink_formats.py. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "harness/sink.h"
#include "sink_sample.h"

int main(int argc, char **argv)
{
	SCOPED(sink_set_fini) struct sink_set set = { 0 };
	struct err e = { 0 };

	if (argc < 3)
		return 2;
	int r = sink_set_add(&set, argv[2], argc > 3 && !strcmp(argv[3], "-v"), &e);
	if (!r && sample_play(argv[1], set.at, set.nr) < 0)
		return 2;
	if (!r)
		r = sink_set_close(&set, &e);
	if (r < 0)
		fprintf(stderr, "%s\n", e.text);
	return r < 0;
}
