/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests in virtual time do not boot each time: a machine is booted once up to where its init waits,
 * frozen there and saved, and every run on the same kernel and shape goes on from that. What it is to
 * do comes as a parcel. Which machine that is depends on nothing of the run but its shape: it has a seed
 * of its own, and the run's comes with the parcel.
 */
#ifndef HARNESS_SNAPSHOT_H
#define HARNESS_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/lock_wait.h"
#include "base/scoped.h"
#include "catalog/objects.h"
#include "image/guest.h"
#include "vm/vm.h"

struct catalog;
struct err;

/* Of the schedule, 2 MiB: more than the tests of the examples have. */
#define EVENTS_KEPT 65536

/* The archive of the machine that is frozen, and where in its init. Zeroed but for fd = -1: none. */
struct snapshot_base {
	int fd;
	uint64_t size; /* 0 = the guest boots with its own archive */
	char sha256[OBJECT_NAME_LEN + 1];
	uint64_t freeze_at;
};
void snapshot_base_fini(struct snapshot_base *b);

enum snapshot_state {
	SNAPSHOT_NONE,	 /* boots as a whole */
	SNAPSHOT_MAKING, /* boots to where it is frozen; others wait for it */
	SNAPSHOT_READY,
};

struct snapshot {
	enum snapshot_state state;
	struct snapshot_base base;
	struct vm_config maker; /* what is booted to be frozen; borrows from the run's */
	struct catalog *catalog;
	char key[OBJECT_NAME_LEN + 1];
	struct patience patience; /* of the wish */
	int lock;		  /* held while it is made */
	int fd;			  /* READY: what was saved */
	char why_not[200];
};
#define SNAPSHOT_INIT { .base.fd = -1, .lock = -1, .fd = -1 }

void snapshot_fini(struct snapshot *s);

struct snapshot_wish {
	const struct vm_backend *backend;
	const struct vm_config *vm;	   /* of the run */
	const struct guest_spec *image;	   /* of the run; only kernel modules and cache count */
	uint64_t archive_bytes;		   /* that the parcel has to hold */
	const struct snapshot_base *again; /* take this one as base; NULL = make one */
	struct patience patience;	   /* with who makes it */
};

/*
 * SHA-256 of all that this ktstr would tell the emulator of a run's machine, but for kernel and archive;
 * @archive_bytes is of one that goes on from a snapshot, and 0 of one that boots.
 */
int machine_fingerprint(const struct vm_backend *b, const struct vm_config *vm,
			uint64_t archive_bytes, char ret[OBJECT_NAME_LEN + 1], struct err *e);

/*
 * Finds the snapshot for a run, or becomes the one that makes it. @s is SNAPSHOT_INIT. Where there
 * cannot be one the state is NONE, and why_not says why unless it is by nature.
 */
int snapshot_find(struct snapshot *s, const struct snapshot_wish *w, struct err *e);
/* MAKING and frozen: saves @vm, which is of no use any more, for this run and those that wait. */
int snapshot_save(struct snapshot *s, struct vm *vm, const struct buf *console, struct err *e);
/* MAKING, and its guest has no way to read a parcel: remembers that. */
void snapshot_refuse(struct snapshot *s, const char *why);
/* READY, but damaged: to be made anew. */
void snapshot_redo(struct snapshot *s);
/* Makes @cfg, which is the run's, the machine to create next. */
void snapshot_apply(const struct snapshot *s, struct vm_config *cfg);

#endif
