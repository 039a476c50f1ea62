/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs whose machines go on from a snapshot: who makes it, who uses it, and what is in the way. */
#include "session_play.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "abi/parcel.h"
#include "base/err.h"
#include "base/io.h"
#include "catalog/snapshots.h"

TEST(the_first_run_makes_a_snapshot_and_later_ones_use_it)
{
	begin();
	run_makes();
	assert_int_equal(nr_snapshots(), 1);
	run_uses();
	run_uses();
	assert_int_equal(nr_snapshots(), 1);
}

TEST(what_was_said_before_the_freeze_is_heard_once_by_every_run)
{
	begin();
	run_makes();
	assert_string_equal(buf_str(&p.console), "booting\nliving\n");
	run_uses();
	assert_string_equal(buf_str(&p.console), "booting\nliving\n");
}

TEST(a_machine_that_said_nothing_before_is_heard_from_its_first_word_on)
{
	static const struct step silent[] = { { FREEZE }, { 0 } };

	begin();
	expect(run((struct play){ .maker = silent }), CAUSE_NONE, "", "made");
	assert_string_equal(buf_str(&p.console), "living\n");
	run_uses();
	assert_string_equal(buf_str(&p.console), "living\n");
}

TEST(the_machine_that_is_frozen_has_nothing_of_the_run_but_its_shape)
{
	begin();
	wish.freeze_at = 0xffffffff81000000;
	wish.gdb_path = "/nowhere";
	run_makes();
	assert_string_equal(p.maker_initrd, "the base");
	assert_true(p.maker_cfg.freeze_at == base.freeze_at);
	assert_true(p.maker_cfg.seed == 0 && p.maker_cfg.pace.turn_us == 0);
	assert_true(p.maker_cfg.to_save && !p.maker_cfg.resume_fd && !p.maker_cfg.gdb_path);
	assert_int_equal(p.maker_cfg.pace.rate_shift, 2);
	assert_int_equal(p.maker_cfg.parcel_bytes, 16 * MIB);
	assert_int_equal(p.maker_cfg.memory_bytes, 256 * MIB);
}

TEST(the_machine_that_goes_on_from_it_is_the_runs)
{
	begin();
	wish.freeze_at = 0xffffffff81000000;
	wish.gdb_path = "/nowhere";
	for (int i = 0; i < 2; i++) {
		i ? run_uses() : run_makes();
		assert_string_equal(p.last_initrd, "the archive");
		assert_true(p.last_cfg.freeze_at == wish.freeze_at);
		assert_ptr_equal(p.last_cfg.gdb_path, wish.gdb_path);
		assert_true(p.last_cfg.seed == 7 && p.last_cfg.pace.turn_us == 100);
		assert_true(p.last_cfg.resume_fd > 2 && !p.last_cfg.to_save);
		assert_int_equal(p.last_cfg.parcel_bytes, 16 * MIB);
	}
}

/* ---- which runs share one ---- */

TEST(runs_that_differ_in_seed_and_turn_share_a_snapshot)
{
	begin();
	run_makes();
	wish.seed = 8;
	run_uses();
	wish.pace.turn_us = 0;
	run_uses();
	wish.freeze_at = 0xffffffff81000000;
	run_uses();
	archive_bytes = 16 * MIB - PARCEL_DATA - 8192; /* with its job */
	run_uses();
}

TEST(runs_that_differ_in_anything_else_have_their_own)
{
	begin();
	run_makes();
	wish.pace.rate_shift++;
	run_makes();
	wish.topo.cores++;
	run_makes();
	wish.memory_bytes += MIB;
	run_makes();
	wish.verbose = true;
	run_makes();
	wish.cmdline = "words";
	run_makes();
	put_kernel("another kernel");
	run_makes();
	base.sha256[0] = 'b';
	run_makes();
	base.freeze_at++;
	run_makes();
	archive_bytes = 16 * MIB;
	run_makes();
	assert_int_equal(p.maker_cfg.parcel_bytes, 32 * MIB);
	assert_int_equal(nr_snapshots(), 10);
	run_uses();
}

/* The same bytes in another file. */
TEST(a_kernel_is_known_by_what_is_in_it)
{
	begin();
	run_makes();
	put_file(cache.s, "moved", "a kernel");
	kernel = path_format("%s/moved", cache.s);
	run_uses();
}

/* ---- machines that boot ---- */

