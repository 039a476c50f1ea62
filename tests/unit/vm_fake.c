/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm_fake.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "base/io.h"
#include "vm/probe.h"
#include "vm/qemu/qemu.h"

#define PATIENCE_NS 20000000000ull

static int fds_before;

int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = -3; /* . and .. and its own */

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

int fake_setup(void **state)
{
	unsetenv("FAKE_VERSION");
	probe_no_cache();
	fds_before = open_fds();
	return 0;
}

static bool maps_guest_memory(void)
{
	SCOPED(mem_free) char *maps = NULL;

	assert_int_equal(read_file("/proc/self/maps", 16 << 20, &maps, NULL, NULL), 0);
	return strstr(maps, "ktstr-guest-memory") != NULL;
}

int fake_teardown(void **state)
{
	if (maps_guest_memory())
		fail_msg("guest memory is still mapped");
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		fail_msg("a child is left");
	if (open_fds() != fds_before)
		fail_msg("%d descriptors before, %d after", fds_before, open_fds());
	return 0;
}

void fake_init(struct fake *f, const char *script)
{
	static const char path[] = "/proc/self/exe"; /* any regular file will do */
	struct err e = { 0 };

	memset(f, 0, sizeof(*f));
	f->initrd = anon_file("initrd", &e);
	f->cfg = (struct vm_config){
		.arch = ARCH_X86_64,
		.topo = { 1, 1, 2, 1 },
		.memory_bytes = 64 << 20,
		.kernel_path = path,
		.initrd_fd = f->initrd,
		.cmdline = script,
		.accel = VM_ACCEL_TCG,
		.emulator = getenv("FAKE_QEMU"),
	};
	assert_non_null(f->cfg.emulator);
	f->backend = &vm_backend_qemu;
}

void fake_fini(struct fake *f)
{
	vm_destroy(hand_over(f->vm));
	close_fd(&f->initrd);
	for (size_t i = 0; i < ARRAY_SIZE(f->bytes); i++)
		buf_fini(&f->bytes[i]);
}

void fake_start(struct fake *f)
{
	struct err e = { 0 };

	if (vm_create(f->backend, &f->cfg, &f->vm, &e) < 0 || vm_start(f->vm, &e) < 0)
		fail_msg("%s", e.text);
}

static void note(struct fake *f, const struct vm_event *ev)
{
	static const char letters[] = "-clxtrwfs"; /* by kind */
	size_t n = strlen(f->order);

	if (n + 1 < sizeof(f->order) && (!n || f->order[n - 1] != letters[ev->kind]))
		f->order[n] = letters[ev->kind];
	if (ev->kind == VM_EVENT_FROZEN)
		f->cpu = ev->cpu;
	if (ev->kind == VM_EVENT_STOPPED)
		f->stop = ev->stop;
	else if (ev->len)
		buf_put(&f->bytes[ev->kind], ev->data, ev->len);
}

void fake_until(struct fake *f, enum vm_event_kind kind)
{
	uint64_t deadline_ns = now_ns() + PATIENCE_NS;
	struct vm_event ev;
	struct err e = { 0 };

	do {
		if (vm_next(f->vm, deadline_ns, &ev, &e) < 0)
			fail_msg("%s", e.text);
		if (ev.kind == VM_EVENT_NONE)
			fail_msg("nothing more happened after \"%s\"", f->order);
		note(f, &ev);
		if (ev.kind == VM_EVENT_STOPPED && kind != VM_EVENT_STOPPED)
			fail_msg("the end came first: %s", ev.stop.text);
	} while (ev.kind != kind);
}

void fake_run(struct fake *f, const char *script)
{
	fake_init(f, script);
	fake_start(f);
	fake_until(f, VM_EVENT_STOPPED);
}

void fake_send(struct fake *f, const void *data, size_t n)
{
	struct err e = { 0 };

	if (vm_link_send(f->vm, data, n, &e) < 0)
		fail_msg("%s", e.text);
}
