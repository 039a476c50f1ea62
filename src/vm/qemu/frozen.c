/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Saves a frozen machine, and takes one up again: its memory is ours anyway, the rest is what QEMU
 * calls a migration, to and from a file.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "abi/parcel.h"
#include "base/err.h"
#include "base/io.h"
#include "image/frozen.h"
#include "vm/qemu/qemu.h"

#define STATE_MAX (64u << 20)

static int place_parcel(struct qemu *q, const struct vm_config *cfg, struct err *e)
{
	uint64_t all = q->shape.parcel_bytes, room = all - MIN(all, (uint64_t)PARCEL_DATA);
	uint8_t *at = q->ram + q->shape.memory_bytes;
	struct parcel_header h = { .magic = PARCEL_MAGIC };
	struct stat st;

	if (fstat(cfg->initrd_fd, &st) < 0)
		return err_sys(e, -errno, "initramfs");
	h.len = (uint64_t)st.st_size;
	if (!room || h.len > room)
		return err_set(e, -ENOSPC,
			       "initramfs: %llu bytes: the parcel of the machine has room for %llu",
			       (unsigned long long)h.len, (unsigned long long)room);
	memcpy(at, &h, sizeof(h));
	int r = pread_full(cfg->initrd_fd, at + PARCEL_DATA, h.len, 0);
	return r < 0 ? err_sys(e, r, "initramfs") : 0;
}

static int load(struct qemu *q, const struct vm_config *cfg, struct err *e)
{
	SCOPED(buf_fini) struct buf state = { 0 };
	int r = frozen_read(cfg->resume_fd, q->ram_fd, qemu_ram_bytes(&q->shape), &state, &q->said,
			    e);

	if (r < 0)
		return err_frame(e, "frozen machine");
	r = write_full(q->state_fd, state.at, state.len);
	return r < 0 ? err_sys(e, r, "state of the machine") : place_parcel(q, cfg, e);
}

int frozen_open(struct qemu *q, const struct vm_config *cfg, struct err *e)
{
	if (q->shape.start == QEMU_BOOTS)
		return 0;
	q->state_fd = anon_file("ktstr-machine-state", e);
	if (q->state_fd < 0)
		return q->state_fd;
	return q->shape.start == QEMU_RESUMES ? load(q, cfg, e) : 0;
}

int frozen_start(struct qemu *q, struct err *e)
{
	int r = control_send(q, QMP_CMD_STATE_HOW, NULL, e);

	if (!r)
		r = control_send(q, QMP_CMD_STATE_QUIET, NULL, e);
	return r < 0 ? r : control_send(q, QMP_CMD_TAKE_UP, NULL, e);
}

void frozen_on_state(struct qemu *q, const char *how_far)
{
	if (!strcmp(how_far, "failed")) {
		qemu_give_up(q, "QEMU could not %s the state of the machine",
			     q->shape.start == QEMU_RESUMES ? "take up" : "save");
		return;
	}
	if (strcmp(how_far, "completed") != 0)
		return;
	q->state_done = true;
	if (q->shape.start != QEMU_RESUMES)
		return;
	int r = q->gdb.at ? gdb_start(q, NULL) : control_send(q, QMP_CMD_CONT, NULL, NULL);
	if (r < 0)
		qemu_give_up(q, "the machine cannot be told to go on: %s", strerror(-r));
}

static int read_state(struct qemu *q, struct buf *ret, struct err *e)
{
	struct stat st;

	if (fstat(q->state_fd, &st) < 0)
		return err_sys(e, -errno, "state of the machine");
	if (!st.st_size || st.st_size > STATE_MAX)
		return err_set(e, -EFBIG, "state of the machine: %lld bytes",
			       (long long)st.st_size);
	char *to = buf_room(ret, (size_t)st.st_size);
	int r = to ? pread_full(q->state_fd, to, (size_t)st.st_size, 0) : -ENOMEM;
	if (r < 0)
		return err_sys(e, r, "state of the machine");
	buf_wrote(ret, (size_t)st.st_size);
	return 0;
}

int qemu_save(struct vm *vm, const struct buf *console, int fd, struct err *e)
{
	SCOPED(buf_fini) struct buf state = { 0 };
	struct qemu *q = qemu_of(vm);
	int r = control_ask(q, QMP_CMD_STATE_HOW, e);

	if (!r)
		r = control_ask(q, QMP_CMD_SAVE, e);
	if (!r)
		r = control_await_state(q, e);
	if (!r)
		r = read_state(q, &state, e);
	if (r < 0)
		return err_frame(e, "saving the machine");
	const struct frozen f = {
		.ram = q->ram,
		.ram_bytes = qemu_ram_bytes(&q->shape),
		.state = state.at,
		.state_len = state.len,
		.console = console->at,
		.console_len = console->len,
	};
	return frozen_write(fd, &f, e);
}
