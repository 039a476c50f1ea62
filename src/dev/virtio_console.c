/* SPDX-License-Identifier: GPL-2.0-only */
#include "dev/virtio_console.h"

#include <endian.h>
#include <linux/virtio_ids.h>
#include <string.h>

#include "base/scoped.h"

#define CONTROL_RX 2
#define CONTROL_TX 3
#define CONTROL_BUDGET 32	/* messages that one kick takes */
#define OUT_PIECE (32u << 10)	/* bytes that ops.output() gets at once */
#define OUT_BUDGET (256u << 10) /* bytes that one kick takes */
#define NAME_CAP 64

#define SAY(event) (1u << (event))

static struct virtio_console *console_of(struct virtio_mmio *v)
{
	return (struct virtio_console *)v; /* its first member */
}

/* The control queues stand between those of port 0 and the rest. */
static uint16_t rx_queue(uint32_t port)
{
	return (uint16_t)(port ? 2 * port + 2 : 0);
}

static uint16_t tx_queue(uint32_t port)
{
	return (uint16_t)(rx_queue(port) + 1);
}

/* CONSOLE_PORTS for the control queues. */
static uint32_t port_of(uint16_t queue)
{
	if (queue < CONTROL_RX)
		return 0;
	return queue <= CONTROL_TX ? CONSOLE_PORTS : queue / 2u - 1;
}

static bool is_multiport(const struct virtio_console *c)
{
	return virtio_has(&c->mmio, VIRTIO_CONSOLE_F_MULTIPORT);
}

bool virtio_console_is_open(const struct virtio_console *c, uint32_t port)
{
	if (port >= CONSOLE_PORTS || !c->port[port].name || !virtio_running(&c->mmio))
		return false;
	return is_multiport(c) ? c->port[port].guest_open : port == CONSOLE_TTY;
}

/* A control message and what follows it. */
struct message {
	struct virtio_console_control head;
	char body[NAME_CAP];
};

static size_t write_message(const struct virtio_console *c, uint32_t port, uint16_t event,
			    struct message *m)
{
	const struct console_port_state *p = &c->port[port];
	/* The order of the specification, which Linux follows since 5326ab737a47. */
	const uint16_t size[2] = { htole16(c->cols), htole16(c->rows) };
	size_t n = 0;

	m->head.id = htole32(port);
	m->head.event = htole16(event);
	m->head.value = htole16(event == VIRTIO_CONSOLE_PORT_OPEN ? p->connected : 1);
	if (event == VIRTIO_CONSOLE_PORT_NAME) {
		n = strnlen(p->name, sizeof(m->body));
		memcpy(m->body, p->name, n);
	} else if (event == VIRTIO_CONSOLE_RESIZE) {
		n = sizeof(size);
		memcpy(m->body, size, n);
	}
	return sizeof(m->head) + n;
}

/* One message that is due goes into the guest's next buffer. False: no buffer. */
static bool say(struct virtio_console *c, uint32_t port, uint16_t event)
{
	struct virtq *q = &c->mmio.queue[CONTROL_RX];
	struct virtq_chain chain;
	struct message m;

	while (!virtq_take(q, &chain)) {
		if (!virtq_unmute(q))
			return false; /* the guest's next buffer brings us back */
	}
	size_t n = write_message(c, port, event, &m);

	if (chain.in_len < n)
		return virtq_break(q, "control buffer of %zu bytes for a message of %zu",
				   chain.in_len, n);
	virtq_give(q, chain.head, (uint32_t)virtq_copy_in(&chain, 0, &m, n));
	c->port[port].to_say &= ~SAY(event);
	return true;
}

/* All that is due, in the order in which the guest has to hear it. */
static void say_all(struct virtio_console *c)
{
	static const uint16_t order[] = {
		VIRTIO_CONSOLE_PORT_ADD,  VIRTIO_CONSOLE_CONSOLE_PORT, VIRTIO_CONSOLE_PORT_NAME,
		VIRTIO_CONSOLE_PORT_OPEN, VIRTIO_CONSOLE_RESIZE,
	};
	bool room = is_multiport(c) && virtio_running(&c->mmio);

	if (!room)
		return;
	virtq_mute(&c->mmio.queue[CONTROL_RX]);
	for (uint32_t port = 0; port < CONSOLE_PORTS && room; port++)
		for (size_t i = 0; i < ARRAY_SIZE(order) && room; i++)
			if (c->port[port].to_say & SAY(order[i]))
				room = say(c, port, order[i]);
	virtio_publish(&c->mmio, &c->mmio.queue[CONTROL_RX]);
}

