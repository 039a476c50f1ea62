/* SPDX-License-Identifier: GPL-2.0-only */
/* The qemu backend with an emulator that does what the test wants (fake_qemu.c). */
#include "vm_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "vm/qemu/qemu.h"

#define HELLO "fake:greet fake:serve=2 "

/* What the guest's own ends look like. */
TEST_WITH(an_orderly_end_has_the_reason_the_machine_gave, fake_setup, fake_teardown)
{
	static const struct {
		const char *script;
		enum vm_stop_kind kind;
		const char *text;
	} ends[] = {
		{ "guest-shutdown", VM_STOP_POWEROFF, "the guest switched itself off" },
		{ "guest-reset", VM_STOP_RESET, "the guest asked for a reset" },
		{ "guest-panic", VM_STOP_RESET, "the guest kernel panicked" },
		{ "host-qmp-quit", VM_STOP_BACKEND_DIED, "QEMU was told to quit" },
		{ "host-signal", VM_STOP_BACKEND_DIED, "QEMU was told to end by a signal" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		char script[100];
		struct fake f;

		snprintf(script, sizeof(script), HELLO "fake:event=SHUTDOWN:%s", ends[i].script);
		fake_run(&f, script);
		assert_int_equal(f.stop.kind, ends[i].kind);
		assert_string_equal(f.stop.text, ends[i].text);
		assert_int_equal(f.stop.exit_status, 0);
		fake_fini(&f);
	}
}

TEST_WITH(bytes_before_the_end_come_before_the_end, fake_setup, fake_teardown)
{
	struct fake f;

	fake_init(&f, HELLO "fake:console=one fake:link=two fake:tty=three fake:flood=300000 "
			    "fake:link=four fake:event=SHUTDOWN:guest-shutdown");
	f.cfg.tty = true;
	fake_start(&f);
	/* only now is anything read, so the emulator may be dead already */
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.bytes[VM_EVENT_CONSOLE].len, 3 + 300000);
	assert_memory_equal(f.bytes[VM_EVENT_CONSOLE].at, "onexxx", 6);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_LINK]), "twofour");
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_TTY]), "three");
	assert_int_equal(f.order[strlen(f.order) - 1], 's');
	fake_fini(&f);
}

TEST_WITH(bytes_left_behind_by_a_dead_emulator_are_not_lost, fake_setup, fake_teardown)
{
	siginfo_t dead;
	struct fake f;

	fake_init(&f, HELLO "fake:flood=150000 fake:link=last fake:die=9");
	fake_start(&f);
	assert_int_equal(waitid(P_ALL, 0, &dead, WEXITED | WNOWAIT), 0);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.bytes[VM_EVENT_CONSOLE].len, 150000);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_LINK]), "last");
	fake_fini(&f);
}

TEST_WITH(the_end_is_reported_again_to_who_asks_again, fake_setup, fake_teardown)
{
	struct fake f;

	fake_run(&f, HELLO "fake:event=SHUTDOWN:guest-reset");
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.stop.kind, VM_STOP_RESET);
	fake_fini(&f);
}

