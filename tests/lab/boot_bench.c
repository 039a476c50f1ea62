/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * boot_bench BACKEND SHAPE KERNEL INIT: boots the kernel with an archive whose only file is INIT, as
 * /init, and returns when that has switched the machine off and nothing of it is left. What a test
 * harness does before and after is not in that, so other VMMs can be held against it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "image/newc.h"
#include "vm/vm.h"

#define MEMORY (272ull << 20) /* what ktstr gives to 2 vCPUs */
#define LIMIT_NS 120000000000ull
#define INIT_MAX (16u << 20)

static int make_archive(const char *init, struct err *e)
{
	SCOPED(mem_free) char *program = NULL;
	SCOPED(buf_fini) struct buf archive = { 0 };
	SCOPED(close_fd) int fd = -1;
	size_t len;
	int r = read_file(init, INIT_MAX, &program, &len, e);

	if (r < 0)
		return r;
	newc_file(&archive, "init", 0100755, program, len);
	newc_end(&archive);
	if (archive.bad)
		return err_sys(e, archive.bad, "archive");
	fd = anon_file("boot_bench", e);
	if (fd < 0)
		return fd;
	r = write_full(fd, archive.at, archive.len);
	return r < 0 ? err_sys(e, r, "archive") : hand_over_fd(&fd);
}

static int wait_for_end(struct vm *vm, struct err *e)
{
	SCOPED(buf_fini) struct buf said = { 0 };
	const uint64_t limit_ns = now_ns() + LIMIT_NS;
	struct vm_event ev = { 0 };
	int r = 0;

	while (!r && ev.kind != VM_EVENT_STOPPED && now_ns() < limit_ns) {
		r = vm_next(vm, limit_ns, &ev, e);
		if (!r && ev.kind == VM_EVENT_CONSOLE)
			buf_put(&said, ev.data, ev.len);
	}
	if (r < 0)
		return r;
	if (ev.kind == VM_EVENT_STOPPED && ev.stop.kind == VM_STOP_POWEROFF)
		return 0;
	return err_set(e, -EPROTO, "the guest did not switch itself off: %s\n%s", ev.stop.text,
		       buf_str(&said));
}

static int boot(char **argv, struct err *e)
{
	struct vm_config c = { .arch = ARCH_ARM64,
			       .memory_bytes = MEMORY,
			       .kernel_path = argv[3],
			       .cmdline = "",
			       .accel = VM_ACCEL_KVM,
			       .time = VM_TIME_REAL };
	SCOPED(vm_destroy) struct vm *vm = NULL;
	SCOPED(close_fd) int archive = -1;
	const struct vm_backend *b;
	struct vm_about about;
	int r = topo_parse(argv[2], &c.topo, e);

	if (!r)
		r = vm_choose(argv[1], c.arch, c.accel, c.time, &b, &about, e);
	if (!r) {
		archive = c.initrd_fd = make_archive(argv[4], e);
		r = MIN(archive, 0);
	}
	if (!r)
		r = vm_create(b, &c, &vm, e);
	if (!r)
		r = vm_start(vm, e);
	return r < 0 ? r : wait_for_end(vm, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };

	if (argc == 5 && boot(argv, &e) == 0)
		return 0;
	fprintf(stderr, "boot_bench: %s\n", argc == 5 ? e.text : "BACKEND SHAPE KERNEL INIT?");
	return 1;
}
