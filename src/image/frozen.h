/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine as it was frozen, as a file: its memory without empty pages, what the emulator knows
 * beside it, what the console had said. A file's bytes are not trusted when read.
 */
#ifndef IMAGE_FROZEN_H
#define IMAGE_FROZEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct err;

#define FROZEN_PAGE 4096u
#define FROZEN_STATE_MAX (64u << 20)
#define FROZEN_CONSOLE_MAX (16u << 20)

struct frozen {
	const uint8_t *ram; /* borrowed, as all of them */
	uint64_t ram_bytes; /* whole pages */
	const void *state;  /* the emulator's */
	size_t state_len;
	const void *console;
	size_t console_len;
};

/*
 * Writes to @fd from its current position, without a copy of the memory. -EINVAL: no whole pages;
 * -EFBIG: more state or console than would be read again.
 */
int frozen_write(int fd, const struct frozen *f, struct err *e);

/*
 * Reads @fd from its start into the file @ram_fd, which has @ram_bytes of nothing: empty pages are not
 * written to, so that they cost nothing. Who has mapped it need not have touched any of it. Appends to @state and @console. -EBADMSG:
 * damaged, truncated, followed by more, of another format or another size of memory; any other
 * errno is the host's trouble. After a failure the memory may be filled in part; both buffers are as they
 * were.
 */
int frozen_read(int fd, int ram_fd, uint64_t ram_bytes, struct buf *state, struct buf *console,
		struct err *e);

#endif