TEST(what_cannot_be_saved_boots)
{
	begin();
	run_boots((struct play){ .no_room = true });
	wish.fed = true;
	run_boots((struct play){ 0 });
	wish.fed = false;
	base.size = 0; /* the record of a run that booted */
	run_boots((struct play){ 0 });
	assert_true(!p.last_cfg.parcel_bytes && !p.last_cfg.freeze_at);
	assert_int_equal(nr_snapshots(), 0);
}

/* Which is in the run's own archive, and would not wait. */
TEST(a_guest_whose_command_line_names_its_first_process_boots)
{
	begin();
	wish.cmdline = "quiet rdinit=/own";
	run_boots((struct play){ 0 });
	wish.cmdline = "rdinit=/own";
	run_boots((struct play){ 0 });
	wish.cmdline = "nordinit=/own";
	run_makes();
}

TEST(a_run_without_a_cache_boots)
{
	begin();
	cache_dir = NULL;
	run_boots((struct play){ 0 });
}

static void is_refused_with(const struct step *maker)
{
	begin();
	struct cell_result r = run((struct play){ .maker = maker });
	assert_int_equal(r.nr_details, 1);
	assert_string_equal(r.details[0].text,
			    "guests of this kernel and shape boot each time: no /dev/mem");
	assert_true(r.details[0].note);
	expect(r, CAUSE_NONE, "", "");
	expect_machines(1, 0, 1);
	assert_int_equal(p.saved, 0);
	assert_string_equal(p.last_initrd, "the archive");
	assert_true(!p.last_cfg.freeze_at && !p.last_cfg.parcel_bytes && !p.last_cfg.to_save);
	run_boots((struct play){ 0 }); /* it is remembered */
	wish.memory_bytes += MIB;
	run_makes(); /* of that machine */
}

TEST(a_guest_that_cannot_read_a_parcel_is_booted_now_and_from_then_on)
{
	static const struct step by_link[] = { { SAY, "booting\n" },
					       { TELL_FATAL, PARCEL_REFUSED "no /dev/mem" },
					       { DIE, "by itself" },
					       { 0 } };
	static const struct step by_console[] = {
		{ SAY, CONSOLE_FATAL PARCEL_REFUSED "no /dev/mem\n" }, { DIE, "by itself" }, { 0 }
	};

	is_refused_with(by_link);
	is_refused_with(by_console);
}

/* ---- what goes wrong ---- */

static int fds_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* The verdict is that of the machine; nothing is left that the next run would stumble over. */
static void ends_with(struct play how, enum cause c, const char *text)
{
	begin();
	int before = fds_open();
	expect(run(how), c, text, "");
	expect_machines(1, 0, 0);
	assert_int_equal(fds_open(), before);
	assert_int_equal(nr_snapshots(), 0);
	run_makes(); /* nobody holds it */
}

TEST(a_machine_that_ends_before_it_is_frozen_has_the_verdict_of_any_other)
{
	static const struct step panics[] = { { SAY,
						"booting\nKernel panic - not syncing: played\n" },
					      { DIE, "by itself" },
					      { 0 } };
	static const struct step dies[] = { { SAY, "booting\n" }, { DIE }, { 0 } };
	static const struct step hangs[] = { { SAY, "booting\n" }, { 0 } };
	static const struct step fails[] = { { TELL_FATAL, "job: it is none" },
					     { DIE, "by itself" },
					     { 0 } };

	ends_with((struct play){ .maker = panics }, CAUSE_GUEST_PANIC,
		  "guest kernel panic while booting: played");
	ends_with((struct play){ .maker = dies }, CAUSE_EMULATOR_DIED, "it is dead");
	ends_with((struct play){ .maker = hangs }, CAUSE_BOOT_FAILED,
		  "no sign of init within 60 s; its last words: booting");
	ends_with((struct play){ .maker = fails }, CAUSE_GUEST_SETUP,
		  "in the guest: job: it is none");
}

TEST(an_emulator_that_ends_while_it_saves_says_how_itself)
{
	static const struct step dies[] = { { SAY, "booting\n" }, { FREEZE }, { DIE }, { 0 } };

	ends_with((struct play){ .maker = dies, .save_error = -ESRCH }, CAUSE_EMULATOR_DIED,
		  "it is dead");
}

