/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The error value: an int steers control flow, this keeps the story. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

/* What a failure means for a run. It goes with the struct err through every frame. */
enum err_class {
	ERR_HARD,	/* something is wrong */
	ERR_CONTENTION, /* the host is short of something just now: another time it may work */
	ERR_TOPOLOGY,	/* this host can never run that machine */
};

/*
 * Owned by the caller, fixed size, nothing to free, safe to copy into a result.
 * Message grammar: "<object> <which>: <what>: <errno text>", lower case, no full stop.
 */
struct err {
	int code; /* negative errno, 0 while nothing failed */
	enum err_class cls;
	char text[400];
};

/*
 * Records why and hands @code (negative errno) back so that callers can return it. The class is
 * ERR_HARD. @e may be NULL.
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set(), with ": <strerror(-code)>" appended. */
int err_sys(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<frame>: " in front of what @e says and returns e->code; for crossing a folder boundary. */
int err_frame(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says what class @e is of and hands @code back: return err_class(e, ERR_TOPOLOGY, err_set(e, ...)). */
int err_class(struct err *e, enum err_class cls, int code);

/* ERR_CONTENTION for the errnos of a host that is short of something, else ERR_HARD. @code is negative. */
enum err_class err_class_of(int code);

#endif
