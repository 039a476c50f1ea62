/* SPDX-License-Identifier: GPL-2.0-only */
#include "dev/uart.h"

#include <linux/serial_reg.h>
#include <string.h>

#include "base/scoped.h"

#define IER_KNOWN (UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI)
#define MCR_KNOWN (UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2 | UART_MCR_LOOP)
#define IIR_FIFO_ON 0xc0

void uart_init(struct uart *u, struct dev_line line)
{
	*u = (struct uart){ .line = line };
}

/* Room for a whole FIFO, as that is what a driver writes once it was told. */
static bool is_empty(const struct uart *u)
{
	return UART_OUT_CAP - u->out_len >= UART_FIFO;
}

/* What interrupts now, as bits of IER. */
static uint8_t causes(const struct uart *u)
{
	uint8_t c = 0;

	if (u->overrun)
		c |= UART_IER_RLSI;
	if (u->in_len)
		c |= UART_IER_RDI;
	if (is_empty(u) && !u->thre_told)
		c |= UART_IER_THRI;
	return c & u->ier;
}

/*
 * After each change: an edge for each cause that is new. A driver reads IIR until it names none, so
 * it sees what came meanwhile; and what comes after that is new.
 */
static void update(struct uart *u)
{
	uint8_t now = causes(u);

	if (now & ~u->raised)
		dev_raise(&u->line);
	u->raised = now;
}

static void clear_input(struct uart *u)
{
	u->in_at = u->in_len = 0;
}

static void push_input(struct uart *u, uint8_t byte)
{
	if (u->in_len == (u->fifo ? UART_FIFO : 1)) {
		u->overrun = UART_LSR_OE;
		return;
	}
	u->in[(u->in_at + u->in_len++) % UART_FIFO] = byte;
}

static uint8_t pop_input(struct uart *u)
{
	if (!u->in_len)
		return 0;
	uint8_t byte = u->in[u->in_at];

	u->in_at = (u->in_at + 1) % UART_FIFO;
	u->in_len--;
	return byte;
}

static void transmit(struct uart *u, uint8_t byte)
{
	u->thre_told = false;
	if (u->mcr & UART_MCR_LOOP)
		push_input(u, byte);
	else if (u->out_len < UART_OUT_CAP)
		u->out[(u->out_at + u->out_len++) % UART_OUT_CAP] = byte;
	else
		u->lost++;
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t c = causes(u), fifo = u->fifo ? IIR_FIFO_ON : 0;

	if (c & UART_IER_RLSI)
		return UART_IIR_RLSI | fifo;
	if (c & UART_IER_RDI)
		return UART_IIR_RDI | fifo;
	if (!(c & UART_IER_THRI))
		return UART_IIR_NO_INT | fifo;
	u->thre_told = true;
	return UART_IIR_THRI | fifo;
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t lsr = u->overrun;

	u->overrun = 0;
	if (u->in_len)
		lsr |= UART_LSR_DR;
	if (is_empty(u))
		lsr |= UART_LSR_THRE | UART_LSR_TEMT;
	return lsr;
}

/* The other end is always there; in loop-back it is ourselves. */
static uint8_t read_msr(const struct uart *u)
{
	uint8_t msr = 0;

	if (!(u->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (u->mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (u->mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (u->mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (u->mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

static uint8_t read_register(struct uart *u, uint64_t off)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (off) {
	case UART_RX:
		return dlab ? u->dll : pop_input(u);
	case UART_IER:
		return dlab ? u->dlm : u->ier;
	case UART_IIR:
		return read_iir(u);
	case UART_LCR:
		return u->lcr;
	case UART_MCR:
		return u->mcr;
	case UART_LSR:
		return read_lsr(u);
	case UART_MSR:
		return read_msr(u);
	case UART_SCR:
		return u->scr;
	}
	return 0;
}

uint8_t uart_read(struct uart *u, uint64_t off)
{
	uint8_t value = read_register(u, off);

	update(u);
	return value;
}

static void write_ier(struct uart *u, uint8_t value)
{
	/* An idle transmitter interrupts whenever it is enabled: drivers start sending that way. */
	if (value & ~u->ier & UART_IER_THRI)
		u->thre_told = false;
	u->ier = value & IER_KNOWN;
}

static void write_fcr(struct uart *u, uint8_t value)
{
	bool on = value & UART_FCR_ENABLE_FIFO;

	if (on != u->fifo || value & UART_FCR_CLEAR_RCVR)
		clear_input(u);
	u->fifo = on;
}

void uart_write(struct uart *u, uint64_t off, uint8_t value)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (off) {
	case UART_TX:
		if (dlab)
			u->dll = value;
		else
			transmit(u, value);
		break;
	case UART_IER:
		if (dlab)
			u->dlm = value;
		else
			write_ier(u, value);
		break;
	case UART_FCR:
		write_fcr(u, value);
		break;
	case UART_LCR:
		u->lcr = value;
		break;
	case UART_MCR:
		u->mcr = value & MCR_KNOWN;
		break;
	case UART_SCR:
		u->scr = value;
		break;
	}
	update(u);
}

size_t uart_take(struct uart *u, void *to, size_t n)
{
	size_t total = MIN(n, u->out_len), first = MIN(total, UART_OUT_CAP - u->out_at);

	if (!total)
		return 0;
	memcpy(to, u->out + u->out_at, first);
	memcpy((char *)to + first, u->out, total - first);
	u->out_at = (u->out_at + total) % UART_OUT_CAP;
	u->out_len -= total;
	update(u); /* the transmitter may be empty again */
	return total;
}

size_t uart_room(const struct uart *u)
{
	if (u->mcr & UART_MCR_LOOP)
		return 0; /* cut off from the world */
	return (u->fifo ? UART_FIFO : 1u) - u->in_len;
}

size_t uart_feed(struct uart *u, const void *data, size_t n)
{
	const uint8_t *at = data;
	size_t total = MIN(n, uart_room(u));

	for (size_t i = 0; i < total; i++)
		push_input(u, at[i]);
	update(u);
	return total;
}
