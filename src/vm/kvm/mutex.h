/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mutex that real-time vCPU threads share with the loop: whoever holds it inherits the priority of who
 * waits for it. Taking one that cannot be taken is a bug of ours and ends the process.
 */
#ifndef VM_KVM_MUTEX_H
#define VM_KVM_MUTEX_H

#include <assert.h>
#include <pthread.h>

#include "base/scoped.h"

static inline void mutex_init(pthread_mutex_t *m)
{
	pthread_mutexattr_t a;
	int r = pthread_mutexattr_init(&a);

	if (!r)
		r = pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	/* a kernel without PI futexes says so here */
	if (r || pthread_mutex_init(m, &a))
		r = pthread_mutex_init(m, NULL);
	assert(!r);
	pthread_mutexattr_destroy(&a);
}

static inline pthread_mutex_t *mutex_take(pthread_mutex_t *m)
{
	int r = pthread_mutex_lock(m);

	assert(!r);
	return m;
}

static inline void mutex_drop(pthread_mutex_t *m)
{
	int r = m ? pthread_mutex_unlock(m) : 0;

	assert(!r);
}
DEFINE_SCOPED(pthread_mutex_t *, mutex_drop)

/* Holds @m to the end of the scope. */
#define LOCKED(m) SCOPED(mutex_drop) pthread_mutex_t *held_ __attribute__((unused)) = mutex_take(m)

#endif
