/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line of QEMU and what it says about guest memory: pure functions of a shape. */
#ifndef VM_QEMU_ARGS_H
#define VM_QEMU_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "machine/arch.h"
#include "machine/topology.h"
#include "vm/pace.h"

struct err;

/* What each descriptor number means in the emulator: fixed, so that its arguments are, too. */
enum qemu_fd {
	QEMU_FD_STDIN,
	QEMU_FD_STDOUT,
	QEMU_FD_STDERR,
	QEMU_FD_QMP,
	QEMU_FD_CONSOLE,
	QEMU_FD_LINK,
	QEMU_FD_TTY,
	QEMU_FD_KERNEL,
	QEMU_FD_INITRD,
	QEMU_FD_DTB,
	QEMU_FD_RAM, /* all of it; nodes are ranges of it */
	QEMU_FD_GDB,
	QEMU_FD_STATE, /* of a frozen machine all but its memory */
	NR_QEMU_FDS,
};

/* How a machine comes to life. */
enum qemu_start {
	QEMU_BOOTS,
	QEMU_BOOTS_TO_FREEZE, /* and is saved there */
	QEMU_RESUMES,	      /* one that was */
};

/* All that the arguments depend on. */
struct qemu_shape {
	enum arch arch;
	struct topology topo;
	uint64_t memory_bytes;
	uint64_t parcel_bytes; /* more on the last node, which the kernel leaves alone */
	bool kvm;	       /* else TCG */
	enum qemu_start start;
	bool tty;
	bool verbose;
	bool initrd;
	bool gdb,
		gdb_listens; /* wait at start for a gdb: that of QEMU_FD_GDB, or who comes to it */
	bool virtual_time;
	bool fed; /* virtual time: ports take input, at the price of exactness */
	struct pace pace;
	uint64_t seed;
	const char *emulator; /* argv[0] */
	const char *cmdline;  /* the caller's part */
};

/* A growing argument vector whose first error sticks. @text holds the strings back to back. */
struct arglist {
	struct buf text;
	size_t nr;
};

void arglist_fini(struct arglist *a);
DEFINE_SCOPED_FINI(struct arglist, arglist_fini)
void arglist_add(struct arglist *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* NULL-terminated, one allocation to free; points into @a. NULL when memory ran out. */
char **arglist_argv(const struct arglist *a);

/* When the clock of a guest in virtual time starts, as seconds of Unix time: 2026-01-01. */
#define QEMU_CLOCK_START 1767225600

/* Console and link are files that QEMU writes, so that what the guest says never waits for us. */
static inline bool qemu_ports_are_files(const struct qemu_shape *s)
{
	return s->virtual_time && !s->fed;
}

/* One run of guest physical addresses backed by consecutive bytes of guest memory. */
struct ram_chunk {
	uint64_t gpa;
	uint64_t len;
	uint64_t off;
};
#define RAM_CHUNKS_MAX 4

/* What the backend cannot express about this shape, named. */
int qemu_shape_check(const struct qemu_shape *s, struct err *e);
/* Appends program name and arguments. Returns 0 or -ENOMEM. */
int qemu_args(const struct qemu_shape *s, struct arglist *out);
/* The kernel command line: the board's words, then the caller's. */
void qemu_cmdline(const struct qemu_shape *s, struct buf *out);
/* The device tree to pass with -dtb; nothing for architectures that use none. */
int qemu_device_tree(const struct qemu_shape *s, struct buf *out, struct err *e);
/* All that the guest has, that of the parcel included. */
static inline uint64_t qemu_ram_bytes(const struct qemu_shape *s)
{
	return s->memory_bytes + s->parcel_bytes;
}

/* Where the parcel appears to the guest; 0 if it has none, or none in one piece. */
uint64_t qemu_parcel_gpa(const struct qemu_shape *s);
/* Where guest memory appears to the guest; returns the number of chunks. */
size_t qemu_ram_chunks(const struct qemu_shape *s, struct ram_chunk ret[RAM_CHUNKS_MAX]);

#endif
