/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Watches one guest from start to end and says what became of it. Pure: it is told what happened and
 * when, and answers what to do; it knows no VM, no clock and no file. All guest bytes are hostile.
 */
#ifndef HARNESS_WATCH_H
#define HARNESS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "harness/result.h"
#include "harness/schedule.h"
#include "link/frame.h"

struct vm_stop;

/* Time limits in ns; 0 = none. */
struct watch_limits {
	uint64_t boot;	   /* machine start to HELLO */
	uint64_t attach;   /* scheduler start to attached, beyond what init allows itself */
	uint64_t body;	   /* body start to its end, beyond what init allows itself */
	uint64_t silence;  /* without any frame, once HELLO was there: the guest hangs */
	uint64_t stop;	   /* EXIT frame (or our STOP) to the machine being gone */
	bool test_mode;	   /* a RESULT is due */
	bool emulated;	   /* CPUs are emulated, not virtualised */
	bool virtual_time; /* all times are the guest's; see watch_link() */
};

/*
 * Generous but finite limits for a guest of @cpus vCPUs, on a host that takes @slow times as long as an
 * ordinary one. Virtual time is as good as real hardware, wherever it passes.
 */
struct watch_limits watch_default_limits(uint32_t cpus, bool emulated, bool virtual_time,
					 uint32_t slow);

enum watch_phase {
	WATCH_BOOTING,
	WATCH_PREPARING, /* HELLO seen: modules, scheduler */
	WATCH_ATTACHING,
	WATCH_BODY,
	WATCH_ENDING, /* body over, or told to stop */
	WATCH_OVER,
};

enum watch_action {
	WATCH_GO_ON,
	WATCH_ASK_STOP, /* send FRAME_STOP */
	WATCH_KILL,	/* vm_kill() */
};

enum watch_stream {
	WATCH_STDOUT,
	WATCH_STDERR,
	WATCH_NOTE,
};

struct watch {
	struct watch_limits limits;
	enum watch_phase phase;
	enum cause cause; /* first one wins, a panic always */
	char text[512];
	uint64_t started, hello_at, sched_at, attached_at, body_at, load_at, load_end_at,
		body_end_at;
	uint64_t clock; /* virtual time: the latest that the guest told */
	uint64_t exit_at, over_at, last_frame_at, stop_asked_at;
	bool load_began, load_over;
	struct hello_msg hello;
	bool have_exit;
	bool exit_answered;
	struct exit_msg exit;
	struct frame_parser parser;
	struct buf console; /* last part of it */
	struct buf line;    /* the console line being received */
	struct buf output, sched_log, sched_dump, result;
	struct schedule schedule;
	char panic[256];
	bool stray_int3; /* the kernel met a breakpoint that it had not set */
	/* Live output, for `ktstr run`; output is then not collected. May be NULL. */
	void (*on_output)(void *ctx, enum watch_stream s, const void *data, size_t n);
	void (*on_console)(void *ctx, const void *data, size_t n);
	void *ctx;
};

void watch_init(struct watch *w, const struct watch_limits *limits, uint64_t now);
void watch_fini(struct watch *w);
DEFINE_SCOPED_FINI(struct watch, watch_fini)

/* In virtual time the guest's own clock counts, as far as its frames tell it; @now is then not used. */
void watch_console(struct watch *w, const void *data, size_t n, uint64_t now);
void watch_link(struct watch *w, const void *data, size_t n, uint64_t now);
void watch_link_closed(struct watch *w, uint64_t now);
/* The machine does not get on, for a reason other than its guest's silence. */
void watch_give_up(struct watch *w, enum cause c, const char *why);
void watch_stopped(struct watch *w, const struct vm_stop *stop, uint64_t now);
/* What to do now; call after every event and at watch_deadline(). */
enum watch_action watch_tick(struct watch *w, uint64_t now);
/* UINT64_MAX = nothing is awaited */
uint64_t watch_deadline(const struct watch *w);

/* After the end: details, statistics, logs and times that the watch knows, added to @ret. */
void watch_collect(struct watch *w, struct cell_result *ret);
/* Then verdict, cause and headline, from the cause the watch found and the details in @ret. */
int watch_judge(struct watch *w, struct cell_result *ret);

#endif
