/* SPDX-License-Identifier: GPL-2.0-only */
/* Machines that are saved where they were frozen, and others that go on from there; fake_qemu.c plays. */
#include "hurry.h"
#include "vm_fake.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "abi/parcel.h"
#include "base/err.h"
#include "base/io.h"
#include "image/frozen.h"
#include "vm/probe.h"
#include "vm/qemu/qemu.h"

#define MIB (1u << 20)
#define RAM (64 * MIB)
#define PARCEL (16 * MIB)
#define AT 0x403065
#define HELLO "fake:greet fake:serve=2 "
#define TO_FREEZE HELLO "fake:gdb=OK fake:gdb=T05thread:p01.01; fake:gdb=OK "
#define GDB_WAS_TOLD "Z1,403065,1\nc\nz1,403065,1\n"
#define TAKEN_UP "fake:greet fake:serve=5 fake:event=MIGRATION:completed "

/* The file that is saved to and resumed from, and the console's text. */
struct saved {
	int fd;
	struct buf console;
};

static void saved_fini(struct saved *s)
{
	close_fd(&s->fd);
	buf_fini(&s->console);
}
DEFINE_SCOPED_FINI(struct saved, saved_fini)

static struct saved new_saved(const char *console)
{
	struct saved s = { .fd = anon_file("saved", NULL) };

	buf_puts(&s.console, console);
	return s;
}

static void begin(struct fake *f, const char *script)
{
	fake_init(f, script);
	f->cfg.time = VM_TIME_VIRTUAL;
	f->cfg.parcel_bytes = PARCEL;
}

/* Up to where it is frozen. */
static void freeze(struct fake *f, const char *script)
{
	begin(f, script);
	f->cfg.to_save = true;
	f->cfg.freeze_at = AT;
	fake_start(f);
	fake_until(f, VM_EVENT_FROZEN);
}

static void expect(struct err e, int r, int code, const char *text)
{
	assert_string_equal(e.text, text);
	assert_int_equal(r, code);
}

/* A machine as another run has saved it: "ram" at 8 KiB, and its emulator will do as @script says. */
static struct saved saved_by_others(const char *script, const char *console)
{
	SCOPED(mem_free) uint8_t *ram = calloc(1, RAM + PARCEL);
	struct saved s = new_saved(console);
	const struct frozen f = {
		.ram = ram,
		.ram_bytes = RAM + PARCEL,
		.state = script,
		.state_len = strlen(script),
		.console = console,
		.console_len = strlen(console),
	};

	memcpy(ram + 8192, "ram", 4);
	assert_int_equal(frozen_write(s.fd, &f, NULL), 0);
	return s;
}

static void put_archive(struct fake *f, const char *text)
{
	assert_int_equal(write_full(f->initrd, text, strlen(text)), 0);
}

static void begin_resuming(struct fake *f, const struct saved *s)
{
	begin(f, "fake:exit=99"); /* not what is played */
	f->cfg.resume_fd = s->fd;
	put_archive(f, "the archive");
}

static void resume(struct fake *f, const struct saved *s)
{
	begin_resuming(f, s);
	fake_start(f);
}

/* ---- saving ---- */

