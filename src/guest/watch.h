/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of a sched_ext scheduler as seen from three sides: its process, the kernel's log, the
 * kernel's state file. Decides when it is attached and when, why and how it ended. Does nothing
 * itself: time and facts go in, events come out.
 */
#ifndef GUEST_WATCH_H
#define GUEST_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "guest/kmsg.h"

enum watch_state {
	WATCH_OFF,
	WATCH_STARTING,
	WATCH_ATTACHED,
	WATCH_CLOSING,	/* the end has been seen; the rest of the story is being waited for */
	WATCH_OVER,	/* the end was reported */
	WATCH_STOPPING, /* we stop it: whatever happens now is no news */
};

enum watch_event {
	WATCH_NOTHING,
	WATCH_IS_ATTACHED, /* once */
	WATCH_IS_OVER,	   /* once; watch_report() has the story */
};

/* From the first sign of an end until it is reported even if parts of the story are missing. */
#define WATCH_CLOSING_NS 1500000000u
#define WATCH_REASON_MAX 4096

struct watch {
	enum watch_state state;
	bool told_attached;
	bool in_attach; /* the end came before it was attached */
	bool process_ended;
	bool kernel_said;   /* the log has the reason of the end */
	bool kernel_let_go; /* nothing more will come from there */
	int status;	    /* wait status, once process_ended */
	uint64_t deadline;  /* now_ns() time at which STARTING or CLOSING is over */
	struct buf reason;  /* the kernel's words, if it was the kernel that ended it */
};

void watch_fini(struct watch *w);
void watch_start(struct watch *w, uint64_t now, uint64_t timeout_ns);
void watch_stop(struct watch *w);

void watch_kmsg(struct watch *w, uint64_t now, const struct kmsg_record *r);
/* Content of /sys/kernel/sched_ext/state */
void watch_kernel_state(struct watch *w, uint64_t now, const char *state);
void watch_process_ended(struct watch *w, uint64_t now, int status);

/* @log_closed: there is nothing more to come from the process' output. Call until WATCH_NOTHING. */
enum watch_event watch_next(struct watch *w, uint64_t now, bool log_closed);

/* The JSON of FRAME_SCHED_END, at most FRAME_MAX_PAYLOAD bytes; @dump is cut to fit. */
void watch_report(const struct watch *w, int pid, const char *dump, struct buf *out);

#endif