TEST(an_emulator_that_does_not_save_is_no_verdict)
{
	struct cell_result r = { 0 };
	struct err e = { 0 };

	begin();
	int before = fds_open();
	struct session_spec spec = spec_of();
	assert_int_equal(play_session(&spec, (struct play){ .save_error = -EIO }, &r, &e), -EIO);
	assert_string_equal(e.text, "it is not saved");
	assert_int_equal(fds_open(), before);
	assert_int_equal(nr_snapshots(), 0);
	cell_result_fini(&r);
	run_makes();
}

TEST(a_damaged_snapshot_is_made_anew)
{
	begin();
	run_makes();
	struct path dir = path_format("%s/snapshots", cache.s);
	struct path all = path_format("for f in %s/*; do echo nonsense >$f; done", dir.s);
	assert_int_equal(system(all.s), 0);
	run_makes();
	run_uses();
	assert_int_equal(nr_snapshots(), 1);
}

TEST(what_is_no_file_makes_way_for_a_snapshot)
{
	begin();
	run_makes();
	struct path dir = path_format("%s/snapshots", cache.s);
	struct path all = path_format("for f in %s/*; do rm $f; mkfifo $f; done", dir.s);
	assert_int_equal(system(all.s), 0);
	run_makes();
	run_uses();
	assert_int_equal(nr_snapshots(), 1);
}

/* Of that emulator nothing is known yet, whatever the one before it had used and come to. */
TEST(an_emulator_that_goes_on_and_hangs_is_looked_at_from_its_own_beginning)
{
	static const struct step slow[] = { { WORK, NULL, 33 }, { FREEZE }, { 0 } };
	static const struct step hangs[] = { { 0 } };

	begin();
	struct cell_result r =
		run((struct play){ .maker = slow, .runner = hangs, .clock_stands = true });
	assert_in_range(p.first_look, 10 * SEC, 15 * SEC);
	assert_true(host_ns - START >= 33 * SEC + PULSE_HUNG_NS);
	expect(r, CAUSE_EMULATOR_HUNG, "the emulator hangs: virtual time does not pass any more",
	       "made");
}

/* ---- caches of several ---- */

static int go_on_fd = -1; /* told that somebody waits for it */

/* Nobody else may keep the line open: if the other one dies this one must, too. */
static int make_slowly(void *arg)
{
	static const struct step slow[] = {
		{ SAY, "booting\n" }, { WAIT_FOR_OTHERS }, { FREEZE }, { 0 }
	};

	close_fd(&go_on_fd);
	expect(run((struct play){ .maker = slow }), CAUSE_NONE, "", "made");
	return p.saved == 1 ? 0 : 1;
}

int __real_snapshot_hold(struct catalog *c, const char *key, uint64_t wait_ns,
			 const struct patience *how, int *ret_lock, struct err *e);
int __wrap_snapshot_hold(struct catalog *c, const char *key, uint64_t wait_ns,
			 const struct patience *how, int *ret_lock, struct err *e);
int __wrap_snapshot_hold(struct catalog *c, const char *key, uint64_t wait_ns,
			 const struct patience *how, int *ret_lock, struct err *e)
{
	if (go_on_fd >= 0)
		assert_int_equal(write_full(go_on_fd, "x", 1), 0);
	return __real_snapshot_hold(c, key, wait_ns, how, ret_lock, e);
}

/* Two pipes between a child of ours and us. */
struct lines {
	int ready[2], go[2];
};

static pid_t start_waiting(struct lines *l, int (*fn)(void *arg))
{
	char byte;

	assert_int_equal(pipe2(l->ready, O_CLOEXEC) | pipe2(l->go, O_CLOEXEC), 0);
	ready_fd = l->ready[1];
	go_fd = l->go[0];
	go_on_fd = l->go[1];
	pid_t pid = start_child(fn, NULL);
	assert_int_equal(read(l->ready[0], &byte, 1), 1);
	return pid;
}

static void end_waiting(struct lines *l, pid_t pid)
{
	go_on_fd = -1;
	assert_int_equal(wait_for(pid), 0);
	for (int i = 0; i < 2; i++) {
		close_fd(&l->ready[i]);
		close_fd(&l->go[i]);
	}
}

TEST(of_two_runs_at_once_one_makes_the_snapshot_and_the_other_waits_for_it)
{
	struct lines l;

	begin();
	pid_t pid = start_waiting(&l, make_slowly);
	run_uses();
	end_waiting(&l, pid);
}