TEST_WITH(a_dead_emulator_is_reported_with_its_last_words, fake_setup, fake_teardown)
{
	static const struct {
		const char *script, *text;
	} deaths[] = {
		{ "fake:die=9", "QEMU was killed by signal 9 (Killed); somebody killed it, or the "
				"host ran out of "
				"memory" },
		{ "fake:die=11", "QEMU was killed by signal 11 (Segmentation fault)" },
		{ "fake:die=7", "QEMU was killed by signal 7 (Bus error); the host could not "
				"provide guest memory" },
		{ "fake:stderr=odd fake:stderr=worse fake:die=6",
		  "QEMU was killed by signal 6 (Aborted): worse" },
		{ "fake:exit=1", "QEMU exited with status 1: it did not say why" },
		{ "fake:stderr=Cannot_allocate_memory fake:stderr=x:_invalid fake:exit=1",
		  "QEMU exited with status 1: x: invalid" },
		{ "fake:stderr=mem0:_No_space_left_on_device fake:exit=1",
		  "QEMU exited with status 1: mem0: No space left on device; free memory on the "
		  "host or give the guest less" },
		{ "fake:complain=enough fake:exit=2", "QEMU exited with status 2: enough" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(deaths); i++) {
		struct fake f;

		fake_run(&f, deaths[i].script);
		assert_int_equal(f.stop.kind, VM_STOP_BACKEND_DIED);
		assert_string_equal(f.stop.text, deaths[i].text);
		assert_int_not_equal(f.stop.exit_status, 0);
		assert_in_range(qemu_of(f.vm)->complaints.len, 0, STDERR_KEPT);
		fake_fini(&f);
	}
}

TEST_WITH(a_machine_stopped_by_an_internal_error_is_given_up, fake_setup, fake_teardown)
{
	struct fake f;

	fake_run(&f, HELLO "fake:status=internal-error fake:stderr=KVM:entry-failed "
			   "fake:event=STOP fake:serve=1 fake:hang");
	assert_int_equal(f.stop.kind, VM_STOP_BACKEND_ERROR);
	assert_string_equal(f.stop.text,
			    "QEMU stopped the machine: internal-error: KVM:entry-failed");
	fake_fini(&f);
}

TEST_WITH(a_link_that_closes_while_the_machine_runs_is_reported, fake_setup, fake_teardown)
{
	struct fake f;

	fake_init(&f, HELLO "fake:link=bye fake:close=link fake:serve=1 fake:console=still-here "
			    "fake:hang");
	fake_start(&f);
	fake_until(&f, VM_EVENT_LINK_CLOSED);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_LINK]), "bye");
	struct err e;
	assert_int_equal(vm_link_send(f.vm, "x", 1, &e), -EPIPE);
	fake_until(&f, VM_EVENT_CONSOLE);
	fake_fini(&f);
}

TEST_WITH(a_link_that_closes_because_the_emulator_died_is_not, fake_setup, fake_teardown)
{
	struct fake f;

	fake_run(&f, HELLO "fake:close=link fake:die=9");
	assert_null(strchr(f.order, 'x'));
	assert_int_equal(f.stop.kind, VM_STOP_BACKEND_DIED);
	fake_fini(&f);
}

/* The only test that waits for a time limit (5 s), so both cases run at once. */
TEST_WITH(an_emulator_that_does_not_go_is_made_to, fake_setup, fake_teardown)
{
	struct fake polite, silent;
	struct vm_event ev;
	struct err e;

	fake_init(&polite, HELLO "fake:event=SHUTDOWN:guest-shutdown fake:console=last fake:hang");
	fake_init(&silent, HELLO "fake:close=qmp fake:console=x fake:hang");
	fake_start(&polite);
	fake_start(&silent);
	fake_until(&silent, VM_EVENT_CONSOLE);
	assert_int_equal(vm_next(silent.vm, now_ns(), &ev, &e), 0); /* sees the end of QMP */
	fake_until(&polite, VM_EVENT_STOPPED);
	assert_int_equal(polite.stop.kind, VM_STOP_POWEROFF);
	assert_string_equal(buf_str(&polite.bytes[VM_EVENT_CONSOLE]), "last");
	fake_until(&silent, VM_EVENT_STOPPED);
	assert_int_equal(silent.stop.kind, VM_STOP_BACKEND_ERROR);
	assert_string_equal(silent.stop.text, "QEMU closed its control channel and did not exit");
	fake_fini(&polite);
	fake_fini(&silent);
}

/* QEMU 10 can hang like this when the guest ends while a command is being executed. */
TEST_WITH(who_waits_for_an_answer_is_told_that_it_will_not_come, fake_setup, fake_teardown)
{
	struct vm_stats st;
	struct fake f;
	struct err e;

	fake_init(&f, "fake:greet fake:serve=1 fake:event=SHUTDOWN:guest-reset fake:hang");
	fake_start(&f);
	assert_int_equal(vm_stats(f.vm, &st, &e), -ESRCH);
	/* it is not given the time of one that owes no answer */
	assert_true(qemu_of(f.vm)->end.deadline_ns <= now_ns() + 2 * SECOND_NS);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.stop.kind, VM_STOP_RESET);
	fake_fini(&f);
}

TEST_WITH(what_is_not_qmp_ends_the_machine, fake_setup, fake_teardown)
{
	struct fake f;

	fake_run(&f, "fake:qmp=nonsense fake:hang");
	assert_int_equal(f.stop.kind, VM_STOP_BACKEND_ERROR);
	assert_string_equal(f.stop.text, "QMP: not a message: \"nonsense\r\"");
	fake_fini(&f);
}

