/* SPDX-License-Identifier: GPL-2.0-only */
/* What makes the guest a usable machine and init its supervisor. */
#ifndef GUEST_SETUP_H
#define GUEST_SETUP_H

struct err;
struct job;

/*
 * Real-time priority that children do not inherit: no scheduler under test, however broken, comes
 * between init and a CPU.
 */
int setup_priority(struct err *e);

/*
 * Virtual time: what differs from seed to seed. The kernel's random numbers, which have no other source
 * there, and where in a tick everything begins.
 */
int setup_seed(const struct job *j, struct err *e);

/* Host name, limits, and the job's sysctls. */
int setup_system(const struct job *j, struct err *e);

/* For a process of its own, because it takes long; says on standard error what did not work. */
void setup_loopback(void);

#endif
