/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The schedule from the body's start to its end, traced in the kernel (trace.bpf.c) and told to the host. Without
 * it the run goes on: the host is told why there is no digest. trace_none.c takes the place of
 * trace.c where there is no compiler for BPF.
 */
#ifndef GUEST_TRACE_H
#define GUEST_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct job;
struct uplink;
struct trace;

void trace_destroy(struct trace *t);

/* *ret stays NULL if the job asks for none. Nothing is traced before trace_begin(). */
int trace_create(const struct job *j, struct trace **ret, struct err *e);

/*
 * Before trace_begin(): for this job instead of the one it was made for. -EINVAL: it keeps another
 * number of events, or none.
 */
int trace_aim(struct trace *t, const struct job *j, struct err *e);

/* The rest takes NULL too. The window opens and closes once. */
void trace_begin(struct trace *t);
void trace_end(struct trace *t);
/*
 * After the end: what was traced, as much as the uplink has room for. Call until true, when all has
 * been sent.
 */
bool trace_send(struct trace *t, struct uplink *up);

#endif