TEST_WITH(killing_works_whatever_the_machine_does, fake_setup, fake_teardown)
{
	struct fake f;

	fake_init(&f, "fake:console=up fake:hang");
	fake_start(&f);
	fake_until(&f, VM_EVENT_CONSOLE);
	vm_kill(f.vm);
	vm_kill(f.vm);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.stop.kind, VM_STOP_KILLED);
	vm_kill(f.vm);
	fake_fini(&f);
}

TEST_WITH(destroying_a_running_machine_leaves_nothing, fake_setup, fake_teardown)
{
	struct fake f;

	fake_init(&f, "fake:hang");
	fake_start(&f);
	fake_fini(&f);
	fake_init(&f, "");
	struct err e;
	assert_int_equal(vm_create(f.backend, &f.cfg, &f.vm, &e), 0);
	fake_fini(&f);
	vm_destroy(NULL);
}

TEST_WITH(pausing_and_resuming_wait_for_the_answer, fake_setup, fake_teardown)
{
	struct fake f;
	struct err e = { 0 };

	fake_init(&f, HELLO "fake:serve=2 fake:status=stubborn fake:serve=1 fake:hang");
	fake_start(&f);
	assert_int_equal(vm_pause(f.vm, &e), 0);
	assert_int_equal(vm_resume(f.vm, &e), 0);
	assert_int_equal(vm_resume(f.vm, &e), -EIO);
	assert_string_equal(e.text, "resuming the machine: QEMU: not today");
	fake_fini(&f);
}

TEST_WITH(a_pause_that_the_emulator_does_not_survive_says_so, fake_setup, fake_teardown)
{
	struct fake f;
	struct err e = { 0 };

	fake_init(&f, HELLO "fake:die=9");
	fake_start(&f);
	assert_int_equal(vm_pause(f.vm, &e), -ESRCH);
	assert_string_equal(e.text, "pausing the machine: QEMU ended before it answered");
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(vm_pause(f.vm, &e), -ESRCH);
	fake_fini(&f);
}

TEST_WITH(a_slow_guest_gets_everything_in_order, fake_setup, fake_teardown)
{
	enum { SIZE = 700000 };
	SCOPED(mem_free) char *data = malloc(SIZE);
	struct fake f;

	for (size_t i = 0; i < SIZE; i++)
		data[i] = (char)(i * 7919 >> 5);
	fake_init(&f, "fake:echo=700000 fake:hang");
	fake_start(&f);
	for (size_t i = 0; i < SIZE; i += 70000)
		fake_send(&f, data + i, 70000);
	assert_true(vm_link_backlog(f.vm) > 0);
	fake_until(&f, VM_EVENT_LINK_READY);
	while (f.bytes[VM_EVENT_LINK].len < SIZE)
		fake_until(&f, VM_EVENT_LINK);
	assert_memory_equal(f.bytes[VM_EVENT_LINK].at, data, SIZE);
	assert_int_equal(vm_link_backlog(f.vm), 0);
	fake_fini(&f);
}

TEST_WITH(a_guest_that_does_not_read_fills_the_queue_and_no_more, fake_setup, fake_teardown)
{
	static char block[100000];
	struct fake f;
	struct err e = { 0 };
	size_t sent = 0;
	int r;

	fake_init(&f, "fake:hang");
	fake_start(&f);
	while (!(r = vm_link_send(f.vm, block, sizeof(block), &e)))
		sent += sizeof(block);
	assert_int_equal(r, -ENOBUFS);
	assert_in_range(vm_link_backlog(f.vm), (1 << 20) - sizeof(block), 1 << 20);
	assert_in_range(sent, 1 << 20, 4 << 20);
	fake_fini(&f);
}

TEST_WITH(a_deadline_passes_even_while_the_emulator_complains, fake_setup, fake_teardown)
{
	struct fake f;
	struct vm_event ev;
	struct err e;

	fake_init(&f, "fake:complain=x fake:complain=y fake:complain=z fake:hang");
	fake_start(&f);
	assert_int_equal(vm_next(f.vm, now_ns(), &ev, &e), 0);
	assert_int_equal(ev.kind, VM_EVENT_NONE);
	fake_fini(&f);
}