TEST_WITH(all_of_a_frozen_machine_is_saved, fake_setup, fake_teardown)
{
	SCOPED(saved_fini) struct saved s = new_saved("what it said");
	SCOPED(mem_free) uint8_t *ram = calloc(1, RAM + PARCEL);
	SCOPED(buf_fini) struct buf known = { 0 };
	SCOPED(buf_fini) struct buf console = { 0 };
	struct err e = { 0 };
	struct fake f;

	freeze(&f, "fake:ram=8192:7171 fake:ram=83886072:99 " TO_FREEZE
		   "fake:state=all_else fake:serve=2 fake:event=MIGRATION:setup "
		   "fake:event=MIGRATION:active fake:event=MIGRATION:completed fake:hang");
	if (vm_save(f.vm, &s.console, s.fd, &e) < 0)
		fail_msg("%s", e.text);
	fake_fini(&f);
	SCOPED(close_fd) int memory = anon_file("memory", NULL);
	assert_int_equal(ftruncate(memory, RAM + PARCEL), 0);
	if (frozen_read(s.fd, memory, RAM + PARCEL, &known, &console, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(pread_full(memory, ram, RAM + PARCEL, 0), 0);
	assert_int_equal(*(uint64_t *)(ram + 8192), 7171);
	assert_int_equal(*(uint64_t *)(ram + RAM + PARCEL - 8), 99);
	assert_string_equal(buf_str(&known), "all else");
	assert_string_equal(buf_str(&console), "what it said");
}

/* The gdb stub is quicker than the files that the machine writes are looked into. */
TEST_WITH(what_was_said_before_the_freeze_is_told_before_it, fake_setup, fake_teardown)
{
	for (int i = 0; i < 20; i++) {
		struct fake f;

		freeze(&f, TO_FREEZE "fake:hang");
		assert_string_equal(buf_str(&f.bytes[VM_EVENT_CONSOLE]), GDB_WAS_TOLD);
		fake_fini(&f);
	}
}

static void not_saved(const char *script, int code, const char *says)
{
	SCOPED(saved_fini) struct saved s = new_saved("");
	struct err e = { 0 };
	struct fake f;

	freeze(&f, script);
	int r = vm_save(f.vm, &s.console, s.fd, &e);
	expect(e, r, code, says);
	assert_int_equal(lseek(s.fd, 0, SEEK_END), 0);
	fake_fini(&f);
}

TEST_WITH(an_emulator_that_does_not_save_is_told_of, fake_setup, fake_teardown)
{
	not_saved(TO_FREEZE "fake:refuse=migrate-set-capabilities fake:serve=1 fake:hang", -EIO,
		  "saving the machine: QEMU: not today");
	not_saved(TO_FREEZE "fake:refuse=migrate fake:serve=2 fake:hang", -EIO,
		  "saving the machine: QEMU: not today");
	not_saved(TO_FREEZE "fake:state=x fake:serve=2 fake:event=MIGRATION:failed fake:hang", -EIO,
		  "saving the machine: QEMU could not save the state of the machine");
	not_saved(TO_FREEZE "fake:serve=2 fake:event=MIGRATION:completed fake:hang", -EFBIG,
		  "saving the machine: state of the machine: 0 bytes");
}

TEST_WITH(an_emulator_that_ends_instead_of_saving_says_how, fake_setup, fake_teardown)
{
	static const char *const scripts[] = {
		TO_FREEZE "fake:die=9",
		TO_FREEZE "fake:serve=1 fake:die=9",
		TO_FREEZE "fake:state=x fake:serve=2 fake:event=MIGRATION:active fake:die=9",
	};

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		SCOPED(saved_fini) struct saved s = new_saved("");
		struct err e = { 0 };
		struct fake f;

		freeze(&f, scripts[i]);
		int r = vm_save(f.vm, &s.console, s.fd, &e);
		expect(e, r, -ESRCH, "saving the machine: QEMU ended before it answered");
		fake_until(&f, VM_EVENT_STOPPED);
		assert_int_equal(f.stop.kind, VM_STOP_BACKEND_DIED);
		fake_fini(&f);
	}
}

static void is_waited_for(const char *script)
{
	SCOPED(saved_fini) struct saved s = new_saved("");
	struct err e = { 0 };
	struct fake f;

	freeze(&f, script);
	hurry_ms = 200; /* for what is on its way */
	uint64_t from = now_ns();
	int r = vm_save(f.vm, &s.console, s.fd, &e);
	uint64_t took_ns = now_ns() - from;
	hurry_ms = -1;
	expect(e, r, -ETIMEDOUT, "saving the machine: QEMU did not answer for 10 s");
	assert_in_range(took_ns, 10 * SECOND_NS, 25 * SECOND_NS);
	fake_fini(&f);
}

TEST_WITH(saving_is_not_waited_for_for_ever, fake_setup, fake_teardown)
{
	is_waited_for(TO_FREEZE "fake:hang");
	is_waited_for(TO_FREEZE "fake:state=x fake:serve=2 fake:event=MIGRATION:active fake:hang");
}

/* ---- resuming ---- */

TEST_WITH(a_resumed_machine_has_the_memory_of_the_saved_one_and_its_parcel, fake_setup,
	  fake_teardown)
{
	SCOPED(saved_fini) struct saved s = saved_by_others("fake:hang", "");
	struct parcel_header h;
	struct err e = { 0 };
	struct fake f;

	begin_resuming(&f, &s);
	if (vm_create(f.backend, &f.cfg, &f.vm, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(vm_memory(f.vm, 8192, 4), "ram");
	uint64_t gpa = vm_parcel_gpa(f.backend, &f.cfg);
	const uint8_t *at = vm_memory(f.vm, gpa, PARCEL);
	assert_ptr_equal(at, (uint8_t *)vm_memory(f.vm, MIB, RAM + PARCEL - MIB) + RAM - MIB);
	memcpy(&h, at, sizeof(h));
	assert_true(h.magic == PARCEL_MAGIC);
	assert_int_equal(h.len, strlen("the archive"));
	assert_string_equal((const char *)at + PARCEL_DATA, "the archive");
	fake_fini(&f);
}

TEST_WITH(what_the_console_had_said_comes_first_and_once, fake_setup, fake_teardown)
{
	SCOPED(saved_fini) struct saved s = saved_by_others(
		TAKEN_UP "fake:serve=1 fake:console=two fake:event=SHUTDOWN:guest-shutdown",
		"one ");
	struct fake f;

	resume(&f, &s);
	fake_until(&f, VM_EVENT_CONSOLE);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_CONSOLE]), "one ");
	fake_until(&f, VM_EVENT_STOPPED);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_CONSOLE]), "one two");
	assert_int_equal(f.stop.kind, VM_STOP_POWEROFF);
	fake_fini(&f);
}

