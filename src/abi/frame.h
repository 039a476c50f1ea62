/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The link: frames over a virtio-console port, both ways. Little-endian. Each frame is a header and
 * @len bytes. The CRC-32C covers the header with crc = 0 and then the payload. @seq counts up by one
 * from 0 per direction, so that a loss is seen. A reader that finds damage skips to the next magic.
 */
#ifndef ABI_FRAME_H
#define ABI_FRAME_H

#include <stdint.h>

#define LINK_PORT_NAME "org.ktstr.link"
#define TTY_PORT_NAME "org.ktstr.tty"
#define FRAME_MAGIC 0x464b5446u /* bytes "FTKF" */
#define FRAME_VERSION 1
#define FRAME_MAX_PAYLOAD 65536

/*
 * Flag in @type, FRAME_RESULT only: the payload goes on in the next frame of this type. The reader
 * joins them, up to RESULT_MAX_SIZE bytes.
 */
#define FRAME_MORE 0x8000
#define RESULT_MAX_SIZE (4u << 20)

struct frame_header {
	uint32_t magic;
	uint8_t version;
	uint8_t reserved;
	uint16_t type; /* enum frame_type */
	uint32_t len;
	uint32_t seq;
	uint32_t crc;
};
_Static_assert(sizeof(struct frame_header) == 20, "struct frame_header changed size");

/* guest to host below 256, host to guest from 256 */
enum frame_type {
	FRAME_HELLO = 1,     /* struct hello_msg: init runs, the link works */
	FRAME_STAGE = 2,     /* struct stage_msg: a milestone was reached */
	FRAME_BEAT = 3,	     /* struct beat_msg, every BEAT_INTERVAL_MS while the guest lives */
	FRAME_OUT = 4,	     /* bytes of the command's or test's standard output */
	FRAME_ERR = 5,	     /* ... standard error */
	FRAME_SCHED_LOG = 6, /* bytes of the scheduler's output, both streams */
	/*
	 * JSON: {"during":"attach|test","pid":N,"exited":code | "signal":n | "alive":true,
	 * "kernel_reason":"...","dump":"..."}; never for an end that init itself brought about
	 */
	FRAME_SCHED_END = 7,
	FRAME_RESULT = 8, /* JSON: the test's result, see abi/result.h */
	FRAME_FATAL =
		9, /* text: init or libktstr could not do its part; the run cannot be judged */
	FRAME_EXIT = 10,    /* struct exit_msg: last frame; see EXIT_ACK_MS */
	FRAME_NOTE = 11,    /* text: a warning worth showing */
	FRAME_DIGEST = 12,  /* struct digest_msg, once, between the last stage and EXIT */
	FRAME_EVENTS = 13,  /* array of struct sched_event; after DIGEST, in order, `kept` in all */
	FRAME_STDIN = 256,  /* bytes for the command's standard input; empty = end of file */
	FRAME_WINSZ = 257,  /* struct winsz_msg */
	FRAME_SIGNAL = 258, /* uint32_t signal number for the command's process group */
	FRAME_STOP = 259,   /* end the run now, in order: stop the test, send what there is, EXIT */
};

#define BEAT_INTERVAL_MS 250

/*
 * The guest cannot see whether the host has read all that the port took. So the host answers EXIT
 * with FRAME_STOP, or ends the machine; without an answer power-off comes this much later. In virtual
 * time nothing comes from the host, and what the port took is in the host's hands.
 */
#define EXIT_ACK_MS 60000

struct hello_msg {
	uint32_t frame_version;
	uint32_t job_version;
	uint64_t mono_ns; /* guest CLOCK_MONOTONIC when sent */
	uint32_t online_cpus;
	uint32_t page_size;
	uint64_t mem_total; /* bytes, MemTotal */
	char release[64];   /* uname -r */
	char machine[16];   /* uname -m */
};
_Static_assert(sizeof(struct hello_msg) == 112, "struct hello_msg changed size");

enum stage {
	STAGE_SCHED_STARTING = 1, /* about to start the scheduler process */
	STAGE_SCHED_ATTACHED = 2, /* sched_ext says enabled */
	STAGE_BODY_START = 3,	  /* the test binary or command is about to run */
	STAGE_LOAD_START = 4,	  /* first hold begins: the measured window */
	STAGE_LOAD_END = 5,
	STAGE_BODY_END = 6, /* test binary or command has ended */
};

struct stage_msg {
	uint32_t stage; /* enum stage */
	uint32_t reserved;
	uint64_t mono_ns;
};

struct beat_msg {
	uint64_t mono_ns;
	uint64_t count;
};

enum exit_kind {
	EXIT_KIND_CODE = 0,    /* value = exit status */
	EXIT_KIND_SIGNAL = 1,  /* value = signal number */
	EXIT_KIND_NOTHING = 2, /* nothing was run (see the FATAL or SCHED_END frame before) */
	EXIT_KIND_TIMEOUT = 3, /* init ended it because job key "timeout_ms" passed */
};

struct exit_msg {
	uint32_t kind; /* enum exit_kind */
	int32_t value;
};

/*
 * The schedule, see abi/event.h; the times are guest CLOCK_MONOTONIC. In a run that is to stop at an
 * event (job keys) the kernel's function at @stop_at is called when that event and each one after it
 * has been traced, and at no other time: a breakpoint there stops the run, once or step by step.
 */
struct digest_msg {
	uint64_t digest; /* of all events, see link/event.h */
	uint64_t events;
	uint64_t kept; /* as many follow in FRAME_EVENTS */
	uint64_t begin_ns, end_ns;
	uint64_t stop_at; /* 0 = unknown */
};
_Static_assert(sizeof(struct digest_msg) == 48, "struct digest_msg changed size");

struct winsz_msg {
	uint16_t rows, cols, xpixel, ypixel;
};

#endif
