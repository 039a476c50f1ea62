/* SPDX-License-Identifier: GPL-2.0-only */
/* A hostile guest: its console, its frames and what they carry, up to the verdict. */
#include <assert.h>
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
static size_t feed_bytes(struct watch *w, const uint8_t *data, size_t size, size_t turn,
			 uint64_t now)
{
	size_t n = MIN((size_t)data[0] + 1, size);

	if (turn % 2)
		watch_console(w, data, n, now);
	else
		watch_link(w, data, n, now);
	return n;
}

/* A whole frame: type, length and payload, again without the checksum in the way. */
static size_t feed_frame(struct watch *w, const uint8_t *data, size_t size, size_t turn,
			 uint64_t now)
{
	size_t n = size > 1 ? MIN((size_t)data[1], size - 2) : 0;
	struct buf b = { 0 };
	uint32_t seq = (uint32_t)turn;

	frame_put(&b, &seq, data[0], data + MIN(size, 2u), n);
	watch_link(w, b.at, b.len, now);
	buf_fini(&b);
	return MIN(size, n + 2);
}

static void play(const uint8_t *data, size_t size, bool frames, bool virtual_time)
{
	struct watch_limits limits = watch_default_limits(4, true, virtual_time, 1);
	struct vm_stop stop = { .kind = VM_STOP_POWEROFF };
	struct watch w;
	uint64_t now = 1, clock = 0;

	limits.test_mode = true;
	watch_init(&w, &limits, now);
	for (size_t at = 0, turn = 0; at < size; turn++) {
		at += (frames ? feed_frame : feed_bytes)(&w, data + at, size - at, turn, now);
		now += 100000000;
		assert(w.clock >= clock && w.clock < UINT64_C(1) << 60);
		clock = w.clock;
		if (virtual_time)
			assert(w.last_frame_at <= MAX(clock, 1u) &&
			       watch_deadline(&w) >= limits.attach);
		watch_tick(&w, virtual_time ? clock : now);
	}
	watch_stopped(&w, &stop, now);
	assert(w.over_at == (virtual_time ? w.clock : now));
	judge(&w);
	watch_fini(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse_alone((const char *)data, size);
	for (int how = 0; how < 4; how++)
		play(data, size, how & 1, how & 2);
	return 0;
}
