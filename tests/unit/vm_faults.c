/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes the first, second, third ... call that can fail do so on the way from a configuration to a
 * started machine, until one way has no failure: each must end in a sentence and leave nothing.
 * The calls are linked in by --wrap; the list is vm_wraps in meson.build.
 */
#include "vm_fake.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/io.h"
#include "vm/probe.h"

static int countdown;	   /* the call that reaches 0 fails; -1 = none does */
static const char *failed; /* the call that was made to fail */

static bool fails(const char *name)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	failed = name;
	return true;
}

/* X(result, name, failure, errno, parameters, arguments) */
#define CALLS(X) \
	X(void *, malloc, NULL, ENOMEM, (size_t n), (n)) \
	X(void *, calloc, NULL, ENOMEM, (size_t n, size_t m), (n, m)) \
	X(void *, realloc, NULL, ENOMEM, (void *p, size_t n), (p, n)) \
	X(int, memfd_create, -1, EMFILE, (const char *s, unsigned int f), (s, f)) \
	X(int, ftruncate64, -1, ENOSPC, (int fd, off_t n), (fd, n)) \
	X(void *, mmap64, (void *)-1, ENOMEM, (void *p, size_t n, int a, int b, int fd, off_t o), \
	  (p, n, a, b, fd, o)) \
	X(int, socketpair, -1, EMFILE, (int a, int b, int c, int *fd), (a, b, c, fd)) \
	X(int, pipe2, -1, ENFILE, (int *fd, int f), (fd, f)) \
	X(int, epoll_create1, -1, EMFILE, (int f), (f)) \
	X(int, epoll_ctl, -1, ENOSPC, (int a, int b, int c, struct epoll_event *d), (a, b, c, d)) \
	X(int, fcntl64, -1, EMFILE, (int fd, int c, long v), (fd, c, v)) \
	X(int, open64, -1, EMFILE, (const char *s, int f, unsigned int m), (s, f, m)) \
	X(pid_t, fork, -1, EAGAIN, (void), ()) \
	X(int, pidfd_open, -1, EMFILE, (pid_t p, unsigned int f), (p, f)) \
	X(int, dup2, -1, EBUSY, (int a, int b), (a, b)) \
	X(ssize_t, send, -1, ENOBUFS, (int fd, const void *p, size_t n, int f), (fd, p, n, f))

#define DEFINE(result, name, failure, code, params, args) \
	result __real_##name params; \
	result __wrap_##name params; \
	result __wrap_##name params \
	{ \
		if (!fails(#name)) \
			return __real_##name args; \
		errno = code; \
		return failure; \
	}
CALLS(DEFINE)

/* Returns whether it came through without a failure having been put in its way. */
static bool try_once(int nth, struct fake *f)
{
	struct err e = { 0 };

	probe_no_cache();
	failed = NULL;
	countdown = nth;
	int r = vm_create(f->backend, &f->cfg, &f->vm, &e);
	if (!r)
		r = vm_start(f->vm, &e);
	countdown = -1;
	if (r < 0 && (e.code != r || !e.text[0]))
		fail_msg("failure %d: %d, \"%s\"", nth, r, e.text);
	/* Who flushes a port puts up with that one: port_send() asks again. */
	if (!r && failed && strcmp(failed, "epoll_ctl") != 0)
		fail_msg("failure %d: nobody noticed %s", nth, failed);
	vm_destroy(hand_over(f->vm));
	return !r && !failed;
}

static void fail_all_the_way(struct fake *f)
{
	int n = 0, before = open_fds();

	while (!try_once(n, f)) {
		if (open_fds() != before)
			fail_msg("failure %d: %d descriptors, %d before", n, open_fds(), before);
		n++;
		assert_in_range(n, 1, 1000);
	}
	assert_in_range(n, 60, 1000); /* or nothing was tried */
}

TEST_WITH(every_failure_on_the_way_to_a_machine_is_told_and_leaves_nothing, fake_setup,
	  fake_teardown)
{
	struct fake f;

	countdown = -1;
	fake_init(&f, "fake:hang");
	f.cfg.arch = ARCH_ARM64; /* which has a device tree, too */
	f.cfg.tty = true;
	fail_all_the_way(&f);
	fake_fini(&f);
}

TEST_WITH(in_virtual_time_every_failure_is_told_as_well, fake_setup, fake_teardown)
{
	struct fake f;

	countdown = -1;
	fake_init(&f, "fake:hang");
	f.cfg.arch = ARCH_ARM64;
	f.cfg.time = VM_TIME_VIRTUAL;
	f.cfg.pace.turn_us = 100;
	fail_all_the_way(&f);
	fake_fini(&f);
}

/* ---- machines that are saved and resumed ---- */

#define SAVES \
	"fake:greet fake:serve=2 fake:gdb=OK fake:gdb=T05thread:p01.01; fake:gdb=OK " \
	"fake:state=fake:hang fake:serve=2 fake:event=MIGRATION:completed fake:hang"

static void begin_saving(struct fake *f)
{
	countdown = -1;
	fake_init(f, SAVES);
	f->cfg.arch = ARCH_ARM64;
	f->cfg.time = VM_TIME_VIRTUAL;
	f->cfg.parcel_bytes = 1 << 20;
	f->cfg.freeze_at = 0x403065;
	f->cfg.to_save = true;
}

TEST_WITH(of_a_machine_to_be_saved_every_failure_is_told, fake_setup, fake_teardown)
{
	struct fake f;

	begin_saving(&f);
	fail_all_the_way(&f);
	fake_fini(&f);
}

/* As try_once(). */
static bool save_once(int nth, struct fake *f, int fd)
{
	struct buf console = { .at = (char[]){ "text" }, .len = 4 };
	struct err e = { 0 };

	fake_start(f);
	fake_until(f, VM_EVENT_FROZEN);
	assert_int_equal(ftruncate(fd, 0) | lseek(fd, 0, SEEK_SET), 0);
	failed = NULL;
	countdown = nth;
	int r = vm_save(f->vm, &console, fd, &e);
	countdown = -1;
	if (r < 0 && (e.code != r || !e.text[0]))
		fail_msg("failure %d: %d, \"%s\"", nth, r, e.text);
	if (!r && failed && strcmp(failed, "epoll_ctl") != 0)
		fail_msg("failure %d: nobody noticed %s", nth, failed);
	vm_destroy(hand_over(f->vm));
	return !r && !failed;
}

TEST_WITH(a_machine_is_saved_or_the_failure_told_and_then_every_failure_to_resume_it, fake_setup,
	  fake_teardown)
{
	int n = 0, before = open_fds(), fd = anon_file("saved", NULL);
	struct fake f;

	begin_saving(&f);
	for (; !save_once(n, &f, fd); n++)
		assert_int_equal(open_fds(), before + 2);
	assert_in_range(n, 8, 1000);
	f.cfg.freeze_at = 0;
	f.cfg.to_save = false;
	f.cfg.resume_fd = fd;
	fail_all_the_way(&f);
	fake_fini(&f);
	close_fd(&fd);
}

int main(void)
{
	countdown = -1;
	return unit_run(NULL, NULL);
}
