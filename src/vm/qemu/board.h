/* SPDX-License-Identifier: GPL-2.0-only */
/* What the backend needs to know about QEMU's boards, one row per guest architecture. */
#ifndef VM_QEMU_BOARD_H
#define VM_QEMU_BOARD_H

#include <stddef.h>
#include <stdint.h>

#include "machine/arch.h"
#include "vm/qemu/qmp.h"

struct board;

/* Guest RAM bytes fill the windows in order; @skip bytes of RAM before one are not visible. */
struct ram_window {
	uint64_t gpa;
	uint64_t len;
	uint64_t skip;
};

/* Adding an architecture: a row in board.c. */
struct qemu_board {
	const char *machine;	 /* value of -machine */
	const char *serial_bus;	 /* device that carries the virtio ports */
	const char *const *more; /* further arguments, NULL-terminated */
	const char *words;	 /* of the kernel command line, always in front */
	const char *words_verbose;
	/* In virtual time: what else keeps the host's doings out of the guest. */
	const char *serial_exact, *cpu_exact; /* put behind serial_bus and -cpu */
	const char *const *more_exact;
	enum qmp_cmd clock;	    /* asks for the time of the board's clock */
	const char *const *modules; /* the guest must load these, NULL-terminated */
	const struct board *map;    /* described by a device tree of ours; else NULL and ... */
	const struct ram_window *ram;
	size_t nr_ram;
	uint64_t max_memory;
};

const struct qemu_board *qemu_board(enum arch a);

#endif
