/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/pulse.h"

/* Of the time between two looks: an idle emulator uses none at all. */
#define IDLE_SHARE 100

void pulse_init(struct pulse *p, uint64_t now)
{
	*p = (struct pulse){ .moved_at = now, .look_at = now + PULSE_LOOK_NS };
}

static void advance(struct pulse *p, uint64_t guest_ns, uint64_t now)
{
	if (guest_ns <= p->guest_ns)
		return;
	p->guest_ns = guest_ns;
	p->moved_at = now;
	p->stood = false;
}

void pulse_rest(struct pulse *p, uint64_t now)
{
	p->moved_at = now;
	p->look_at = now + PULSE_LOOK_NS;
	p->looked_at = 0;
	p->stood = false;
}

void pulse_news(struct pulse *p, uint64_t guest_ns, uint64_t now)
{
	if (guest_ns <= p->guest_ns)
		return;
	advance(p, guest_ns, now);
	p->look_at = now + PULSE_LOOK_NS;
}

bool pulse_look(struct pulse *p, uint64_t run_ns, uint64_t wait_ns, uint64_t now)
{
	/* A look before the last news says nothing about the silence since. */
	bool first = p->looked_at <= p->moved_at;
	uint64_t used = run_ns - p->run_ns + (wait_ns - p->wait_ns);

	p->idle = !first && used < (now - p->looked_at) / IDLE_SHARE;
	if (first)
		p->ask_run_ns = run_ns + PULSE_WORK_NS;
	p->looked_at = now;
	p->run_ns = run_ns;
	p->wait_ns = wait_ns;
	p->look_at = now + PULSE_LOOK_NS;
	return p->idle || run_ns >= p->ask_run_ns;
}

enum pulse_state pulse_read(struct pulse *p, uint64_t guest_ns, uint64_t now)
{
	bool moved = guest_ns > p->guest_ns, stood = p->stood;

	advance(p, guest_ns, now);
	p->ask_run_ns = p->run_ns + PULSE_WORK_NS;
	if (moved)
		return PULSE_BEATS;
	/* Once may be an emulator that was stopped for a while and goes on. */
	p->stood = p->idle;
	if (stood && p->idle)
		return PULSE_ASLEEP;
	return now - p->moved_at >= PULSE_HUNG_NS ? PULSE_HUNG : PULSE_BEATS;
}
