/* SPDX-License-Identifier: GPL-2.0-only */
/* The console: whatever the guest does, what is sent fits what was asked for, and calls stay bounded. */
#include "dev/virtio_console.h"

#include <stdlib.h>

#include "base/scoped.h"
#include "dev_guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t accepts;

static size_t output(void *ctx, uint32_t port, const void *data, size_t n)
{
	struct guest *g = ctx;
	size_t take = MIN(n, accepts);

	if (port >= CONSOLE_PORTS || !n || n > 32 << 10)
		abort();
	for (size_t i = 0; i < n; i += 61)
		(void)((const volatile uint8_t *)data)[i];
	guest_meddle(g);
	accepts -= take;
	return take;
}

static void send(struct guest *g, uint32_t port, size_t n)
{
	static const char bytes[4096];
	struct virtio_console *c = g->ctx;
	bool could = virtio_console_is_open(c, port % (CONSOLE_PORTS + 1));
	size_t took = virtio_console_send(c, port % (CONSOLE_PORTS + 1), bytes, n % sizeof(bytes));

	if (took > n % sizeof(bytes) || (took && !could))
		abort();
}

static void room(void *ctx, uint32_t port)
{
	send(ctx, port, 100);
}

static void opened(void *ctx, uint32_t port, bool open)
{
	if (port >= CONSOLE_PORTS)
		abort();
}

static void host(struct guest *g, uint8_t what, uint16_t arg)
{
	struct virtio_console *c = g->ctx;

	switch (what % 5) {
	case 0:
		send(g, what / 5, arg);
		break;
	case 1:
		accepts = arg;
		virtio_console_resume(c, what / 5 % 3);
		break;
	case 2:
		virtio_console_connect(c, what / 5 % 3, arg & 1);
		break;
	case 3:
		virtio_console_resize(c, what, arg);
		break;
	case 4:
		accepts = arg;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtio_console c;
	struct guest g;

	guest_init(&g, data, size);
	g.host = host;
	g.ctx = &c;
	accepts = 5000;
	virtio_console_init(&c, &(struct console_spec){
					.mem = &g.mem,
					.line = guest_line(&g),
					.ops = { output, room, opened, &g },
					.name = { size % 3 ? "tty" : NULL, "link" },
				});
	guest_play(&g, &c.mmio);
	guest_fini(&g);
	return 0;
}
