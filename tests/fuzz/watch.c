/* SPDX-License-Identifier: GPL-2.0-only */
/* A hostile guest: its console, its frames and what they carry, up to the verdict. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "harness/guest_json.h"
#include "harness/watch.h"
#include "vm/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(struct watch *w)
{
	struct cell_result r = { 0 };

	watch_collect(w, &r);
	watch_judge(w, &r);
	cell_result_fini(&r);
}

/* The payloads again without the checksum in the way. */
static void parse_alone(const char *text, size_t len)
{
	struct cell_result r = { 0 };
	struct buf dump = { 0 };
	struct sched_end end;

	guest_result_parse(text, len, &r, NULL);
	guest_sched_end_parse(text, len, &end, &dump);
	cell_result_fini(&r);
	buf_fini(&dump);
}

/* Bytes by turns for the console and the link, in runs whose length the first byte gives. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct watch_limits limits = watch_default_limits(4, true, false);
	struct vm_stop stop = { .kind = VM_STOP_POWEROFF };
	struct watch w;
	uint64_t now = 1;

	parse_alone((const char *)data, size);
	limits.test_mode = true;
	watch_init(&w, &limits, now);
	for (size_t at = 0, turn = 0; at < size; turn++) {
		size_t n = MIN((size_t)data[at] + 1, size - at);
		if (turn % 2)
			watch_console(&w, data + at, n, now);
		else
			watch_link(&w, data + at, n, now);
		now += 100000000;
		watch_tick(&w, now);
		at += n;
	}
	watch_stopped(&w, &stop, now);
	judge(&w);
	watch_fini(&w);
	return 0;
}
