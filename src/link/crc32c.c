/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CRC-32C, four bytes per step. The tables are linear: every entry is the XOR of the entries of its
 * single bits, so the compiler builds them from one chain of 32 constants.
 */
#include "link/frame.h"

#include <string.h>

/* Entry 1 << (7 - i) of table k is the polynomial (reflected) shifted through 8 * k + i zero bits. */
#define LINEAR(b, b7, b6, b5, b4, b3, b2, b1, b0) \
	(((b) & 0x80 ? (b7) : 0u) ^ ((b) & 0x40 ? (b6) : 0u) ^ ((b) & 0x20 ? (b5) : 0u) ^ \
	 ((b) & 0x10 ? (b4) : 0u) ^ ((b) & 0x08 ? (b3) : 0u) ^ ((b) & 0x04 ? (b2) : 0u) ^ \
	 ((b) & 0x02 ? (b1) : 0u) ^ ((b) & 0x01 ? (b0) : 0u))
#define T0(b) \
	LINEAR(b, 0x82f63b78u, 0x417b1dbcu, 0x20bd8edeu, 0x105ec76fu, 0x8ad958cfu, 0xc79a971fu, \
	       0xe13b70f7u, 0xf26b8303u)
#define T1(b) \
	LINEAR(b, 0xfbc3faf9u, 0xff17c604u, 0x7f8be302u, 0x3fc5f181u, 0x9d14c3b8u, 0x4e8a61dcu, \
	       0x274530eeu, 0x13a29877u)
#define T2(b) \
	LINEAR(b, 0x8b277743u, 0xc76580d9u, 0xe144fb14u, 0x70a27d8au, 0x38513ec5u, 0x9edea41au, \
	       0x4f6f520du, 0xa541927eu)
#define T3(b) \
	LINEAR(b, 0x52a0c93fu, 0xaba65fe7u, 0xd725148bu, 0xe964b13du, 0xf64463e6u, 0x7b2231f3u, \
	       0xbf672381u, 0xdd45aab8u)

#define ROW4(T, b) T(b), T((b) + 1), T((b) + 2), T((b) + 3)
#define ROW16(T, b) ROW4(T, b), ROW4(T, (b) + 4), ROW4(T, (b) + 8), ROW4(T, (b) + 12)
#define ROW64(T, b) ROW16(T, b), ROW16(T, (b) + 16), ROW16(T, (b) + 32), ROW16(T, (b) + 48)
#define ROW256(T) ROW64(T, 0), ROW64(T, 64), ROW64(T, 128), ROW64(T, 192)

static const uint32_t table[4][256] = {
	{ ROW256(T0) }, { ROW256(T1) }, { ROW256(T2) }, { ROW256(T3) }
};

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; n >= 4; n -= 4, p += 4) {
		uint32_t w;

		memcpy(&w, p, 4); /* little-endian, as both architectures are */
		crc ^= w;
		crc = table[3][crc & 0xff] ^ table[2][crc >> 8 & 0xff] ^
		      table[1][crc >> 16 & 0xff] ^ table[0][crc >> 24];
	}
	for (; n; n--, p++)
		crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
	return ~crc;
}
