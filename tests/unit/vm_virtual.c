/* SPDX-License-Identifier: GPL-2.0-only */
/* A machine in virtual time, played by fake_qemu.c: ports that are files, and a clock to be asked. */
#include "hurry.h"
#include "vm_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "vm/qemu/qemu.h"

#define HELLO "fake:greet fake:serve=2 "

static void begin(struct fake *f, const char *script)
{
	fake_init(f, script);
	f->cfg.time = VM_TIME_VIRTUAL;
	f->cfg.pace.rate_shift = 2;
}

TEST_WITH(the_machine_says_that_its_time_is_virtual, fake_setup, fake_teardown)
{
	static const enum vm_time times[] = { VM_TIME_AUTO, VM_TIME_REAL, VM_TIME_VIRTUAL };

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct fake f;

		begin(&f, "fake:hang");
		f.cfg.time = times[i];
		fake_start(&f);
		assert_int_equal(f.vm->about.virtual_time, times[i] == VM_TIME_VIRTUAL);
		fake_fini(&f);
	}
}

TEST_WITH(virtual_time_with_kvm_is_refused, fake_setup, fake_teardown)
{
	struct fake f;
	struct err e;

	begin(&f, "");
	f.cfg.accel = VM_ACCEL_KVM;
	assert_int_equal(vm_create(f.backend, &f.cfg, &f.vm, &e), -EINVAL);
	assert_string_equal(e.text, "accelerator kvm: cannot run in virtual time, only emulation "
				    "(tcg) can");
	fake_fini(&f);
}

TEST_WITH(bytes_in_files_come_in_order_and_before_the_end, fake_setup, fake_teardown)
{
	struct fake f;

	begin(&f, HELLO "fake:console=one fake:link=two fake:flood=300000 fake:link=four "
			"fake:event=SHUTDOWN:guest-shutdown");
	fake_start(&f);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.stop.kind, VM_STOP_POWEROFF);
	assert_int_equal(f.bytes[VM_EVENT_CONSOLE].len, 3 + 300000);
	assert_memory_equal(f.bytes[VM_EVENT_CONSOLE].at, "onexxx", 6);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_LINK]), "twofour");
	assert_int_equal(f.order[strlen(f.order) - 1], 's');
	fake_fini(&f);
}

/* Nothing wakes us up for them. */
TEST_WITH(bytes_of_a_machine_that_goes_on_are_seen, fake_setup, fake_teardown)
{
	struct fake f;

	begin(&f, HELLO "fake:link=one fake:serve=1 fake:link=two fake:console=three fake:hang");
	fake_start(&f);
	fake_until(&f, VM_EVENT_LINK);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_LINK]), "one");
	assert_int_equal(vm_pause(f.vm, NULL), 0);
	fake_until(&f, VM_EVENT_LINK);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_LINK]), "onetwo");
	if (!f.bytes[VM_EVENT_CONSOLE].len)
		fake_until(&f, VM_EVENT_CONSOLE);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_CONSOLE]), "three");
	fake_fini(&f);
}

TEST_WITH(bytes_left_behind_by_a_dead_emulator_are_not_lost, fake_setup, fake_teardown)
{
	siginfo_t dead;
	struct fake f;

	begin(&f, HELLO "fake:flood=150000 fake:link=last fake:die=9");
	fake_start(&f);
	assert_int_equal(waitid(P_ALL, 0, &dead, WEXITED | WNOWAIT), 0);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.stop.kind, VM_STOP_BACKEND_DIED);
	assert_int_equal(f.bytes[VM_EVENT_CONSOLE].len, 150000);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_LINK]), "last");
	fake_fini(&f);
}