static void hear_ready(struct virtio_console *c)
{
	for (uint32_t port = 0; port < CONSOLE_PORTS; port++)
		if (c->port[port].name)
			c->port[port].to_say |= SAY(VIRTIO_CONSOLE_PORT_ADD);
}

static void hear_port_ready(struct virtio_console *c, uint32_t port)
{
	struct console_port_state *p = &c->port[port];

	p->known = true;
	p->to_say |= SAY(VIRTIO_CONSOLE_PORT_NAME);
	if (port == CONSOLE_TTY)
		p->to_say |= SAY(VIRTIO_CONSOLE_CONSOLE_PORT);
	if (p->connected)
		p->to_say |= SAY(VIRTIO_CONSOLE_PORT_OPEN);
	if (port == CONSOLE_TTY && c->rows)
		p->to_say |= SAY(VIRTIO_CONSOLE_RESIZE);
}

static void tell_room(struct virtio_console *c, uint32_t port)
{
	c->port[port].starved = false;
	if (c->ops.room)
		c->ops.room(c->ops.ctx, port);
}

static void set_open(struct virtio_console *c, uint32_t port, bool open)
{
	if (c->port[port].guest_open == open)
		return;
	c->port[port].guest_open = open;
	if (c->ops.opened)
		c->ops.opened(c->ops.ctx, port, open);
	if (open)
		tell_room(c, port);
}

static void hear(struct virtio_console *c, const struct virtio_console_control *m)
{
	uint32_t port = le32toh(m->id);
	uint16_t event = le16toh(m->event), value = le16toh(m->value);

	if (event == VIRTIO_CONSOLE_DEVICE_READY && value)
		hear_ready(c);
	if (port >= CONSOLE_PORTS || !c->port[port].name)
		return;
	if (event == VIRTIO_CONSOLE_PORT_READY && value)
		hear_port_ready(c, port);
	else if (event == VIRTIO_CONSOLE_PORT_OPEN)
		set_open(c, port, value);
}

static enum virtio_served serve_control(struct virtio_mmio *v, struct virtq *q,
					struct virtq_chain *chain)
{
	struct virtio_console_control m;

	if (virtq_copy_out(chain, 0, &m, sizeof(m)))
		hear(console_of(v), &m);
	virtq_give(q, chain->head, 0);
	return VIRTIO_DONE;
}

/* How much of [at, at + n) the host took, which may be less for its or our reasons. */
static size_t put_out(struct virtio_console *c, uint32_t port, const void *at, size_t n)
{
	struct console_port_state *p = &c->port[port];

	if (!p->name || !p->connected) {
		p->nr_dropped +=
			n; /* as into a terminal that is gone: else the guest's writer spins */
		return n;
	}
	size_t want = MIN(MIN(n, OUT_PIECE), c->budget);
	size_t took = want ? c->ops.output(c->ops.ctx, port, at, want) : 0;

	took = MIN(took, want);
	p->out_stuck = took < want;
	p->nr_out += took;
	c->budget -= took;
	return took;
}

static enum virtio_served serve_out(struct virtio_mmio *v, struct virtq *q,
				    struct virtq_chain *chain)
{
	struct virtio_console *c = console_of(v);
	uint32_t port = port_of((uint16_t)(q - v->queue));
	struct console_port_state *p = &c->port[port];
	struct iovec rest[VIRTQ_MAX_SEGS];
	uint16_t nr = virtq_slice(chain->iov, chain->nr_out, p->out_off, SIZE_MAX, rest);

	for (uint16_t i = 0; i < nr; i++) {
		for (size_t done = 0; done < rest[i].iov_len;) {
			size_t took = put_out(c, port, (char *)rest[i].iov_base + done,
					      rest[i].iov_len - done);

			done += took;
			p->out_off += took;
			if (p->out_stuck)
				return VIRTIO_WAIT;
			if (!c->budget)
				return VIRTIO_AGAIN;
		}
	}
	p->out_off = 0;
	virtq_give(q, chain->head, 0);
	return VIRTIO_DONE;
}

static bool console_kick(struct virtio_mmio *v, uint16_t queue)
{
	struct virtio_console *c = console_of(v);
	struct virtq *q = &v->queue[queue];
	uint32_t port = port_of(queue);
	bool more = false;

	c->budget = OUT_BUDGET;
	if (queue == CONTROL_TX) {
		more = virtio_serve(v, q, CONTROL_BUDGET, serve_control);
		say_all(c);
	} else if (queue == CONTROL_RX) {
		say_all(c);
	} else if (queue == tx_queue(port)) {
		more = virtio_serve(v, q, VIRTQ_MAX_SIZE, serve_out);
	} else {
		virtq_mute(q);
		if (c->port[port].starved)
			tell_room(c, port);
	}
	return more;
}

