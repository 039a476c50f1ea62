/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The threads that run the vCPUs of a VM, one each, the boot CPU included. A thread only runs its vCPU
 * and answers its device accesses. All functions are for the VM's owner, from its one thread.
 *
 * A vCPU gets out of the guest when its immediate_exit is set and its thread then gets the signal
 * CREW_SIGNAL: whichever of entry and kick comes first, the entry fails or the guest is left. Every kick
 * has a reason, crew.want, which is set before it and read after immediate_exit was cleared, so none
 * is lost.
 */
#ifndef VM_KVM_CREW_H
#define VM_KVM_CREW_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vm/vm.h"

struct bus;
struct machine;

#define CREW_SIGNAL SIGRTMIN

enum crew_want {
	CREW_PARK, /* all wait outside the guest, registers can be read */
	CREW_RUN,
	CREW_STOP, /* all leave, for good */
};

struct crew_hand {
	struct crew *crew;
	uint32_t cpu;
	pthread_t thread;
	pid_t tid;    /* 0 until the thread runs */
	bool pending; /* the thread's own: a device access whose result the vCPU does not have yet */
};

struct crew {
	struct machine *machine; /* borrowed from the VM, as is the bus */
	struct bus *bus;
	int wake; /* borrowed eventfd: written when the last thread has left */
	/* In each thread before it runs the guest for the first time: where it may run. NULL = anywhere. */
	void (*settle)(void *ctx, uint32_t cpu);
	void *settle_ctx;

	pthread_mutex_t lock;
	pthread_cond_t go;	     /* vCPUs wait for another want */
	pthread_cond_t news;	     /* the owner waits for nr_parked and nr_gone */
	enum crew_want want;	     /* written under the lock, read without */
	uint32_t nr_parked, nr_gone; /* under the lock */
	bool ended;		     /* under the lock, as is: */
	struct vm_stop end;	     /* what the first one to end the machine said */
	uint32_t nr;		     /* threads that were made */
	struct crew_hand *hand;
};

/* Zeroes all but what is borrowed. */
void crew_init(struct crew *c);
/* Ends and joins the threads there are; fine at any time after crew_init(). */
void crew_fini(struct crew *c);
/* Makes the threads; they are parked until crew_resume(). */
int crew_start(struct crew *c, struct err *e);
/* Returns when every vCPU is parked with nothing pending. -ESRCH: the machine has ended. */
int crew_pause(struct crew *c, struct err *e);
int crew_resume(struct crew *c, struct err *e);
/* The machine is over, if it was not before; returns at once. */
void crew_end(struct crew *c, const struct vm_stop *why);
/* Whether all threads have left; then *ret says why. */
bool crew_gone(struct crew *c, struct vm_stop *ret);

#endif
