/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/qemu/rsp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	char lower = c >= 'A' && c <= 'F' ? (char)(c + 32) : c;
	const char *at = lower ? strchr(digits, lower) : NULL;

	return at ? (int)(at - digits) : -1;
}

static void add_byte(struct rsp_parser *p, char c)
{
	if (p->len < RSP_MAX && c)
		p->text[p->len++] = c;
	else
		p->bad = true;
}

static void start_packet(struct rsp_parser *p)
{
	p->len = 0;
	p->sum = p->claimed = 0;
	p->bad = false;
	p->state = RSP_INSIDE;
}

static enum rsp_token end_packet(struct rsp_parser *p)
{
	p->state = RSP_OUTSIDE;
	p->text[p->len] = 0;
	return p->bad || p->sum != p->claimed ? RSP_DAMAGED : RSP_PACKET;
}

static enum rsp_token take_outside(struct rsp_parser *p, char c)
{
	if (c == '$')
		start_packet(p);
	return c == '+' ? RSP_ACK : c == '-' ? RSP_NAK : RSP_NONE;
}

static void take_inside(struct rsp_parser *p, char c)
{
	if (c == '#' && p->state == RSP_INSIDE) {
		p->state = RSP_SUM_HIGH;
		return;
	}
	p->sum = (uint8_t)(p->sum + (uint8_t)c);
	if (p->state == RSP_ESCAPED) {
		p->state = RSP_INSIDE;
		add_byte(p, (char)(c ^ 0x20));
	} else if (c == '}') {
		p->state = RSP_ESCAPED;
	} else {
		add_byte(p, c);
	}
}

static enum rsp_token take_sum(struct rsp_parser *p, char c)
{
	int digit = hex_digit(c);

	p->bad |= digit < 0;
	p->claimed = (uint8_t)(p->claimed << 4 | (digit & 15));
	if (p->state == RSP_SUM_LOW)
		return end_packet(p);
	p->state = RSP_SUM_LOW;
	return RSP_NONE;
}

enum rsp_token rsp_take(struct rsp_parser *p, const char **data, size_t *len)
{
	enum rsp_token t = RSP_NONE;

	while (*len && t == RSP_NONE) {
		char c = *(*data)++;

		--*len;
		if (p->state == RSP_OUTSIDE)
			t = take_outside(p, c);
		else if (p->state == RSP_INSIDE || p->state == RSP_ESCAPED)
			take_inside(p, c);
		else
			t = take_sum(p, c);
	}
	return t;
}

void rsp_put(struct buf *out, const char *payload)
{
	uint8_t sum = 0;

	for (const char *c = payload; *c; c++)
		sum = (uint8_t)(sum + (uint8_t)*c);
	buf_printf(out, "$%s#%02x", payload, sum);
}

/* With or without a process in front: "p01.03" or "03". */
static uint32_t parse_thread(const char *at)
{
	const char *dot = *at == 'p' ? strchr(at, '.') : NULL;
	const char *end = strchr(at, ';');

	if (dot && (!end || dot < end))
		at = dot + 1;
	return hex_digit(*at) < 0 ? 0 : (uint32_t)strtoul(at, NULL, 16);
}

int rsp_parse_stop(const char *text, uint8_t *ret_signal, uint32_t *ret_thread)
{
	if ((text[0] != 'T' && text[0] != 'S') || hex_digit(text[1]) < 0 || hex_digit(text[2]) < 0)
		return -EBADMSG;
	const char *thread = strstr(text, "thread:");
	*ret_signal = (uint8_t)(hex_digit(text[1]) << 4 | hex_digit(text[2]));
	*ret_thread = thread ? parse_thread(thread + 7) : 0;
	return 0;
}
