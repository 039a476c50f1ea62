/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A serial port, ns16550a: eight registers of one byte. Time does not pass in it: a byte written has
 * left at once, as long as somebody takes the output.
 */
#ifndef DEV_UART_H
#define DEV_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/line.h"

#define UART_NR_REGS 8
#define UART_FIFO 16
#define UART_OUT_CAP 16384 /* bytes of output that wait for uart_take() */

struct uart {
	struct dev_line line;
	uint8_t ier, lcr, mcr, scr;
	uint8_t dll, dlm;
	bool fifo;	 /* FIFOs are on */
	bool thre_told;	 /* that the transmitter is empty was read from IIR since it became so */
	uint8_t overrun; /* LSR's OE bit until LSR is read */
	uint8_t raised;	 /* the interrupt's causes as of the last look, to find new ones */
	uint8_t in[UART_FIFO];
	uint8_t in_at, in_len;
	uint8_t out[UART_OUT_CAP]; /* a ring */
	size_t out_at, out_len;
	uint64_t lost; /* bytes the guest wrote although THRE said no */
};

void uart_init(struct uart *u, struct dev_line line);
/* @off beyond the registers: reads 0, writes nothing. */
uint8_t uart_read(struct uart *u, uint64_t off);
void uart_write(struct uart *u, uint64_t off, uint8_t value);

/*
 * Moves at most @n bytes of output to @to, returns how many. Whoever owns the port takes often: at
 * UART_OUT_CAP the transmitter stops, and a guest that polls it waits.
 */
size_t uart_take(struct uart *u, void *to, size_t n);
static inline size_t uart_pending(const struct uart *u)
{
	return u->out_len;
}

/* Input for the guest; returns how much of it the FIFO took. */
size_t uart_feed(struct uart *u, const void *data, size_t n);
size_t uart_room(const struct uart *u);

#endif
