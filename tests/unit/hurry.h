/* SPDX-License-Identifier: GPL-2.0-only */
/* For programs linked with --wrap=poll and --wrap=now_ns: long waits that take no time. */
#ifndef UNIT_HURRY_H
#define UNIT_HURRY_H

/*
 * The most that a poll() really waits; when that was in vain, all that it would have waited has passed on
 * the clock of now_ns(). -1 = no hurry.
 */
extern int hurry_ms;

#endif
