/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The schedule as the guest's kernel traced it: every switch, wake-up and migration from the
 * body's start to its end, in order. Written by a BPF program, carried by FRAME_EVENTS, read by the host. Nothing in
 * an event may differ between two runs of the same virtual machine: no addresses, no host time.
 */
#ifndef ABI_EVENT_H
#define ABI_EVENT_H

#include <stdint.h>

enum sched_event_kind {
	SCHED_EVENT_SWITCH = 1,
	SCHED_EVENT_WAKEUP = 2,
	SCHED_EVENT_WAKEUP_NEW = 3,
	SCHED_EVENT_MIGRATE = 4,
};
#define SCHED_EVENT_KIND_MAX SCHED_EVENT_MIGRATE

#define SCHED_EVENT_COMM 8

struct sched_event {
	uint64_t ns;	/* guest CLOCK_MONOTONIC */
	uint32_t pid_a; /* switch: who leaves; else: whom it is about */
	uint32_t pid_b; /* switch: who comes; wake-up: to which CPU; migration: see below */
	uint16_t cpu;	/* where it was traced */
	uint16_t state; /* switch: the kernel's state bits of who leaves, 0 = could run on */
	uint8_t kind;	/* enum sched_event_kind */
	uint8_t reserved[3];
	char comm[SCHED_EVENT_COMM]; /* of who comes, or is meant; cut, padded with 0 */
};
_Static_assert(sizeof(struct sched_event) == 32, "struct sched_event changed size");

/* pid_b of a migration: both CPUs. */
#define SCHED_EVENT_CPUS(from, to) ((uint32_t)(from) << 16 | ((uint32_t)(to) & 0xffff))

/* At most so many events are kept (job key "events"): 8 MiB. */
#define SCHED_EVENTS_MAX 262144u

/* Begins the FRAME_NOTE that says why there will be no FRAME_DIGEST. */
#define NO_DIGEST_NOTE "no schedule digest: "

#endif
