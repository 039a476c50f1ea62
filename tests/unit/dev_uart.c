/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <linux/serial_reg.h>

#include "dev/uart.h"

static void raise(void *ctx)
{
	(*(unsigned int *)ctx)++;
}

static void start(struct uart *u, unsigned int *raised)
{
	*raised = 0;
	uart_init(u, (struct dev_line){ raise, raised });
	uart_write(u, UART_FCR, UART_FCR_ENABLE_FIFO);
}

static uint8_t iir_of(struct uart *u)
{
	return uart_read(u, UART_IIR) & UART_IIR_ID;
}

static bool idle(struct uart *u)
{
	return uart_read(u, UART_IIR) & UART_IIR_NO_INT;
}

TEST(it_is_found_to_be_a_16550a)
{
	struct uart u;
	unsigned int raised;

	start(&u, &raised);
	/* what Linux's autoconfig() asks for */
	uart_write(&u, UART_IER, 0);
	assert_int_equal(uart_read(&u, UART_IER), 0);
	uart_write(&u, UART_IER, 0xff);
	assert_int_equal(uart_read(&u, UART_IER), 0x0f);
	uart_write(&u, UART_IER, 0);
	uart_write(&u, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(uart_read(&u, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	uart_write(&u, UART_MCR, 0);
	assert_int_equal(uart_read(&u, UART_IIR) >> 6, 3);
	uart_write(&u, UART_LCR, UART_LCR_CONF_MODE_B);
	assert_int_not_equal(uart_read(&u, UART_EFR), 0); /* no EFR: not a 16650 */
	/* nor a 16750 with 64 bytes */
	uart_write(&u, UART_LCR, UART_LCR_CONF_MODE_A);
	uart_write(&u, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR7_64BYTE);
	assert_int_equal(uart_read(&u, UART_IIR) >> 5, 6);
	uart_write(&u, UART_LCR, 0);
	uart_write(&u, UART_SCR, 0xa5);
	assert_int_equal(uart_read(&u, UART_SCR), 0xa5);
	uart_write(&u, UART_FCR, 0);
	assert_int_equal(uart_read(&u, UART_IIR) >> 6, 0);
}

TEST(the_divisor_hides_data_and_interrupt_enable)
{
	struct uart u;
	unsigned int raised;

	start(&u, &raised);
	uart_write(&u, UART_IER, UART_IER_RDI);
	uart_write(&u, UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	uart_write(&u, UART_DLL, 0x34);
	uart_write(&u, UART_DLM, 0x12);
	assert_int_equal(uart_read(&u, UART_DLL), 0x34);
	assert_int_equal(uart_read(&u, UART_DLM), 0x12);
	uart_write(&u, UART_LCR, UART_LCR_WLEN8);
	assert_int_equal(uart_read(&u, UART_IER), UART_IER_RDI);
	assert_int_equal(uart_pending(&u), 0);
	assert_int_equal(uart_read(&u, UART_LCR), UART_LCR_WLEN8);
}

/* As serial8250_do_startup() looks for transmitters that do not say again that they are empty. */
TEST(an_idle_transmitter_interrupts_each_time_it_is_enabled)
{
	struct uart u;
	unsigned int raised;

	start(&u, &raised);
	assert_true(idle(&u));
	for (unsigned int i = 1; i <= 3; i++) {
		uart_write(&u, UART_IER, UART_IER_THRI);
		assert_int_equal(raised, i);
		assert_int_equal(iir_of(&u), UART_IIR_THRI);
		assert_true(idle(&u)); /* reading it was the acknowledgement */
		uart_write(&u, UART_IER, 0);
	}
	uart_write(&u, UART_IER, UART_IER_THRI);
	uart_write(&u, UART_IER, UART_IER_THRI | UART_IER_RDI);
	assert_int_equal(raised, 4); /* it was on already */
	assert_int_equal(uart_feed(&u, "a", 1), 1);
	assert_int_equal(raised, 5); /* a cause of its own, although one waits to be seen */
}

TEST(each_transmission_ends_with_one_interrupt)
{
	struct uart u;
	unsigned int raised;
	char text[8];

	start(&u, &raised);
	uart_write(&u, UART_IER, UART_IER_THRI);
	assert_int_equal(iir_of(&u), UART_IIR_THRI);
	raised = 0;
	for (const char *s = "hello"; *s; s++)
		uart_write(&u, UART_TX, (uint8_t)*s);
	assert_int_equal(raised, 1);
	assert_int_equal(iir_of(&u), UART_IIR_THRI);
	assert_true(idle(&u));
	assert_true(uart_read(&u, UART_LSR) & UART_LSR_TEMT);
	assert_int_equal(uart_take(&u, text, 2), 2);
	assert_int_equal(uart_take(&u, text + 2, 6), 3);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(uart_take(&u, text, 8), 0);
	assert_int_equal(raised, 1);
}

TEST(nothing_is_raised_that_is_not_enabled)
{
	struct uart u;
	unsigned int raised;

	start(&u, &raised);
	for (int i = 0; i < 100; i++)
		uart_write(&u, UART_TX, 'x');
	assert_int_equal(uart_feed(&u, "ab", 2), 2);
	assert_int_equal(raised, 0);
	assert_true(idle(&u));
	uart_write(&u, UART_IER, UART_IER_RDI);
	assert_int_equal(raised, 1);
}

TEST(input_interrupts_until_it_is_read)
{
	struct uart u;
	unsigned int raised;
	char text[UART_FIFO + 4];

	memset(text, 'i', sizeof(text));
	start(&u, &raised);
	uart_write(&u, UART_IER, UART_IER_RDI | UART_IER_THRI);
	assert_int_equal(iir_of(&u), UART_IIR_THRI);
	raised = 0;
	assert_int_equal(uart_room(&u), UART_FIFO);
	assert_int_equal(uart_feed(&u, text, sizeof(text)), UART_FIFO);
	assert_int_equal(uart_room(&u), 0);
	assert_int_equal(raised, 1);
	for (int i = 0; i < UART_FIFO; i++) {
		assert_int_equal(iir_of(&u), UART_IIR_RDI);
		assert_true(uart_read(&u, UART_LSR) & UART_LSR_DR);
		assert_int_equal(uart_read(&u, UART_RX), 'i');
	}
	assert_true(idle(&u));
	assert_int_equal(uart_read(&u, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(uart_read(&u, UART_RX), 0);
	assert_int_equal(uart_feed(&u, text, 1), 1);
	assert_int_equal(raised, 2); /* a new edge, as the driver saw the end */
	uart_write(&u, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_true(idle(&u));
	uart_write(&u, UART_FCR, 0);
	assert_int_equal(uart_feed(&u, text, 2), 1); /* without FIFOs: one byte */
}

/* A driver ends when IIR names nothing; whatever comes from then on is an edge of its own. */
TEST(a_cause_that_comes_before_the_driver_looked_last_is_seen_by_it)
{
	struct uart u;
	unsigned int raised;

	start(&u, &raised);
	uart_write(&u, UART_IER, UART_IER_RDI | UART_IER_THRI);
	assert_int_equal(uart_feed(&u, "a", 1), 1);
	assert_int_equal(iir_of(&u), UART_IIR_RDI);
	assert_int_equal(uart_read(&u, UART_RX), 'a');
	assert_int_equal(uart_feed(&u, "b", 1), 1); /* while it is in its handler */
	assert_int_equal(iir_of(&u), UART_IIR_RDI);
	assert_int_equal(uart_read(&u, UART_RX), 'b');
	assert_int_equal(iir_of(&u), UART_IIR_THRI);
	assert_true(idle(&u));
	raised = 0;
	assert_int_equal(uart_feed(&u, "c", 1), 1);
	assert_int_equal(raised, 1);
}

TEST(loop_back_keeps_bytes_to_itself_and_counts_overruns)
{
	struct uart u;
	unsigned int raised;

	start(&u, &raised);
	uart_write(&u, UART_MCR, UART_MCR_LOOP | UART_MCR_DTR | UART_MCR_OUT1);
	assert_int_equal(uart_read(&u, UART_MSR), UART_MSR_DSR | UART_MSR_RI);
	uart_write(&u, UART_TX, 'q');
	assert_int_equal(uart_pending(&u), 0);
	assert_int_equal(uart_read(&u, UART_RX), 'q');
	assert_int_equal(uart_feed(&u, "x", 1), 0);
	uart_write(&u, UART_IER, UART_IER_RLSI);
	for (int i = 0; i < UART_FIFO + 1; i++)
		uart_write(&u, UART_TX, 'q');
	assert_int_equal(raised, 1);
	assert_int_equal(iir_of(&u), UART_IIR_RLSI);
	assert_true(uart_read(&u, UART_LSR) & UART_LSR_OE);
	assert_false(uart_read(&u, UART_LSR) & UART_LSR_OE);
	assert_true(idle(&u));
}

TEST(output_that_nobody_takes_stops_the_transmitter)
{
	static char text[UART_OUT_CAP + 1];
	struct uart u;
	unsigned int raised;
	size_t n = 0;

	start(&u, &raised);
	uart_write(&u, UART_IER, UART_IER_THRI);
	while (uart_read(&u, UART_LSR) & UART_LSR_THRE) {
		for (int i = 0; i < UART_FIFO; i++)
			uart_write(&u, UART_TX, (uint8_t)n++);
		iir_of(&u);
	}
	assert_int_equal(n, UART_OUT_CAP);
	assert_true(idle(&u));
	uart_write(&u, UART_TX, 'x'); /* a driver that gave up waiting */
	assert_int_equal(u.lost, 1);
	raised = 0;
	assert_int_equal(uart_take(&u, text, UART_FIFO - 1), UART_FIFO - 1);
	assert_int_equal(raised, 0);
	assert_int_equal(uart_take(&u, text + UART_FIFO - 1, 1), 1);
	assert_int_equal(raised, 1);
	assert_int_equal(iir_of(&u), UART_IIR_THRI);
	assert_int_equal(uart_take(&u, text + UART_FIFO, sizeof(text)), UART_OUT_CAP - UART_FIFO);
	for (size_t i = 0; i < UART_OUT_CAP; i++)
		assert_int_equal((uint8_t)text[i], (uint8_t)i);
}

TEST(there_is_nothing_beyond_the_registers)
{
	struct uart u;
	unsigned int raised;

	start(&u, &raised);
	uart_write(&u, 8, 0xff);
	uart_write(&u, UINT64_MAX, 0xff);
	assert_int_equal(uart_read(&u, 8), 0);
	assert_int_equal(uart_read(&u, UINT64_MAX), 0);
	assert_int_equal(uart_pending(&u), 0);
}

UNIT_MAIN(NULL, NULL)
