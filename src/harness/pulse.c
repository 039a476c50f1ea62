/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/pulse.h"

/* Of the time between two looks: an idle emulator uses none at all. */
#define IDLE_SHARE 100

void pulse_init(struct pulse *p, uint64_t now)
{
	*p = (struct pulse){ .moved_at = now, .ask_at = now + PULSE_ASK_NS };
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
	p->ask_at = now + PULSE_ASK_NS;
	p->asked_at = 0;
}

void pulse_news(struct pulse *p, uint64_t guest_ns, uint64_t now)
{
	if (guest_ns <= p->guest_ns)
		return;
	advance(p, guest_ns, now);
	p->ask_at = now + PULSE_ASK_NS;
}

enum pulse_state pulse_look(struct pulse *p, uint64_t guest_ns, uint64_t busy_ns, uint64_t now)
{
	uint64_t last = p->asked_at, used = busy_ns - p->busy_ns;

	p->asked_at = now;
	p->busy_ns = busy_ns;
	p->ask_at = now + PULSE_ASK_NS;
	advance(p, guest_ns, now);
	if (p->moved_at == now)
		return PULSE_BEATS;
	if (last > p->moved_at && used < (now - last) / IDLE_SHARE)
		return PULSE_ASLEEP;
	return now - p->moved_at >= PULSE_HUNG_NS ? PULSE_HUNG : PULSE_BEATS;
}
