/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets of gdb's remote serial protocol, in and out. Pure; knows no descriptor. */
#ifndef VM_QEMU_RSP_H
#define VM_QEMU_RSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define RSP_MAX 1024 /* bytes of a packet that we care for; what is longer is damaged */

enum rsp_token {
	RSP_NONE, /* all bytes were taken */
	RSP_ACK,
	RSP_NAK,
	RSP_PACKET, /* ->text, NUL-terminated, with escapes resolved */
	RSP_DAMAGED,
};

/* Zero-initialised is ready. */
struct rsp_parser {
	char text[RSP_MAX + 1];
	size_t len;
	uint8_t sum;	 /* of the bytes between $ and # */
	uint8_t claimed; /* as the packet says */
	enum { RSP_OUTSIDE, RSP_INSIDE, RSP_ESCAPED, RSP_SUM_HIGH, RSP_SUM_LOW } state;
	bool bad;
};

/* Takes bytes from @data up to and including what ends a token. */
enum rsp_token rsp_take(struct rsp_parser *p, const char **data, size_t *len);
/* Appends @payload as a packet; it must not contain $, #, } or *. */
void rsp_put(struct buf *out, const char *payload);
/* "T05thread:p01.03;" is signal 5 in thread 3; 0 when none is named. -EBADMSG: no such answer. */
int rsp_parse_stop(const char *text, uint8_t *ret_signal, uint32_t *ret_thread);

#endif
