/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The serial port, by a script of two bytes a step. No byte of output is lost or made up, and a driver
 * that read "no interrupt" hears of what comes after.
 */
#include <linux/serial_reg.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "dev/uart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct port {
	struct uart u;
	unsigned int raised;
	bool at_rest;		/* the driver has read "no interrupt" ... */
	unsigned int rested_at; /* ... when so many had been raised */
	uint64_t written, taken;
	uint32_t sum_written, sum_taken;
};

static void raise(void *ctx)
{
	((struct port *)ctx)->raised++;
}

static void write_reg(struct port *p, uint8_t off, uint8_t value)
{
	uint64_t lost = p->u.lost;
	size_t before = uart_pending(&p->u);

	uart_write(&p->u, off, value);
	if (uart_pending(&p->u) == before)
		return;
	if (p->u.lost != lost || uart_pending(&p->u) != before + 1)
		abort();
	p->written++;
	p->sum_written = p->sum_written * 31 + value;
}

static void read_reg(struct port *p, uint8_t off)
{
	uint8_t value = uart_read(&p->u, off);

	if (off != UART_IIR)
		return;
	p->at_rest = value & UART_IIR_NO_INT;
	p->rested_at = p->raised;
}

static void take(struct port *p, size_t n)
{
	uint8_t out[256];
	size_t got = uart_take(&p->u, out, n);

	if (got > n)
		abort();
	for (size_t i = 0; i < got; i++)
		p->sum_taken = p->sum_taken * 31 + out[i];
	p->taken += got;
}

static void check(struct port *p)
{
	static struct uart copy;

	if (p->written - p->taken != uart_pending(&p->u) || uart_pending(&p->u) > UART_OUT_CAP)
		abort();
	if (uart_room(&p->u) > UART_FIFO)
		abort();
	if (!p->at_rest || p->raised != p->rested_at)
		return;
	copy = p->u;
	copy.line.raise = NULL;
	if (!(uart_read(&copy, UART_IIR) & UART_IIR_NO_INT))
		abort(); /* it would never look */
}

static void step(struct port *p, uint8_t what, uint8_t value)
{
	if (what < 128)
		write_reg(p, what % 10, value);
	else if (what < 208)
		read_reg(p, what % 10);
	else if (what < 224)
		for (int i = 0; i < 64 * value; i++)
			write_reg(p, UART_TX, (uint8_t)i);
	else if (what < 240)
		take(p, value);
	else
		uart_feed(&p->u, (const char[32]){ "keys" }, value % 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct port p;

	memset(&p, 0, sizeof(p));
	uart_init(&p.u, (struct dev_line){ raise, &p });
	for (size_t i = 0; i + 1 < MIN(size, 2000); i += 2) {
		step(&p, data[i], data[i + 1]);
		check(&p);
	}
	while (uart_pending(&p.u))
		take(&p, 256);
	if (p.written != p.taken || p.sum_written != p.sum_taken)
		abort();
	return 0;
}
