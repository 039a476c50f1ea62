/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-console with two ports: port 0 is a console (hvc0), port 1 a byte channel with a name.
 * Nothing is ever dropped: what the host does not take stays with the guest, and the other way round.
 */
#ifndef DEV_VIRTIO_CONSOLE_H
#define DEV_VIRTIO_CONSOLE_H

#include <linux/virtio_console.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/virtio_mmio.h"

#define CONSOLE_PORTS 2
#define CONSOLE_QUEUES (2 * (CONSOLE_PORTS + 1))

enum console_port {
	CONSOLE_TTY = 0,
	CONSOLE_LINK = 1,
};

/* What the owner is told; called from within the calls below and from register writes and kicks. */
struct console_ops {
	/*
	 * The guest's output; returns how much of it was taken. Less than @n: the port waits for
	 * virtio_console_resume(), which may not be called from in here. @data is guest memory and
	 * may change under the reader: copy, then look.
	 */
	size_t (*output)(void *ctx, uint32_t port, const void *data, size_t n);
	/* virtio_console_send() may be worth trying again. */
	void (*room)(void *ctx, uint32_t port);
	/* The guest's end was opened or closed. */
	void (*opened)(void *ctx, uint32_t port, bool open);
	void *ctx;
};

struct console_port_state {
	const char *name; /* borrowed; NULL: there is no such port */
	bool connected;	  /* the host's end is open */
	bool guest_open;
	bool known;	 /* the guest has said PORT_READY */
	bool starved;	 /* the host has more than the guest had buffers for */
	uint32_t to_say; /* control messages yet to be sent, as bits 1 << VIRTIO_CONSOLE_... */
	size_t out_off;	 /* bytes of the chain at the head of the transmit queue that are taken */
	bool out_stuck;	 /* the host did not take all */
	uint64_t nr_in, nr_out; /* bytes to and from the guest */
	uint64_t nr_dropped; /* ... written while the host's end was closed, or lost in a reset */
};

struct virtio_console {
	struct virtio_mmio mmio;
	struct virtio_console_config config;
	struct console_ops ops;
	struct console_port_state port[CONSOLE_PORTS];
	uint16_t cols, rows; /* 0 = never said */
	size_t budget;	     /* bytes that the kick at hand may still take */
};

struct console_spec {
	const struct gmem *mem;
	struct dev_line line;
	struct console_ops ops;
	const char *name[CONSOLE_PORTS]; /* borrowed; NULL: without this port */
};

/* Both host ends are open from the start. */
void virtio_console_init(struct virtio_console *c, const struct console_spec *s);

/* Hands bytes to the guest; returns how many it had room for. Less than @n: ops.room() will be called. */
size_t virtio_console_send(struct virtio_console *c, uint32_t port, const void *data, size_t n);
/* The host takes output of @port again. */
void virtio_console_resume(struct virtio_console *c, uint32_t port);
/* Opens or closes the host's end of @port. */
void virtio_console_connect(struct virtio_console *c, uint32_t port, bool connected);
/* Tells the guest the size of port 0. */
void virtio_console_resize(struct virtio_console *c, uint16_t cols, uint16_t rows);
/* The guest has opened its end of @port. */
bool virtio_console_is_open(const struct virtio_console *c, uint32_t port);

#endif
