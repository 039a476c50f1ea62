/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Work that contends for a lock. Releasing wakes one sleeper, chosen in turn, and does not hand
 * the lock over: whoever comes first gets it, as with ordinary mutexes. Each sleeper has a futex
 * word of its own, so that a wake-up has one addressee whose latency, or absence, is its own.
 */
#include <stdbool.h>

#include "author/work.h"

static bool try_lock(struct work_group *g)
{
	uint32_t open = 0;

	return __atomic_compare_exchange_n(&g->token, &open, 1, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* Parking first and trying again after it, no release can be missed. */
static void lock(struct worker *w)
{
	uint32_t *parked = &w->slot->parked;

	while (!try_lock(w->group)) {
		worker_block(w);
		__atomic_store_n(parked, 1, __ATOMIC_SEQ_CST);
		if (try_lock(w->group)) {
			__atomic_store_n(parked, 0, __ATOMIC_SEQ_CST);
			worker_unblock(w);
			return;
		}
		while (__atomic_load_n(parked, __ATOMIC_SEQ_CST))
			futex_wait(parked, 1, NULL);
		worker_unblock(w);
	}
}

static void unlock(struct worker *w)
{
	struct work_group *g = w->group;

	__atomic_store_n(&g->token, 0, __ATOMIC_SEQ_CST);
	for (uint32_t i = 1; i < g->size; i++) {
		struct slot *s = &g->slots[(w->member + i) % g->size];
		uint32_t parked = 1;

		if (!__atomic_load_n(&s->parked, __ATOMIC_SEQ_CST))
			continue;
		slot_wake(s);
		if (!__atomic_compare_exchange_n(&s->parked, &parked, 0, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			continue;
		futex_wake(&s->parked, 1);
		return;
	}
}

static void mutex_pass(struct worker *w)
{
	worker_spin(w, w->args->mutex_contention.work);
	lock(w);
	worker_spin(w, w->args->mutex_contention.hold);
	unlock(w);
}

const struct work_type work_mutex_contention = {
	.name = "mutex_contention",
	.wakes = true,
	.params =
		(const struct work_param[]){
			WORK_PARAM(mutex_contention.contenders, 4, 2, 1024),
			WORK_PARAM(mutex_contention.hold, 256, 1, 1000000000),
			WORK_PARAM(mutex_contention.work, 1024, 1, 1000000000),
			{ 0 },
		},
	.group = 0,
	.group_by = offsetof(struct ktstr_workers, mutex_contention.contenders),
	.pass = mutex_pass,
};
