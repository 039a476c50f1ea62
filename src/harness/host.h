/* SPDX-License-Identifier: GPL-2.0-only */
/* The host CPUs of one run: asked for, reserved, used, told about and given back. */
#ifndef HARNESS_HOST_H
#define HARNESS_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "machine/hosttopo.h"
#include "vm/pin.h"
#include "vm/reserve.h"

struct buf;
struct cell_result;
struct err;

/* All pointers are borrowed. Zeroed it asks for nothing. */
struct host_wish {
	const struct hosttopo *topo; /* what host_look() found; NULL = reserve nothing */
	enum pin_mode mode;
	uint32_t cpu_cap;
	uint64_t wait_ns;
	const char *run;
	struct patience patience;
};

/* Zero-initialised holds nothing. */
struct host_use {
	bool reserved;
	struct pin_plan plan;
	struct reservation res;
	struct pin_mask before; /* affinity of this process */
	int policy_before;
};

/* The CPUs that this process may use. Release with hosttopo_fini(). */
int host_look(struct hosttopo *ret, struct err *e);

/*
 * Reserves and puts this process where the machine is to be. In virtual time performance mode is
 * nothing but a note: the guest's clock does not depend on the host.
 */
int host_enter(const struct host_wish *w, const struct topology *guest, bool virtual_time,
	       struct host_use *u, struct err *e);
/* The machine runs: from here on this thread only serves it. */
void host_serve(struct host_use *u);
/* What came of it, and what @machine has to say about it. */
void host_tell(const struct host_use *u, const struct pin_warnings *machine,
	       struct cell_result *ret);
/* Once the machine is gone. */
void host_leave(struct host_use *u);

/*
 * What performance mode would go without on this machine, as a list of half sentences; empty = it
 * lacks nothing. @root is in front of /sys and /proc ("" but in tests), @fifo whether this process may
 * have real-time priority.
 */
void host_lacks(const struct hosttopo *h, const char *root, bool fifo, struct buf *out);
/* Tries it. */
bool host_may_fifo(void);

#endif