/* Whose first words are lost is hard to help. */
TEST_WITH(what_it_had_said_is_told_of_one_that_dies_at_once, fake_setup, fake_teardown)
{
	SCOPED(saved_fini) struct saved s = saved_by_others("fake:die=9", "one ");
	struct fake f;

	resume(&f, &s);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.stop.kind, VM_STOP_BACKEND_DIED);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_CONSOLE]), "one ");
	fake_fini(&f);
}

/* Asked for the time it has heard of all that came before the answer, and acted on it. */
static uint64_t ask_for_the_time(struct fake *f)
{
	struct err e = { 0 };
	uint64_t ns = UINT64_MAX;

	if (vm_clock(f->vm, &ns, &e) < 0)
		fail_msg("%s", e.text);
	return ns;
}

TEST_WITH(a_machine_goes_on_when_it_is_taken_up_and_not_before, fake_setup, fake_teardown)
{
	SCOPED(saved_fini) struct saved s = saved_by_others(
		"fake:show fake:clock=-1 fake:greet fake:serve=5 fake:quiet fake:console=. "
		"fake:event=MIGRATION:setup "
		"fake:event=MIGRATION:active fake:serve=2 fake:event=MIGRATION:completed "
		"fake:serve=1 fake:hang",
		"");
	struct fake f;

	resume(&f, &s);
	while (!strchr(buf_str(&f.bytes[VM_EVENT_CONSOLE]), '.'))
		fake_until(&f, VM_EVENT_CONSOLE);
	assert_int_equal(ask_for_the_time(&f), 0); /* a clock without a state tells nothing */
	assert_int_equal(ask_for_the_time(&f), 0);
	while (!strstr(buf_str(&f.bytes[VM_EVENT_CONSOLE]), "cont\n"))
		fake_until(&f, VM_EVENT_CONSOLE);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_CONSOLE]),
			    "qmp_capabilities\nquery-cpus-fast\nmigrate-set-capabilities\n"
			    "migrate-set-parameters\nmigrate-incoming\n.qom-get\nqom-get\ncont\n");
	fake_fini(&f);
}

