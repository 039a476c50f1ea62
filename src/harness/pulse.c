/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/pulse.h"

/* Of the time between two looks: one that hangs uses none, one that is hardly let run a little. */
#define IDLE_SHARE 100000

void pulse_init(struct pulse *p, uint32_t vcpus, uint64_t now)
{
	*p = (struct pulse){
		.moved_at = now,
		.look_at = now + PULSE_LOOK_NS,
		.boot_ns = PULSE_BOOT_NS(vcpus),
	};
}

static void advance(struct pulse *p, uint64_t guest_ns, uint64_t now)
{
	if (guest_ns <= p->guest_ns)
		return;
	p->guest_ns = guest_ns;
	p->moved_at = now;
}

void pulse_rest(struct pulse *p, uint64_t now)
{
	p->moved_at = now;
	p->look_at = now + PULSE_LOOK_NS;
	p->looked_at = 0;
	p->boot_ns = PULSE_BOOT_NS(0);
}

void pulse_news(struct pulse *p, uint64_t guest_ns, uint64_t now)
{
	if (guest_ns <= p->guest_ns)
		return;
	advance(p, guest_ns, now);
	p->look_at = now + PULSE_LOOK_NS;
}

static void let_it_work(struct pulse *p)
{
	p->ask_run_ns = p->used.run_ns + (p->guest_ns ? PULSE_WORK_NS : p->boot_ns);
	p->ask_jumps_ns = p->used.jumps_ns + PULSE_JUMPS_NS;
}

bool pulse_look(struct pulse *p, const struct pulse_use *used, uint64_t now)
{
	/* A look before the last news says nothing about the silence since. */
	bool first = p->looked_at < p->moved_at;
	uint64_t more = used->run_ns - p->used.run_ns + (used->wait_ns - p->used.wait_ns) +
			(used->jumps_ns - p->used.jumps_ns);
	bool idle = !first && more < (now - p->looked_at) / IDLE_SHARE;

	p->used = *used;
	p->looked_at = now;
	p->look_at = now + PULSE_LOOK_NS;
	if (first)
		let_it_work(p);
	return idle || used->run_ns >= p->ask_run_ns || used->jumps_ns >= p->ask_jumps_ns;
}

enum pulse_state pulse_read(struct pulse *p, uint64_t guest_ns, uint64_t now)
{
	advance(p, guest_ns, now);
	p->looked_at = now; /* the look that led to it is one since these news */
	let_it_work(p);
	return now - p->moved_at >= PULSE_HUNG_NS ? PULSE_HUNG : PULSE_BEATS;
}
