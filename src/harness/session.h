/* SPDX-License-Identifier: GPL-2.0-only */
/* One guest from archive to verdict, in the process that owns its VM. */
#ifndef HARNESS_SESSION_H
#define HARNESS_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/host.h"
#include "harness/pulse.h"
#include "harness/snapshot.h"
#include "harness/watch.h"
#include "image/guest.h"
#include "link/job.h"
#include "vm/vm.h"

/*
 * What a guest was started with, for making it again: the archive without its job, as the first
 * bytes of a file, and the job. Zero-initialised but for fd = -1 holds nothing.
 */
struct session_source {
	int fd;
	uint64_t size;
	char sha256[65]; /* of the archive */
	char *file;	 /* of the cache that has it, may be NULL */
	char *job;
	struct snapshot_base base; /* what it was resumed from; no size: it booted */
};
void session_source_fini(struct session_source *s);
DEFINE_SCOPED_FINI(struct session_source, session_source_fini)

/* All pointers are borrowed. */
struct session;
struct session_spec {
	const struct vm_backend *backend;
	struct vm_config vm;		    /* initrd_fd is filled in */
	struct guest_spec image;	    /* modules are filled in */
	struct job *job;		    /* modules are filled in */
	const struct session_source *again; /* instead of these two; NULL = build it */
	struct session_source *source;	    /* filled for who wants to know; may be NULL */
	struct host_wish host;		    /* zeroed: runs wherever the kernel puts it */
	struct patience patience;	    /* with who makes the snapshot it needs */
	struct watch_limits limits;
	const struct ktstr_limits
		*checks; /* what the test's details were judged by; NULL = no test */
	/* Live streams; see struct watch. */
	void (*on_output)(void *ctx, enum watch_stream s, const void *data, size_t n);
	void (*on_console)(void *ctx, const void *data, size_t n);
	void (*on_tty)(void *ctx, const void *data, size_t n);
	/*
	 * The machine is frozen (vm.freeze_at) and goes on when this returns; may be NULL. @end_fd is
	 * readable once it has ended: who has a gdb at it may let it go on there.
	 */
	int (*on_frozen)(void *ctx, uint32_t cpu, int end_fd, struct err *e);
	/* A watched descriptor is ready: may send frames with session_send(). */
	int (*on_input)(void *ctx, struct session *s, int fd, struct err *e);
	/* The body has begun and takes input, or the link has taken all that was queued for it. */
	int (*on_ready)(void *ctx, struct session *s, struct err *e);
	const int *inputs; /* descriptors to watch, -1 ends the list; NULL = none */
	void *ctx;
};

struct session {
	const struct session_spec *spec;
	struct vm *vm;
	struct host_use host;
	struct watch watch;
	struct guest_build image;
	struct snapshot snap;
	struct buf boot_log; /* of the machine that is going to be saved */
	bool made_snapshot;  /* and goes on from it */
	bool said_before;    /* what the machine repeats of the console is known */
	uint32_t tx_seq;
	bool input_open;
	struct stall_meter *stalls; /* real time: what the host did to the guest */
	struct pulse pulse;	    /* virtual time: whether it passes */
	bool unread; /* the guest's clock was read, not yet all that it said before */
};

/* What the guest process itself ended with, for `ktstr run`. */
struct session_end {
	bool have_exit;
	struct exit_msg exit;
};

/*
 * Builds the archive, starts the machine, watches it to its end. 0: @ret says what became of it
 * (which may be any verdict). Negative: the host could not do it; @e says why, nothing is left.
 */
int session_run(const struct session_spec *spec, struct cell_result *ret, struct session_end *end,
		struct err *e);

/* From on_input: one frame to the guest; -ENOBUFS when it is too slow, try again later. */
int session_send(struct session *s, uint16_t type, const void *data, size_t n, struct err *e);

#endif
