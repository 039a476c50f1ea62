/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all devices share. A device is pure: it sees guest memory and its line, and acts only when it
 * is called. It has no lock: who owns it calls it by one thread at a time, under one mutex if need be.
 */
#ifndef DEV_LINE_H
#define DEV_LINE_H

/* An interrupt line, edge triggered: each call is one pulse. */
struct dev_line {
	void (*raise)(void *ctx);
	void *ctx; /* borrowed for the device's life */
};

static inline void dev_raise(const struct dev_line *l)
{
	if (l->raise)
		l->raise(l->ctx);
}

#endif