TEST_WITH(one_that_is_to_be_frozen_again_is_let_go_by_its_breakpoint, fake_setup, fake_teardown)
{
	SCOPED(saved_fini) struct saved s = saved_by_others(
		"fake:greet fake:serve=5 fake:quiet fake:event=MIGRATION:completed fake:gdb=OK "
		"fake:gdb=T05thread:p01.02; fake:gdb=OK fake:show fake:serve=1 "
		"fake:event=SHUTDOWN:guest-shutdown",
		"");
	struct err e = { 0 };
	struct fake f;

	begin_resuming(&f, &s);
	f.cfg.freeze_at = AT;
	fake_start(&f);
	fake_until(&f, VM_EVENT_FROZEN);
	assert_int_equal(f.cpu, 1);
	if (vm_resume(f.vm, &e) < 0)
		fail_msg("%s", e.text);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.stop.kind, VM_STOP_POWEROFF);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_CONSOLE]), GDB_WAS_TOLD "cont\n");
	fake_fini(&f);
}

TEST_WITH(what_one_machine_saved_another_takes_up, fake_setup, fake_teardown)
{
	SCOPED(saved_fini) struct saved s = new_saved("it booted, ");
	struct err e = { 0 };
	struct fake f;

	freeze(&f, TO_FREEZE
	       "fake:ram=8192:7171 fake:state=fake:greet_fake:serve=5_fake:event=MIGRATION:"
	       "completed_fake:serve=1_fake:console=lives fake:serve=2 "
	       "fake:event=MIGRATION:completed fake:hang");
	if (vm_save(f.vm, &s.console, s.fd, &e) < 0)
		fail_msg("%s", e.text);
	fake_fini(&f);
	resume(&f, &s);
	assert_int_equal(*(uint64_t *)vm_memory(f.vm, 8192, 8), 7171);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_string_equal(buf_str(&f.bytes[VM_EVENT_CONSOLE]), "it booted, lives");
	fake_fini(&f);
}

static void not_taken_up(const char *script, const char *says)
{
	SCOPED(saved_fini) struct saved s = saved_by_others(script, "");
	struct fake f;

	resume(&f, &s);
	fake_until(&f, VM_EVENT_STOPPED);
	assert_int_equal(f.stop.kind, VM_STOP_BACKEND_ERROR);
	if (!strstr(f.stop.text, says))
		fail_msg("\"%s\" does not say \"%s\"", f.stop.text, says);
	fake_fini(&f);
}

TEST_WITH(an_emulator_that_does_not_take_it_up_is_given_up, fake_setup, fake_teardown)
{
	not_taken_up("fake:refuse=migrate-set-parameters fake:greet fake:serve=5 fake:hang",
		     "QEMU: state of the machine: not today");
	not_taken_up("fake:refuse=migrate-incoming fake:greet fake:serve=5 fake:hang",
		     "QEMU: state of the machine: not today");
	not_taken_up("fake:greet fake:serve=5 fake:event=MIGRATION:failed fake:hang",
		     "QEMU could not take up the state of the machine");
}

/* ---- what cannot be resumed ---- */

static void not_created(struct fake *f, int code, const char *says)
{
	struct err e = { 0 };
	int r = vm_create(f->backend, &f->cfg, &f->vm, &e);

	expect(e, r, code, says);
	assert_null(f->vm);
	fake_fini(f);
}