static int go_on_slowly(void *arg)
{
	static const struct step slow[] = { { WAIT_FOR_OTHERS }, { RUN }, { 0 } };

	close_fd(&go_on_fd);
	expect(run((struct play){ .runner = slow }), CAUSE_NONE, "", "made");
	return 0;
}

/* However long its own run takes. */
TEST(who_has_made_a_snapshot_keeps_nobody_from_it)
{
	SCOPED(close_fd) int lock = -1;
	char key[SNAPSHOT_KEY_LEN + 1];
	struct err e = { 0 };
	struct lines l;

	begin();
	pid_t pid = start_waiting(&l, go_on_slowly);
	SCOPED(catalog_close) struct catalog *c = open_cache(cache.s);
	FILE *ls = popen(path_format("ls %s/snapshots", cache.s).s, "r");
	assert_non_null(fgets(key, sizeof(key), ls));
	pclose(ls);
	go_on_fd = -1;
	if (snapshot_hold(c, key, 0, &(struct patience){ 0 }, &lock, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(write_full(l.go[1], "x", 1), 0);
	end_waiting(&l, pid);
}

static int make_for_oneself(void *arg)
{
	become_nobody();
	run_makes();
	run_makes();
	return 0;
}

static int use_of_others(void *arg)
{
	become_nobody();
	run_uses();
	return 0;
}

static void in_a_read_only_cache(int (*fn)(void *arg))
{
	set_cache_modes(cache.s, 0555);
	int status = in_child(fn, NULL);
	set_cache_modes(cache.s, 0755);
	assert_int_equal(status, 0);
}

TEST(a_cache_that_cannot_be_written_is_used_and_shares_nothing)
{
	begin();
	in_a_read_only_cache(make_for_oneself);
	assert_int_equal(nr_snapshots(), 0);
	run_makes();
	in_a_read_only_cache(use_of_others);
}

/* ---- what is told of it ---- */

/* Without an archive of the test's: all of it is built. */
static struct cell_result run_built(struct play how, struct session_source *ret)
{
	struct session_spec spec = spec_of();
	SCOPED(job_fini) struct job job = { 0 };
	struct cell_result r = { 0 };
	struct err e = { 0 };

	assert_int_equal(job_set(&job.mode, "test"), 0);
	spec.job = &job;
	spec.source = ret;
	if (play_session(&spec, how, &r, &e) < 0)
		fail_msg("%s", e.text);
	return r;
}

static bool holds(int fd, const char *text)
{
	SCOPED(mapping_close) struct mapping m = { 0 };

	assert_int_equal(mapping_open_fd(&m, fd, "base", NULL), 0);
	return memmem(m.at, m.len, text, strlen(text));
}

TEST(a_run_tells_what_it_was_resumed_from_and_is_made_again_from_that)
{
	SCOPED(session_source_fini) struct session_source s = { .fd = -1, .base.fd = -1 };
	char sha[OBJECT_NAME_LEN + 1];
	struct cell_result r = { 0 };
	struct err e = { 0 };
	uint64_t freeze_at;

	begin();
	expect(run_built((struct play){ 0 }, &s), CAUSE_NONE, "", "made");
	expect_machines(1, 1, 0);
	assert_int_equal(init_freeze_at(arch_host(), &freeze_at, NULL), 0);
	assert_true(s.base.freeze_at == freeze_at && p.maker_cfg.freeze_at == freeze_at);
	assert_int_equal(hash_fd(s.base.fd, s.base.size, sha), 0);
	assert_string_equal(s.base.sha256, sha);
	assert_true(holds(s.base.fd, "\nparcel_at=134217728\nparcel_size=16777216\n"));
	assert_false(holds(s.base.fd, "seed="));
	struct session_spec spec = spec_of();
	spec.again = &s;
	assert_int_equal(play_session(&spec, (struct play){ 0 }, &r, &e), 0);
	expect(r, CAUSE_NONE, "", "used");
}

TEST(a_run_that_booted_names_no_base)
{
	static const struct step refuses[] = { { TELL_FATAL, PARCEL_REFUSED "x" },
					       { DIE, "by itself" },
					       { 0 } };

	begin();
	for (int i = 0; i < 2; i++) {
		SCOPED(session_source_fini) struct session_source s = { .fd = -1, .base.fd = -1 };

		expect(run_built((struct play){ .maker = refuses }, &s), CAUSE_NONE, "", "");
		assert_true(!s.base.size && s.base.fd < 0 && s.size);
	}
}

UNIT_MAIN(NULL, session_play_teardown)
