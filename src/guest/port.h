/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio-console ports, found by the name the host gave them. */
#ifndef GUEST_PORT_H
#define GUEST_PORT_H

#include <stdint.h>

struct err;

/*
 * Waits until a port of that name is there, and until @deadline (now_ns()) at most. Returns 0 with
 * the device's path in @ret, or -ETIMEDOUT.
 */
int port_find(const char *name, uint64_t deadline, char ret[64], struct err *e);

/* The same, then opens it non-blocking and waits until the host has its end open. */
int port_open(const char *name, uint64_t deadline, struct err *e);

#endif
