/* SPDX-License-Identifier: GPL-2.0-only */
/* The console, met by a guest that does what drivers/char/virtio_console.c does. */
#include "unit.h"

#include <linux/virtio_mmio.h>

#include "dev/virtio_console.h"
#include "dev_driver.h"

#define TTY_RX 0
#define TTY_TX 1
#define CONTROL_RX 2
#define CONTROL_TX 3
#define LINK_RX 4
#define LINK_TX 5
#define RINGS (1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define MULTIPORT (1ull << VIRTIO_CONSOLE_F_MULTIPORT)
#define BUF 64 /* bytes of each buffer to receive in */

struct world {
	struct driver d;
	struct virtio_console c;
	/* the host */
	char out[2][400000];
	size_t out_len[2], accept; /* bytes that output() takes before it refuses */
	unsigned int rooms[2], opens[2], closes[2], calls, largest;
	/* the guest */
	uint64_t buffer[VIRTIO_MAX_QUEUES][8]; /* by descriptor */
	char heard[4096];
};

static struct world w;

static size_t output(void *ctx, uint32_t port, const void *data, size_t n)
{
	struct world *at = ctx;
	size_t take = MIN(n, at->accept);

	at->calls++;
	at->largest = (unsigned int)MAX(at->largest, n);
	assert_true(at->out_len[port] + take <= sizeof(at->out[port]));
	memcpy(at->out[port] + at->out_len[port], data, take);
	at->out_len[port] += take;
	at->accept -= take;
	return take;
}

static void room(void *ctx, uint32_t port)
{
	((struct world *)ctx)->rooms[port]++;
}

static void opened(void *ctx, uint32_t port, bool open)
{
	struct world *at = ctx;

	(open ? at->opens : at->closes)[port]++;
}

static void make(const char *tty)
{
	memset(&w, 0, sizeof(w));
	driver_init(&w.d);
	w.accept = SIZE_MAX;
	virtio_console_init(&w.c, &(struct console_spec){
					  .mem = &w.d.mem,
					  .line = driver_line(&w.d),
					  .ops = { output, room, opened, &w },
					  .name = { tty, "a.link" },
				  });
}

static int fini(void **state)
{
	driver_fini(&w.d);
	return 0;
}

/* add_inbuf(): one more buffer to receive in. */
static void add_buffer(uint16_t q)
{
	uint16_t at = w.d.ring[q].next_desc;

	if (!w.buffer[q][at])
		w.buffer[q][at] = driver_alloc(&w.d, BUF);
	driver_send(&w.d, q, &(struct driver_buf){ w.buffer[q][at], BUF, true }, 1);
}

/* The next received buffer's bytes, and the buffer back to the device. */
static uint32_t receive(uint16_t q, void *to)
{
	uint32_t head, len;

	if (!driver_used(&w.d, q, &head, &len))
		return 0;
	assert_true(len <= BUF);
	driver_peek(&w.d, w.buffer[q][head], to, len);
	add_buffer(q);
	return len;
}

static void control(uint32_t id, uint16_t event, uint16_t value)
{
	const struct virtio_console_control m = { id, event, value };

	driver_send(&w.d, CONTROL_TX,
		    &(struct driver_buf){ driver_put(&w.d, &m, sizeof(m)), sizeof(m), false }, 1);
	while (driver_used(&w.d, CONTROL_TX, NULL, NULL))
		;
}

/* Notes each control message as "event:port:value[:rest] " and answers as the driver does. */
static void hear(void)
{
	char bytes[BUF + 1] = { 0 };
	uint32_t n;

	while ((n = receive(CONTROL_RX, bytes))) {
		struct virtio_console_control m;
		size_t at = strlen(w.heard);

		assert_true(n >= sizeof(m));
		memcpy(&m, bytes, sizeof(m));
		bytes[n] = 0;
		at += (size_t)snprintf(w.heard + at, sizeof(w.heard) - at, "%u:%u:%u", m.event,
				       m.id, m.value);
		if (m.event == VIRTIO_CONSOLE_PORT_NAME)
			at += (size_t)snprintf(w.heard + at, sizeof(w.heard) - at, ":%s",
					       bytes + sizeof(m));
		else if (m.event == VIRTIO_CONSOLE_RESIZE)
			at += (size_t)snprintf(w.heard + at, sizeof(w.heard) - at, ":%u:%u",
					       (uint8_t)bytes[sizeof(m)],
					       (uint8_t)bytes[sizeof(m) + 2]);
		snprintf(w.heard + at, sizeof(w.heard) - at, " ");
		if (m.event == VIRTIO_CONSOLE_PORT_ADD)
			control(m.id, VIRTIO_CONSOLE_PORT_READY, 1);
		else if (m.event == VIRTIO_CONSOLE_CONSOLE_PORT)
			control(m.id, VIRTIO_CONSOLE_PORT_OPEN, 1);
	}
}

