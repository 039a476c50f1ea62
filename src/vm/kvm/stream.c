/* SPDX-License-Identifier: GPL-2.0-only */
/* The two byte streams over virtio-console: the link, and the tty where there is one. */
#include <errno.h>
#include <string.h>

#include "abi/frame.h"
#include "base/err.h"
#include "base/scoped.h"
#include "vm/kvm/kvm.h"
#include "vm/kvm/machine.h"
#include "vm/kvm/mutex.h"

static const char *const names[CONSOLE_PORTS] = {
	[CONSOLE_TTY] = "tty",
	[CONSOLE_LINK] = "link",
};

/* The callbacks come with the lock held, in the loop or from a vCPU's register access. */
static void tell_loop(struct kvm_vm *k)
{
	if (!k->in_loop)
		kvm_wake(k);
}

static size_t on_output(void *ctx, uint32_t port, const void *data, size_t n)
{
	struct kvm_vm *k = ctx;
	struct kvm_stream *s = &k->stream[port];
	size_t fits = MIN(n, sizeof(s->in) - s->in_len);

	memcpy(s->in + s->in_len, data, fits);
	s->in_len += fits;
	s->stuck |= fits < n;
	tell_loop(k);
	return fits;
}

static void on_room(void *ctx, uint32_t port)
{
	struct kvm_vm *k = ctx;

	k->stream[port].room = true;
	tell_loop(k);
}

static void on_opened(void *ctx, uint32_t port, bool open)
{
	/* what waits for it comes with the room that it makes */
	if (open)
		on_room(ctx, port);
}

void kvm_console_init(struct kvm_vm *k, bool tty, struct dev_line line)
{
	struct console_spec spec = {
		.mem = machine_memory(k->machine),
		.line = line,
		.ops = { on_output, on_room, on_opened, k },
		.name = { tty ? TTY_PORT_NAME : NULL, LINK_PORT_NAME },
	};

	virtio_console_init(&k->console, &spec);
}

static void push(struct kvm_vm *k, uint32_t port)
{
	struct kvm_stream *s = &k->stream[port];

	if (!s->out.len)
		return;
	s->room = false;
	buf_drop_front(&s->out, virtio_console_send(&k->console, port, s->out.at, s->out.len));
	k->link_ready_due |= port == CONSOLE_LINK && !s->out.len;
}

void kvm_streams_push(struct kvm_vm *k)
{
	for (uint32_t port = 0; port < CONSOLE_PORTS; port++)
		if (k->stream[port].room)
			push(k, port);
}

int kvm_stream_send(struct kvm_vm *k, uint32_t port, const void *data, size_t n, struct err *e)
{
	struct kvm_stream *s = &k->stream[port];

	LOCKED(&k->bus.lock);
	if (!k->console.port[port].name)
		return err_sys(e, -EPIPE, "%s", names[port]);
	if (n > KVM_BACKLOG_MAX - s->out.len)
		return err_set(e, -ENOBUFS, "%s: the guest does not read: %zu bytes are waiting",
			       names[port], s->out.len);
	if (!s->out.len) {
		size_t took = virtio_console_send(&k->console, port, data, n);

		data = (const char *)data + took;
		n -= took;
	}
	buf_put(&s->out, data, n);
	if (s->out.bad) {
		int r = s->out.bad;

		s->out.bad = 0;
		return err_sys(e, r, "%s: queue", names[port]);
	}
	return 0;
}

size_t kvm_stream_take(struct kvm_vm *k, uint32_t port)
{
	struct kvm_stream *s = &k->stream[port];

	LOCKED(&k->bus.lock);
	size_t n = s->in_len;

	memcpy(k->chunk, s->in, n);
	s->in_len = 0;
	if (s->stuck) {
		s->stuck = false;
		k->in_loop = true;
		virtio_console_resume(&k->console, port);
		k->in_loop = false;
	}
	return n;
}