TEST_WITH(an_archive_larger_than_the_parcel_is_refused, fake_setup, fake_teardown)
{
	SCOPED(saved_fini) struct saved s = saved_by_others("fake:hang", "");
	struct fake f;

	begin_resuming(&f, &s);
	assert_int_equal(ftruncate(f.initrd, PARCEL - PARCEL_DATA), 0);
	fake_start(&f); /* just fits */
	vm_destroy(hand_over(f.vm));
	assert_int_equal(ftruncate(f.initrd, PARCEL - PARCEL_DATA + 1), 0);
	not_created(&f, -ENOSPC,
		    "initramfs: 16773121 bytes: the parcel of the machine has room for 16773120");
}

TEST_WITH(a_damaged_file_is_no_machine, fake_setup, fake_teardown)
{
	SCOPED(saved_fini) struct saved s = saved_by_others("fake:hang", "text");
	off_t size = lseek(s.fd, 0, SEEK_END);
	struct fake f;

	assert_int_equal(ftruncate(s.fd, size - 1), 0);
	begin_resuming(&f, &s);
	not_created(&f, -EBADMSG, "frozen machine: frozen machine: truncated");
}

TEST_WITH(a_machine_of_another_size_is_not_that_one, fake_setup, fake_teardown)
{
	SCOPED(saved_fini) struct saved s = saved_by_others("fake:hang", "");
	struct fake f;

	begin_resuming(&f, &s);
	f.cfg.memory_bytes += MIB;
	not_created(&f, -EBADMSG,
		    "frozen machine: frozen machine: 83886080 bytes of memory instead of 84934656");
}

/* ---- what decides what it does up to there ---- */

static struct buf fingerprint(const struct vm_config *cfg)
{
	struct buf b = { 0 };
	struct err e = { 0 };

	if (vm_fingerprint(&vm_backend_qemu, cfg, &b, &e) < 0 || b.bad)
		fail_msg("%s", e.text);
	return b;
}

static bool is_like(const struct vm_config *a, const struct vm_config *b)
{
	SCOPED(buf_fini) struct buf x = fingerprint(a);
	SCOPED(buf_fini) struct buf y = fingerprint(b);

	return x.len == y.len && !memcmp(x.at, y.at, x.len);
}

TEST_WITH(the_fingerprint_of_a_machine_tells_it_from_others, fake_setup, fake_teardown)
{
	struct fake f;

	begin(&f, "");
	f.cfg.to_save = true;
	for (enum arch a = 0; a < NR_ARCHES; a++) {
		struct vm_config c[9];

		f.cfg.arch = a;
		for (size_t i = 0; i < ARRAY_SIZE(c); i++)
			c[i] = f.cfg;
		c[0].kernel_path = "/the/caller/names/it"; /* no part of it */
		c[1].topo.cores++;
		c[2].memory_bytes += MIB;
		c[3].parcel_bytes *= 2;
		c[4].pace.rate_shift++;
		c[5].verbose = true;
		c[6].cmdline = "other words";
		c[7].arch = !a;
		c[8].seed++; /* which the maker of snapshots does not change */
		for (size_t i = 0; i < ARRAY_SIZE(c); i++)
			if (is_like(&c[i], &f.cfg) != (i == 0))
				fail_msg("row %zu", i);
	}
	static const char *const others[] = { "10.0.3", "10.0.2 (Debian 2)", "10.0.2 (Debian 3)" };
	struct buf last = fingerprint(&f.cfg);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		char said[60];

		snprintf(said, sizeof(said), "QEMU emulator version %s", others[i]);
		setenv("FAKE_VERSION", said, 1);
		probe_no_cache();
		struct buf now = fingerprint(&f.cfg);
		assert_string_not_equal(buf_str(&last), buf_str(&now));
		buf_fini(&last);
		last = now;
	}
	buf_fini(&last);
	fake_fini(&f);
}

UNIT_MAIN(NULL, NULL)