TEST_WITH(watched_descriptors_are_reported_until_they_are_not, fake_setup, fake_teardown)
{
	SCOPED(close_fd) int in = -1;
	SCOPED(close_fd) int out = -1;
	struct vm_event ev;
	struct fake f;
	struct err e;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	in = ends[0];
	out = ends[1];
	fake_init(&f, "fake:hang");
	fake_start(&f);
	assert_int_equal(vm_watch(f.vm, in, true, &e), 0);
	assert_int_equal(write_full(out, "x", 1), 0);
	for (int i = 0; i < 2; i++) { /* level-triggered: unread bytes stay reported */
		assert_int_equal(vm_next(f.vm, UINT64_MAX, &ev, &e), 0);
		assert_int_equal(ev.kind, VM_EVENT_WATCHED);
		assert_int_equal(ev.fd, in);
	}
	assert_int_equal(vm_watch(f.vm, in, false, &e), 0);
	assert_int_equal(vm_next(f.vm, now_ns(), &ev, &e), 0);
	assert_int_equal(ev.kind, VM_EVENT_NONE);
	assert_true(vm_watch(f.vm, in, false, &e) < 0);
	fake_fini(&f);
}

TEST_WITH(statistics_come_from_the_threads_the_emulator_names, fake_setup, fake_teardown)
{
	SCOPED(mem_free) struct vm_stats *st = malloc(sizeof(*st));
	struct fake f;
	struct err e = { 0 };

	fake_init(&f, HELLO "fake:console=up fake:serve=1 fake:event=SHUTDOWN:guest-shutdown");
	fake_start(&f);
	if (vm_stats(f.vm, st, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(st->nr_vcpus, 2);
	assert_true(st->setup_ns > 0 && st->vcpu[0].run_ns > 0);
	assert_in_range(st->rss_bytes, 64 << 10, 64 << 20);
	assert_int_equal(vm_pause(f.vm, &e), 0); /* lets it go on to its end */
	fake_until(&f, VM_EVENT_STOPPED);
	uint64_t before = st->vcpu[0].run_ns;
	assert_int_equal(vm_stats(f.vm, st, &e), 0);
	assert_true(st->vcpu[0].run_ns >= before);
	fake_fini(&f);
}

TEST_WITH(guest_memory_is_seen_by_both_and_has_holes, fake_setup, fake_teardown)
{
	const uint64_t gib = 1 << 30;
	struct fake f;
	uint64_t *at;

	fake_init(&f, "fake:ram=1048576:77 fake:ram=2147483648:88 fake:console=done "
		      "fake:hang");
	f.cfg.memory_bytes = 3 * gib;
	f.cfg.topo = (struct topology){ 2, 2, 1, 1 };
	fake_start(&f);
	fake_until(&f, VM_EVENT_CONSOLE);
	at = vm_memory(f.vm, 1 << 20, 8);
	assert_int_equal(*at, 77);
	at = vm_memory(f.vm, 4 * gib, 8); /* what is above 2 GiB starts there */
	assert_int_equal(*at, 88);
	assert_non_null(vm_memory(f.vm, 0, 0xa0000));
	assert_null(vm_memory(f.vm, 0, 0xa0001));
	assert_null(vm_memory(f.vm, 0xb8000, 1));
	assert_non_null(vm_memory(f.vm, 2 * gib - 8, 8));
	assert_null(vm_memory(f.vm, 2 * gib - 8, 9));
	assert_null(vm_memory(f.vm, 5 * gib - 8, 9));
	assert_null(vm_memory(f.vm, UINT64_MAX, 2));
	assert_null(vm_memory(f.vm, 1 << 20, UINT64_MAX));
	fake_fini(&f);
}

TEST_WITH(the_emulator_inherits_nothing_but_its_own, fake_setup, fake_teardown)
{
	struct fake f;
	int stray = fcntl(0, F_DUPFD, 400); /* not close-on-exec, as a careless library's */
	unsigned int pid;
	int group, at;

	fake_init(&f, "fake:self fake:hang");
	fake_start(&f);
	fake_until(&f, VM_EVENT_CONSOLE);
	const char *text = buf_str(&f.bytes[VM_EVENT_CONSOLE]);
	assert_int_equal(sscanf(text, "pid %u group %d fds%n", &pid, &group, &at), 2);
	assert_int_equal(group, 1);
	assert_string_equal(text + at, " 0 1 2 3 4 5 6 7 8 9 10 11 12\n");
	close_fd(&stray);
	fake_fini(&f);
}

/* Runs in a process that is going to be killed: tells the emulator's pid and waits. */
static void own_a_machine(int tell)
{
	struct fake f;

	fake_init(&f, "fake:self fake:hang");
	fake_start(&f);
	fake_until(&f, VM_EVENT_CONSOLE);
	if (write_full(tell, f.bytes[VM_EVENT_CONSOLE].at, f.bytes[VM_EVENT_CONSOLE].len) < 0)
		_exit(1);
	for (;;)
		pause();
}

TEST_WITH(the_emulator_dies_with_its_owner, fake_setup, fake_teardown)
{
	SCOPED(close_fd) int from = -1;
	char text[200] = "";
	int ends[2], status, emulator;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* so that we see it die */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	from = ends[0];
	pid_t owner = fork();
	if (owner == 0)
		own_a_machine(ends[1]);
	close_fd(&ends[1]);
	assert_true(read(from, text, sizeof(text) - 1) > 0);
	assert_int_equal(sscanf(text, "pid %d", &emulator), 1);
	assert_int_equal(kill(owner, SIGKILL), 0);
	assert_int_equal(waitpid(owner, &status, 0), owner);
	assert_int_equal(waitpid(emulator, &status, 0), emulator);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void refuse(struct fake *f, int code, const char *text)
{
	struct err e = { 0 };
	int r = vm_create(f->backend, &f->cfg, &f->vm, &e);

	if (!r)
		r = vm_start(f->vm, &e);
	if (r != code || strcmp(e.text, text) != 0)
		fail_msg("%d %s", r, e.text);
	fake_fini(f);
}

TEST_WITH(impossible_machines_are_refused_by_name, fake_setup, fake_teardown)
{
	struct fake f;

	fake_init(&f, "");
	f.cfg.kernel_path = "/nonexistent/vmlinux";
	refuse(&f, -ENOENT, "kernel /nonexistent/vmlinux: No such file or directory");
	fake_init(&f, "");
	f.cfg.kernel_path = "/dev/null";
	refuse(&f, -EINVAL, "kernel /dev/null: not a regular file");
	fake_init(&f, "");
	f.cfg.memory_bytes = 64 << 20 | 4096;
	refuse(&f, -EINVAL,
	       "guest memory: 67112960 bytes: must be whole MiB, from 64 MiB to 512 GiB");
	struct rlimit limit, low;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	low = (struct rlimit){ 63 << 20, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	fake_init(&f, "");
	refuse(&f, -EFBIG,
	       "guest memory: files may have 63 MiB here, 64 MiB are needed (ulimit -f)");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fake_init(&f, "");
	f.cfg.topo.cores = 0;
	refuse(&f, -EINVAL, "topology 1n1l0c1t: cores per LLC must be at least 1");
	fake_init(&f, "");
	assert_int_equal(ftruncate(f.initrd, 65 << 20), 0);
	refuse(&f, -EINVAL, "initramfs: 65 MiB: does not fit into 64 MiB");
}

TEST_WITH(emulators_that_will_not_do_are_refused_with_a_remedy, fake_setup, fake_teardown)
{
	static const char remedy[] =
		"install qemu-system-x86 10 or newer (on Debian 12 from bookworm-backports)";
	char text[400];
	struct fake f;

	fake_init(&f, "");
	f.cfg.emulator = "/nonexistent/qemu";
	snprintf(text, sizeof(text), "emulator /nonexistent/qemu: No such file or directory; %s",
		 remedy);
	refuse(&f, -ENOEXEC, text);
	fake_init(&f, "");
	f.cfg.emulator = "/etc/passwd";
	snprintf(text, sizeof(text), "emulator /etc/passwd: Permission denied; %s", remedy);
	refuse(&f, -ENOEXEC, text);
	setenv("FAKE_VERSION", "QEMU emulator version 7.2.1 (Debian)", 1);
	fake_init(&f, "");
	snprintf(text, sizeof(text),
		 "QEMU 7.2.1 (Debian) at %s: too old, 10.0 is the oldest that works; %s",
		 f.cfg.emulator, remedy);
	refuse(&f, -ENOEXEC, text);
	setenv("FAKE_VERSION", "hello", 1);
	fake_init(&f, "");
	snprintf(text, sizeof(text), "%s: does not answer like QEMU; %s", f.cfg.emulator, remedy);
	refuse(&f, -ENOEXEC, text);
}

UNIT_MAIN(NULL, NULL)