TEST_WITH(what_was_read_is_not_kept, fake_setup, fake_teardown)
{
	enum { SIZE = 20 << 20 };
	struct fake f;
	struct stat st;

	begin(&f, "fake:flood=20971520 fake:hang");
	fake_start(&f);
	while (f.bytes[VM_EVENT_CONSOLE].len < SIZE)
		fake_until(&f, VM_EVENT_CONSOLE);
	assert_int_equal(fstat(qemu_of(f.vm)->port[PORT_CONSOLE].fd, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_in_range(st.st_blocks * 512, 0, (1 << 20) + 2 * PORT_CHUNK);
	for (size_t i = 0; i < SIZE; i++)
		if (f.bytes[VM_EVENT_CONSOLE].at[i] != 'x')
			fail_msg("byte %zu was lost", i);
	fake_fini(&f);
}

/* There is much to read when ^C is pressed. */
TEST_WITH(a_guest_that_talks_on_and_on_hides_nothing_else, fake_setup, fake_teardown)
{
	SCOPED(close_fd) int in = -1;
	SCOPED(close_fd) int out = -1;
	struct vm_event ev;
	struct fake f;
	uint64_t ns;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	in = ends[0];
	out = ends[1];
	assert_int_equal(write_full(out, "x", 1), 0);
	begin(&f, HELLO "fake:flood=1000000 fake:serve=1 fake:hang");
	fake_start(&f);
	assert_int_equal(vm_watch(f.vm, in, true, NULL), 0);
	assert_int_equal(vm_clock(f.vm, &ns, NULL), 0); /* now all of it is there */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(vm_next(f.vm, 0, &ev, NULL), 0);
		assert_int_equal(ev.kind, i == 1 ? VM_EVENT_WATCHED : VM_EVENT_CONSOLE);
	}
	/* and a deadline that has passed does not, either */
	assert_int_equal(vm_watch(f.vm, in, false, NULL), 0);
	size_t n = ev.len;
	for (; vm_next(f.vm, 0, &ev, NULL) == 0 && ev.kind == VM_EVENT_CONSOLE; n += ev.len)
		;
	assert_int_equal(ev.kind, VM_EVENT_NONE);
	assert_int_equal(n + PORT_CHUNK, 1000000);
	fake_fini(&f);
}

TEST_WITH(the_emulator_inherits_nothing_but_its_own, fake_setup, fake_teardown)
{
	struct fake f;

	begin(&f, "fake:self fake:hang");
	fake_start(&f);
	fake_until(&f, VM_EVENT_CONSOLE);
	const char *fds = strstr(buf_str(&f.bytes[VM_EVENT_CONSOLE]), "fds");
	assert_non_null(fds);
	assert_string_equal(fds, "fds 0 1 2 3 4 5 6 7 8 9 10 11 12\n");
	fake_fini(&f);
}

TEST_WITH(nothing_is_fed_to_the_guest, fake_setup, fake_teardown)
{
	struct fake f;
	struct err e = { 0 };

	begin(&f, "fake:hang");
	fake_start(&f);
	assert_int_equal(vm_link_send(f.vm, "x", 1, &e), -EPERM);
	assert_string_equal(e.text, "link: nothing is fed to a guest in virtual time");
	assert_int_equal(vm_link_backlog(f.vm), 0);
	assert_int_equal(vm_tty_send(f.vm, "x", 1, &e), -EPIPE);
	fake_fini(&f);
}

TEST_WITH(who_gives_up_exactness_may_feed_it, fake_setup, fake_teardown)
{
	for (int tty = 0; tty < 2; tty++) {
		struct fake f;

		begin(&f, "fake:console=up fake:echo=5 fake:hang");
		f.cfg.fed = !tty;
		f.cfg.tty = tty;
		fake_start(&f);
		fake_send(&f, "hello", 5);
		while (f.bytes[VM_EVENT_LINK].len < 5)
			fake_until(&f, VM_EVENT_LINK);
		assert_string_equal(buf_str(&f.bytes[VM_EVENT_LINK]), "hello");
		assert_string_equal(buf_str(&f.bytes[VM_EVENT_CONSOLE]), "up");
		fake_fini(&f);
	}
}

TEST_WITH(the_clock_tells_the_time_since_the_start, fake_setup, fake_teardown)
{
	for (enum arch a = 0; a < NR_ARCHES; a++) {
		struct fake f;
		uint64_t ns = 7;
		struct err e = { 0 };

		begin(&f, HELLO "fake:serve=1 fake:clock=77 fake:serve=1 fake:clock=2000000000 "
				"fake:serve=1 fake:hang");
		f.cfg.arch = a;
		fake_start(&f);
		assert_int_equal(vm_clock(f.vm, &ns, &e), 0);
		assert_true(ns == 0);
		assert_int_equal(vm_clock(f.vm, &ns, &e), 0);
		assert_true(ns == 77 * SECOND_NS);
		assert_int_equal(vm_clock(f.vm, &ns, &e), 0);
		assert_true(ns == 2000000000 * SECOND_NS);
		fake_fini(&f);
	}
}

TEST_WITH(a_clock_that_cannot_be_read_is_refused, fake_setup, fake_teardown)
{
	static const char *const bad[] = { "junk", "-1", "-1767225600", "200000000000" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char script[100];
		struct fake f;
		uint64_t ns = 7;
		struct err e = { 0 };

		snprintf(script, sizeof(script), HELLO "fake:clock=%s fake:serve=1 fake:hang",
			 bad[i]);
		begin(&f, script);
		fake_start(&f);
		if (vm_clock(f.vm, &ns, &e) != -EBADMSG)
			fail_msg("%s is %llu", bad[i], (unsigned long long)ns);
		assert_string_equal(e.text, "QEMU: the time of the machine's clock is unreadable");
		assert_int_equal(ns, 7);
		fake_fini(&f);
	}
}

TEST_WITH(an_emulator_that_does_not_answer_is_not_waited_for_for_ever, fake_setup, fake_teardown)
{
	struct fake f;
	uint64_t ns = 7;
	struct err e = { 0 };

	begin(&f, HELLO "fake:console=up fake:hang");
	fake_start(&f);
	fake_until(&f, VM_EVENT_CONSOLE);
	hurry_ms = 0;
	uint64_t from = now_ns();
	int r = vm_clock(f.vm, &ns, &e);
	assert_in_range(now_ns() - from, 10 * SECOND_NS, 15 * SECOND_NS);
	hurry_ms = -1;
	assert_int_equal(r, -ETIMEDOUT);
	assert_string_equal(e.text, "QEMU did not answer for 10 s");
	assert_int_equal(ns, 7);
	fake_fini(&f);
}

TEST_WITH(an_emulator_that_is_gone_has_no_clock, fake_setup, fake_teardown)
{
	struct fake f;
	uint64_t ns = 7;
	struct err e = { 0 };

	begin(&f, HELLO "fake:link=last fake:die=9");
	fake_start(&f);
	assert_int_equal(vm_clock(f.vm, &ns, &e), -ESRCH);
	assert_string_equal(e.text, "QEMU ended before it answered");
	fake_until(&f, VM_EVENT_STOPPED);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_LINK]), "last");
	assert_int_equal(vm_clock(f.vm, &ns, &e), -ESRCH);
	assert_int_equal(ns, 7);
	fake_fini(&f);
}

/* Bytes that come while its answer is awaited wait for their turn. */
TEST_WITH(asking_for_the_time_loses_no_bytes, fake_setup, fake_teardown)
{
	struct fake f;
	uint64_t ns;

	begin(&f, HELLO "fake:link=one fake:serve=1 fake:link=two fake:event=SHUTDOWN:guest-reset");
	fake_start(&f);
	assert_int_equal(vm_clock(f.vm, &ns, NULL), 0);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_LINK]), "onetwo");
	assert_int_equal(f.stop.kind, VM_STOP_RESET);
	fake_fini(&f);
}

UNIT_MAIN(NULL, NULL)