static void console_ready(struct virtio_mmio *v)
{
	struct virtio_console *c = console_of(v);

	/* Buffers to receive in are of interest when there are too few only. */
	for (uint32_t port = 0; port < CONSOLE_PORTS; port++)
		virtq_mute(&v->queue[rx_queue(port)]);
	if (!is_multiport(c) && c->port[CONSOLE_TTY].name)
		tell_room(c, CONSOLE_TTY);
}

/* What the guest has written is still output, as far as the host takes it now. */
static void console_reset(struct virtio_mmio *v)
{
	struct virtio_console *c = console_of(v);

	for (uint32_t port = 0; port < CONSOLE_PORTS; port++) {
		struct console_port_state *p = &c->port[port];

		c->budget = SIZE_MAX;
		if (virtio_running(v))
			virtio_serve(v, &v->queue[tx_queue(port)], VIRTQ_MAX_SIZE, serve_out);
		set_open(c, port, false);
		p->known = p->starved = p->out_stuck = false;
		p->to_say = 0;
		p->out_off = 0;
	}
}

static const struct virtio_type console_type = {
	.name = "virtio-console",
	.id = VIRTIO_ID_CONSOLE,
	.nr_queues = CONSOLE_QUEUES,
	.kick = console_kick,
	.ready = console_ready,
	.reset = console_reset,
};

void virtio_console_init(struct virtio_console *c, const struct console_spec *s)
{
	*c = (struct virtio_console){
		.ops = s->ops,
		.config = { .max_nr_ports = htole32(CONSOLE_PORTS) },
	};
	for (uint32_t port = 0; port < CONSOLE_PORTS; port++)
		c->port[port] =
			(struct console_port_state){ .name = s->name[port], .connected = true };
	virtio_mmio_init(&c->mmio, &(struct virtio_spec){
					   .type = &console_type,
					   .mem = s->mem,
					   .line = s->line,
					   /* Linux heeds RESIZE only where there is F_SIZE. */
					   .features = 1ull << VIRTIO_CONSOLE_F_MULTIPORT |
						       1ull << VIRTIO_CONSOLE_F_SIZE,
					   .config = &c->config,
					   .config_len = sizeof(c->config),
				   });
}

/* One buffer of the guest's is filled. Returns how much went in; 0: there is none. */
static size_t fill(struct virtq *q, const char *data, size_t n)
{
	struct virtq_chain chain;

	if (!virtq_take(q, &chain))
		return 0;
	size_t done = virtq_copy_in(&chain, 0, data, n);

	if (!done)
		virtq_break(q, "buffer to receive in that cannot be written");
	virtq_give(q, chain.head, (uint32_t)done);
	return done;
}

size_t virtio_console_send(struct virtio_console *c, uint32_t port, const void *data, size_t n)
{
	if (!n || port >= CONSOLE_PORTS)
		return 0;
	struct console_port_state *p = &c->port[port];

	if (!virtio_console_is_open(c, port))
		return 0; /* ops.room() comes with its opening */
	struct virtq *q = &c->mmio.queue[rx_queue(port)];
	size_t done = 0;

	while (done < n) {
		size_t part = fill(q, (const char *)data + done, n - done);

		done += part;
		if (!part && !virtq_unmute(q))
			break;
	}
	p->nr_in += done;
	p->starved = done < n;
	if (!p->starved)
		virtq_mute(q);
	/* The guest may have stopped reading with buffers still full: without a nudge, for good. */
	if (!virtio_publish(&c->mmio, q) && p->starved)
		virtio_nudge(&c->mmio);
	return done;
}

void virtio_console_resume(struct virtio_console *c, uint32_t port)
{
	if (port >= CONSOLE_PORTS)
		return;
	c->port[port].out_stuck = false;
	virtio_mmio_kick(&c->mmio, tx_queue(port));
}

void virtio_console_connect(struct virtio_console *c, uint32_t port, bool connected)
{
	if (port >= CONSOLE_PORTS || c->port[port].connected == connected)
		return;
	c->port[port].connected = connected;
	if (c->port[port].known)
		c->port[port].to_say |= SAY(VIRTIO_CONSOLE_PORT_OPEN);
	say_all(c);
	virtio_console_resume(c, port);
}

void virtio_console_resize(struct virtio_console *c, uint16_t cols, uint16_t rows)
{
	c->cols = cols;
	c->rows = rows;
	c->config.cols = htole16(cols);
	c->config.rows = htole16(rows);
	if (!is_multiport(c))
		virtio_config_changed(&c->mmio);
	else if (c->port[CONSOLE_TTY].known)
		c->port[CONSOLE_TTY].to_say |= SAY(VIRTIO_CONSOLE_RESIZE);
	say_all(c);
}
