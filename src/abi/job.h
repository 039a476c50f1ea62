/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The job: what a guest is to do, one text file in the archive. Lines "key=value", LF, no quoting;
 * a value may contain anything but NUL. A LF in it is written with a tab behind it: a line that begins
 * with a tab goes on with the value of the one before. Keys marked * may repeat, in order. First line is
 * always "job=1" (the version). Unknown keys are an error: host and guest are built together.
 *
 * The other names both sides must agree on are here as well.
 */
#ifndef ABI_JOB_H
#define ABI_JOB_H

#define JOB_VERSION 1
#define JOB_TIME_VIRTUAL "virtual"
#define JOB_MAX_SIZE 65536

#define GUEST_JOB_PATH "/ktstr/job"
#define GUEST_SENTINEL_PATH \
	"/ktstr/complete" /* last entry of the archive: proves full extraction */
#define GUEST_MODULE_DIR "/ktstr/modules"
#define GUEST_TEST_PATH "/ktstr/test" /* the test binary */
#define GUEST_SCHED_PATH "/ktstr/scheduler"
#define GUEST_BIN_DIR "/ktstr/bin"	  /* host commands packed along, on PATH */
#define GUEST_BUSYBOX_PATH "/bin/busybox" /* optional */
#define GUEST_CGROUP_ROOT "/sys/fs/cgroup"

/* X(field, key): single-valued keys; repeated ones are listed below. */
#define JOB_KEYS(X) \
	X(mode, "mode") /* test | exec | shell */ \
	X(test, "test") /* mode test: name in the registry */ \
	X(seed, "seed") /* decimal u64 */ \
	X(time, "time") /* "virtual": nothing will ever come from the host; absent: real */ \
	X(duration_ms, "duration_ms") \
	X(timeout_ms, "timeout_ms") /* of the body, 0 = none */ \
	X(attach_timeout_ms, "attach_timeout_ms") \
	X(sched_name, "sched_name") /* display name; absent = no scheduler */ \
	X(topology, "topology")	    /* as declared: AnBlCcDt */ \
	X(limits, "limits") /* merged limits: "progress=1 max_gap_ms=2000 isolation=off" */ \
	X(cwd, "cwd") \
	X(hostname, "hostname") \
	X(rows, "rows") \
	X(cols, "cols") \
	X(term, "term") \
	X(events, "events") /* trace the schedule, keep so many events; absent = no tracing */ \
	X(stop_event, "stop_event")   /* index of the event to stop at, see JOB_STOP_WIDTH */ \
	X(stop_ns, "stop_ns")	      /* ... or the first one not before this guest time */ \
	X(parcel_at, "parcel_at")     /* of a machine to be frozen: guest physical address ... */ \
	X(parcel_size, "parcel_size") /* ... and bytes of where its real job comes, abi/parcel.h */

/*
 * Both keys of a stop are written with this many digits, and always if there is a key "events":
 * then a run that is to stop executes the very instructions of the one it repeats, until it stops.
 */
#define JOB_STOP_WIDTH 20
#define JOB_STOP_NEVER INT64_MAX

/* Repeated keys */
#define JOB_KEY_ARG "arg"	      /* command and arguments, mode exec; first is the program */
#define JOB_KEY_SCHED_ARG "sched_arg" /* scheduler arguments (the program is GUEST_SCHED_PATH) */
#define JOB_KEY_MODULE "module"	      /* file name below GUEST_MODULE_DIR, load order */
#define JOB_KEY_ENV "env"	      /* NAME=value for the command or test */
#define JOB_KEY_SYSCTL "sysctl"	      /* path with slashes below /proc/sys, blank, value */

/* Begins the line on the kernel's console by which init says why it gives up when it has no link. */
#define CONSOLE_FATAL "ktstr-init: FATAL: "
/* What follows if it had one and found it closed. */
#define CONSOLE_LINK_LOST "the link to the host was lost"

/* Guest mode of a test binary: started by ktstr-init with these in its environment. */
#define GUEST_ENV_FD \
	"KTSTR_GUEST_FD"	  /* connected SOCK_SEQPACKET; one message = type (u16) + payload */
#define GUEST_ENV_JOB "KTSTR_JOB" /* path of the job file */

#endif
