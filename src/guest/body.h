/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guest is there for: a test, a command or a shell, with its streams. */
#ifndef GUEST_BODY_H
#define GUEST_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/child.h"
#include "guest/stream.h"

struct err;
struct frame;
struct job;

enum body_mode {
	BODY_TEST,  /* the job's test in GUEST_TEST_PATH */
	BODY_EXEC,  /* the job's command */
	BODY_SHELL, /* an interactive shell on the virtio console */
};

#define BODY_STREAMS 3

struct body {
	enum body_mode mode;
	uint64_t timeout_ns; /* 0 = none */
	struct child child;
	struct stream streams[BODY_STREAMS]; /* stdout, stderr, messages of a test */
	struct feed in;
	int tty; /* mode shell, else -1 */
};

void body_init(struct body *b);
/* Checks what the job says about the body, before anything is started. */
int body_plan(struct body *b, const struct job *j, struct err *e);
/* @deadline: until when the terminal must have shown up. */
int body_start(struct body *b, const struct job *j, uint64_t deadline, struct err *e);

/* A frame of the host that concerns the body; others are left alone. */
void body_frame(struct body *b, const struct frame *f);

/* The process has ended: what is left in its streams is the rest. */
void body_finish(struct body *b);
/* All has been read that will be. */
bool body_is_quiet(const struct body *b);
/* The terminal has not given all to the host yet. */
bool body_has_output(const struct body *b);

#endif
