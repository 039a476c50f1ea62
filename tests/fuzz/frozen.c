/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Input is a file, or what is in the frame of one, which this packs: no checksum keeps the fuzzer
 * out. What is refused says why and leaves no text; what is accepted comes back from a file of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "image/frozen.h"

#define MAGIC "ktstr frozen 1\n" /* and its NUL */
#define RAM (19 * FROZEN_PAGE)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_input(int fd, const uint8_t *data, size_t size)
{
	size_t cap = ZSTD_compressBound(size);
	SCOPED(mem_free) void *packed = malloc(cap);

	if (size >= sizeof(MAGIC) && !memcmp(data, MAGIC, sizeof(MAGIC))) {
		if (write_full(fd, data, size) < 0)
			abort();
		return;
	}
	size_t n = packed ? ZSTD_compress(packed, cap, data, size, 1) : 0;
	if (!n || ZSTD_isError(n) || write_full(fd, MAGIC, sizeof(MAGIC)) < 0 ||
	    write_full(fd, packed, n) < 0)
		abort();
}

struct machine {
	uint8_t *ram;
	struct buf state, console;
};

static void machine_fini(struct machine *m)
{
	free(m->ram);
	buf_fini(&m->state);
	buf_fini(&m->console);
}
DEFINE_SCOPED_FINI(struct machine, machine_fini)

static int read_machine(int fd, struct machine *ret)
{
	struct err e = { 0 };

	SCOPED(close_fd) int ram = anon_file("ram", NULL);

	ret->ram = calloc(1, RAM);
	if (!ret->ram || ram < 0 || ftruncate(ram, RAM) < 0)
		abort();
	int r = frozen_read(fd, ram, RAM, &ret->state, &ret->console, &e);
	if (pread_full(ram, ret->ram, RAM, 0) < 0)
		abort();
	if (r < 0 && (r != -EBADMSG || strncmp(e.text, "frozen machine: ", 16) || ret->state.len ||
		      ret->console.len))
		abort();
	return r;
}

static bool same_buf(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->at, b->at, a->len));
}

static void check_again(int fd, const struct machine *m)
{
	SCOPED(machine_fini) struct machine again = { 0 };
	const struct frozen f = {
		.ram = m->ram,
		.ram_bytes = RAM,
		.state = m->state.at,
		.state_len = m->state.len,
		.console = m->console.at,
		.console_len = m->console.len,
	};

	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 || frozen_write(fd, &f, NULL) < 0 ||
	    read_machine(fd, &again) < 0 || memcmp(again.ram, m->ram, RAM) ||
	    !same_buf(&again.state, &m->state) || !same_buf(&again.console, &m->console))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(machine_fini) struct machine m = { 0 };
	SCOPED(close_fd) int fd = anon_file("fuzz", NULL);

	if (fd < 0)
		abort();
	write_input(fd, data, size);
	if (read_machine(fd, &m) == 0)
		check_again(fd, &m);
	return 0;
}