static void probe(uint64_t features)
{
	driver_start(&w.d, &w.c.mmio, features);
	for (uint16_t q = TTY_RX; q <= LINK_RX; q += 2)
		for (int i = 0; i < 4; i++)
			add_buffer(q);
	if (features & MULTIPORT)
		control(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	hear();
}

static void write_port(uint16_t q, const char *text, size_t n)
{
	driver_send(&w.d, q, &(struct driver_buf){ driver_put(&w.d, text, n), (uint32_t)n, false },
		    1);
}

#define CONSOLE_TEST(name) TEST_WITH(name, NULL, fini)

CONSOLE_TEST(ports_are_announced_named_and_opened)
{
	make("a.tty");
	probe(RINGS | MULTIPORT);
	assert_string_equal(w.heard, "1:0:1 1:1:1 4:0:1 7:0:1:a.tty 6:0:1 7:1:1:a.link 6:1:1 ");
	assert_true(virtio_console_is_open(&w.c, CONSOLE_TTY));
	assert_false(virtio_console_is_open(&w.c, CONSOLE_LINK));
	assert_int_equal(driver_read(&w.d, VIRTIO_MMIO_CONFIG + 4), 2); /* max_nr_ports */
	control(CONSOLE_LINK, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_true(virtio_console_is_open(&w.c, CONSOLE_LINK));
	control(CONSOLE_LINK, VIRTIO_CONSOLE_PORT_OPEN, 0);
	assert_false(virtio_console_is_open(&w.c, CONSOLE_LINK));
	assert_int_equal(w.opens[CONSOLE_LINK], 1);
	assert_int_equal(w.closes[CONSOLE_LINK], 1);
	assert_int_equal(w.opens[CONSOLE_TTY], 1);
}

CONSOLE_TEST(a_port_without_a_name_is_not_there)
{
	make(NULL);
	probe(RINGS | MULTIPORT);
	assert_string_equal(w.heard, "1:1:1 7:1:1:a.link 6:1:1 ");
	control(CONSOLE_TTY, VIRTIO_CONSOLE_PORT_READY, 1);
	control(CONSOLE_TTY, VIRTIO_CONSOLE_PORT_OPEN, 1);
	control(7, VIRTIO_CONSOLE_PORT_READY, 1);
	control(UINT32_MAX, VIRTIO_CONSOLE_PORT_OPEN, 1);
	control(CONSOLE_LINK, 77, 1);
	hear();
	assert_string_equal(w.heard, "1:1:1 7:1:1:a.link 6:1:1 ");
	assert_false(virtio_console_is_open(&w.c, CONSOLE_TTY));
	assert_int_equal(virtio_console_send(&w.c, CONSOLE_TTY, "x", 1), 0);
	assert_int_equal(virtio_console_send(&w.c, 2, "x", 1), 0);
	write_port(TTY_TX, "into the void", 13);
	assert_int_equal(w.out_len[0], 0);
}

CONSOLE_TEST(messages_wait_for_buffers)
{
	make("a.tty");
	driver_start(&w.d, &w.c.mmio, RINGS | MULTIPORT);
	control(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (int i = 0; i < 8 && !strstr(w.heard, "6:1:1"); i++) {
		w.buffer[CONTROL_RX][w.d.ring[CONTROL_RX].next_desc] = driver_alloc(&w.d, BUF);
		driver_send(&w.d, CONTROL_RX, &(struct driver_buf){ w.d.next - BUF, BUF, true }, 1);
		hear();
	}
	assert_string_equal(w.heard, "1:0:1 1:1:1 4:0:1 7:0:1:a.tty 6:0:1 7:1:1:a.link 6:1:1 ");
}

CONSOLE_TEST(bytes_go_both_ways)
{
	char text[BUF];

	make("a.tty");
	probe(RINGS | MULTIPORT);
	control(CONSOLE_LINK, VIRTIO_CONSOLE_PORT_OPEN, 1);
	write_port(TTY_TX, "login: ", 7);
	write_port(LINK_TX, "frame", 5);
	assert_memory_equal(w.out[CONSOLE_TTY], "login: ", 7);
	assert_memory_equal(w.out[CONSOLE_LINK], "frame", 5);
	assert_int_equal(virtio_console_send(&w.c, CONSOLE_TTY, "root\n", 5), 5);
	assert_int_equal(virtio_console_send(&w.c, CONSOLE_LINK, "go", 2), 2);
	assert_int_equal(receive(TTY_RX, text), 5);
	assert_memory_equal(text, "root\n", 5);
	assert_int_equal(receive(LINK_RX, text), 2);
	assert_memory_equal(text, "go", 2);
	assert_int_equal(virtio_console_send(&w.c, CONSOLE_LINK, "", 0), 0);
	assert_int_equal(driver_irq(&w.d), VIRTIO_MMIO_INT_VRING);
}

CONSOLE_TEST(the_link_waits_until_the_guest_opens_it)
{
	make("a.tty");
	probe(RINGS | MULTIPORT);
	assert_int_equal(virtio_console_send(&w.c, CONSOLE_LINK, "early", 5), 0);
	assert_int_equal(w.rooms[CONSOLE_LINK], 0);
	control(CONSOLE_LINK, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_int_equal(w.rooms[CONSOLE_LINK], 1);
	assert_int_equal(virtio_console_send(&w.c, CONSOLE_LINK, "early", 5), 5);
}

/* A large paste: the guest's buffers run out, and what it did not take comes later, unchanged. */
CONSOLE_TEST(nothing_is_lost_when_buffers_run_out)
{
	const uint64_t both[] = { MULTIPORT, RINGS | MULTIPORT };

	for (size_t f = 0; f < ARRAY_SIZE(both); f++) {
		char paste[20000], got[sizeof(paste)], text[BUF];
		size_t sent = 0, n = 0;
		unsigned int idle = 0;

		make("a.tty");
		probe(both[f]);
		for (size_t i = 0; i < sizeof(paste); i++)
			paste[i] = (char)(i * 7 + i / 256);
		while (n < sizeof(paste)) {
			unsigned int raised = w.d.raised, rooms = w.rooms[CONSOLE_TTY];
			size_t took = virtio_console_send(&w.c, CONSOLE_TTY, paste + sent,
							  sizeof(paste) - sent);

			sent += took;
			if (sent < sizeof(paste)) /* an interrupt each time, see vmm.md 11.3 */
				assert_true(w.d.raised > raised);
			uint32_t len = receive(TTY_RX, text); /* one, as get_inbuf() does */

			assert_true(len || idle++ < 2);
			memcpy(got + n, text, len);
			n += len;
			if (sent < sizeof(paste))
				assert_int_equal(w.rooms[CONSOLE_TTY], rooms + 1);
		}
		assert_memory_equal(got, paste, sizeof(paste));
		assert_int_equal(w.c.port[CONSOLE_TTY].nr_in, sizeof(paste));
		if (f + 1 < ARRAY_SIZE(both))
			driver_fini(&w.d);
	}
}

/* With room to spare nobody notifies for buffers that are put back, also after they had run out. */
CONSOLE_TEST(buffers_put_back_cost_no_exit)
{
	const uint64_t both[] = { RINGS | MULTIPORT, MULTIPORT };

	for (size_t f = 0; f < ARRAY_SIZE(both); f++) {
		char text[5 * BUF] = { 0 };

		make("a.tty");
		probe(both[f]);
		assert_int_equal(virtio_console_send(&w.c, CONSOLE_TTY, text, 5 * BUF), 4 * BUF);
		for (int i = 0; i < 4; i++)
			assert_int_equal(receive(TTY_RX, text), BUF);
		assert_int_equal(virtio_console_send(&w.c, CONSOLE_TTY, text, BUF), BUF);
		assert_int_equal(receive(TTY_RX, text), BUF);
		unsigned int kicks = w.d.kicks, rooms = w.rooms[CONSOLE_TTY];

		for (int i = 0; i < 200; i++) {
			assert_int_equal(virtio_console_send(&w.c, CONSOLE_TTY, "k", 1), 1);
			assert_int_equal(receive(TTY_RX, text), 1);
		}
		assert_int_equal(w.d.kicks, kicks);
		assert_int_equal(w.rooms[CONSOLE_TTY], rooms);
		if (f + 1 < ARRAY_SIZE(both))
			driver_fini(&w.d);
	}
}

CONSOLE_TEST(output_waits_for_the_host)
{
	char text[3000];

	make("a.tty");
	probe(RINGS | MULTIPORT);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 3);
	w.accept = 700;
	for (int i = 0; i < 3; i++)
		write_port(LINK_TX, text + 1000 * i, 1000);
	assert_int_equal(w.out_len[CONSOLE_LINK], 700);
	assert_int_equal(w.calls, 1); /* not asked again while it refuses */
	assert_false(driver_used(&w.d, LINK_TX, NULL, NULL));
	w.accept = 1;
	virtio_console_resume(&w.c, CONSOLE_LINK);
	assert_int_equal(w.out_len[CONSOLE_LINK], 701);
	w.accept = SIZE_MAX;
	write_port(TTY_TX, "!", 1); /* the other port is not held up */
	assert_int_equal(w.out_len[CONSOLE_TTY], 1);
	virtio_console_resume(&w.c, CONSOLE_LINK);
	assert_int_equal(w.out_len[CONSOLE_LINK], sizeof(text));
	assert_memory_equal(w.out[CONSOLE_LINK], text, sizeof(text));
	for (int i = 0; i < 3; i++)
		assert_true(driver_used(&w.d, LINK_TX, NULL, NULL));
	assert_int_equal(w.c.port[CONSOLE_LINK].nr_out, sizeof(text));
	assert_int_equal(w.c.port[CONSOLE_LINK].nr_dropped, 0);
}

/* The guest changes what it had queued, while part of it was taken. */
CONSOLE_TEST(a_request_that_shrinks_while_it_waits_ends)
{
	make("a.tty");
	probe(RINGS | MULTIPORT);
	w.accept = 100;
	const struct driver_buf b = { driver_alloc(&w.d, 1000), 1000, false };
	uint16_t head = driver_add(&w.d, LINK_TX, &b, 1);

	driver_kick(&w.d, LINK_TX);
	driver_desc(&w.d, w.d.ring[LINK_TX].desc, head, (struct vring_desc){ b.gpa, 10, 0, 0 });
	w.accept = SIZE_MAX;
	virtio_console_resume(&w.c, CONSOLE_LINK);
	assert_int_equal(w.out_len[CONSOLE_LINK], 100);
	assert_true(driver_used(&w.d, LINK_TX, NULL, NULL));
	write_port(LINK_TX, "next", 4);
	assert_memory_equal(w.out[CONSOLE_LINK] + 100, "next", 4);
}

CONSOLE_TEST(one_kick_takes_so_much_and_no_more)
{
	make("a.tty");
	probe(RINGS | MULTIPORT);
	const uint32_t len = 100000;
	const struct driver_buf b[] = {
		{ DRIVER_SEAM - 50000, len, false },
		{ DRIVER_SEAM - 30000, len, false },
		{ DRIVER_SEAM - 70000, len, false },
	};

	driver_send(&w.d, LINK_TX, b, 3);
	assert_int_equal(w.out_len[CONSOLE_LINK], 256 << 10);
	assert_int_equal(w.largest, 32 << 10);
	assert_int_equal(virtio_mmio_pending(&w.c.mmio), 1 << LINK_TX);
	assert_false(driver_used(&w.d, LINK_TX, NULL, NULL));
	virtio_mmio_kick(&w.c.mmio, LINK_TX);
	assert_int_equal(w.out_len[CONSOLE_LINK], 3 * len);
	assert_int_equal(virtio_mmio_pending(&w.c.mmio), 0);
	assert_true(driver_used(&w.d, LINK_TX, NULL, NULL));
}

CONSOLE_TEST(the_host_end_opens_and_closes)
{
	make("a.tty");
	probe(RINGS | MULTIPORT);
	w.heard[0] = 0;
	virtio_console_connect(&w.c, CONSOLE_LINK, false);
	hear();
	assert_string_equal(w.heard, "6:1:0 ");
	write_port(LINK_TX, "gone", 4); /* taken, so that its writer goes on */
	assert_true(driver_used(&w.d, LINK_TX, NULL, NULL));
	assert_int_equal(w.out_len[CONSOLE_LINK], 0);
	assert_int_equal(w.c.port[CONSOLE_LINK].nr_dropped, 4);
	virtio_console_connect(&w.c, CONSOLE_LINK, true);
	virtio_console_connect(&w.c, 5, true);
	hear();
	assert_string_equal(w.heard, "6:1:0 6:1:1 ");
}

CONSOLE_TEST(the_size_of_the_terminal_is_told)
{
	make("a.tty");
	virtio_console_resize(&w.c, 80, 25);
	probe(RINGS | MULTIPORT);
	assert_non_null(strstr(w.heard, "5:0:1:80:25"));
	w.heard[0] = 0;
	virtio_console_resize(&w.c, 132, 50);
	hear();
	assert_string_equal(w.heard, "5:0:1:132:50 ");
	/* Linux acts on it only if this was offered, too. */
	assert_true(w.c.mmio.offered >> VIRTIO_CONSOLE_F_SIZE & 1);
}

CONSOLE_TEST(without_multiport_the_size_is_in_the_configuration)
{
	make("a.tty");
	probe(RINGS | 1 << VIRTIO_CONSOLE_F_SIZE);
	uint32_t before = driver_read(&w.d, VIRTIO_MMIO_CONFIG_GENERATION);

	driver_irq(&w.d);
	virtio_console_resize(&w.c, 132, 50);
	assert_int_equal(driver_irq(&w.d), VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(driver_read(&w.d, VIRTIO_MMIO_CONFIG), 50 << 16 | 132);
	assert_int_not_equal(driver_read(&w.d, VIRTIO_MMIO_CONFIG_GENERATION), before);
}

/* What the guest wrote before it let go of the device (power-off resets it) is still output. */
CONSOLE_TEST(a_reset_takes_the_output_along)
{
	make("a.tty");
	probe(RINGS | MULTIPORT);
	control(CONSOLE_LINK, VIRTIO_CONSOLE_PORT_OPEN, 1);
	const struct driver_buf b = { driver_put(&w.d, "last words", 10), 10, false };

	driver_add(&w.d, LINK_TX, &b, 1); /* the kick is on its way */
	unsigned int raised = w.d.raised;

	driver_write(&w.d, VIRTIO_MMIO_STATUS, 0);
	assert_memory_equal(w.out[CONSOLE_LINK], "last words", 10);
	assert_int_equal(w.closes[CONSOLE_TTY], 1);
	assert_int_equal(w.closes[CONSOLE_LINK], 1);
	assert_false(virtio_console_is_open(&w.c, CONSOLE_TTY));
	assert_int_equal(w.d.raised, raised); /* nobody listens any more */
	w.heard[0] = 0;
	memset(w.buffer, 0, sizeof(w.buffer));
	probe(RINGS | MULTIPORT); /* and it begins anew */
	assert_string_equal(w.heard, "1:0:1 1:1:1 4:0:1 7:0:1:a.tty 6:0:1 7:1:1:a.link 6:1:1 ");
}

CONSOLE_TEST(without_multiport_it_is_one_plain_console)
{
	char text[BUF];

	make("a.tty");
	probe(RINGS);
	assert_string_equal(w.heard, "");
	assert_true(virtio_console_is_open(&w.c, CONSOLE_TTY));
	assert_int_equal(w.rooms[CONSOLE_TTY], 1);
	assert_int_equal(virtio_console_send(&w.c, CONSOLE_TTY, "hi", 2), 2);
	assert_int_equal(receive(TTY_RX, text), 2);
	assert_int_equal(virtio_console_send(&w.c, CONSOLE_LINK, "hi", 2), 0);
	write_port(TTY_TX, "out", 3);
	assert_memory_equal(w.out[CONSOLE_TTY], "out", 3);
}

CONSOLE_TEST(a_control_buffer_that_is_too_small_breaks_the_device)
{
	make("a.tty");
	driver_start(&w.d, &w.c.mmio, RINGS | MULTIPORT);
	driver_send(&w.d, CONTROL_RX, &(struct driver_buf){ DRIVER_RAM, 4, true }, 1);
	control(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	assert_string_equal(virtio_mmio_broken(&w.c.mmio),
			    "virtio-console queue 2: control buffer of 4 bytes for a message of 8");
}

CONSOLE_TEST(a_buffer_that_cannot_be_written_breaks_the_device)
{
	make("a.tty");
	probe(RINGS);
	w.d.ring[TTY_RX].next_desc = 4;
	driver_send(&w.d, TTY_RX, &(struct driver_buf){ DRIVER_RAM, 4, false }, 1);
	char text[4 * BUF + 1] = { 0 };

	assert_int_equal(virtio_console_send(&w.c, CONSOLE_TTY, text, sizeof(text)), 4 * BUF);
	assert_non_null(virtio_mmio_broken(&w.c.mmio));
	assert_int_equal(virtio_console_send(&w.c, CONSOLE_TTY, text, 1), 0);
	virtio_console_resume(&w.c, CONSOLE_TTY);
	virtio_console_resume(&w.c, 9);
}

UNIT_MAIN(NULL, NULL)
