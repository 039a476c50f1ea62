/* SPDX-License-Identifier: GPL-2.0-only */
/* What the two halves of the watch share: watching (watch.c) and judging (watch_judge.c). */
#ifndef HARNESS_WATCH_PARTS_H
#define HARNESS_WATCH_PARTS_H

#include "harness/watch.h"

#define CONSOLE_KEEP (64u << 10)

/* The first cause explains the others; only a panic explains more than what it made fail. */
void watch_blame(struct watch *w, enum cause c, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static inline uint64_t since(uint64_t then, uint64_t now)
{
	return then && now > then ? now - then : 0;
}

/* Virtual time starts at 0, which is not "never" here. */
static inline uint64_t age(const struct watch *w, uint64_t now)
{
	return now > w->started ? now - w->started : 0;
}

#endif
