/* SPDX-License-Identifier: GPL-2.0-only */
/* A session in virtual time with a backend that plays a script; the host's time is played, too. */
#include "unit.h"

#include <errno.h>

#include "base/err.h"
#include "base/io.h"
#include "harness/session.h"

#define MS 1000000ull
#define SEC (1000 * MS)
#define START (5000 * SEC) /* of the host's clock */

static uint64_t host_ns;

uint64_t __wrap_now_ns(void);
uint64_t __wrap_now_ns(void)
{
	return host_ns;
}

enum what {
	END_OF_SCRIPT, /* nothing more happens */
	HELLO,
	BODY,
	BEAT,
	EXIT,
	POWEROFF,
	DIE,
	STALL, /* this process does not run for so long */
	FLOOD, /* from here on the guest writes without end, and says nothing */
};

/* @at: the host's time since the start; the guest's is @guest. */
struct step {
	enum what what;
	uint64_t at, guest;
};

/* A guest and its emulator. */
static struct play {
	const struct step *step;
	uint64_t speed;	  /* of the guest's clock, in ns per ms of the host's */
	uint64_t stop_at; /* when it stops, by the host's time since the start; 0 = never */
	bool asleep; /* its emulator only moves the clock: the vCPUs' thread has a third of the time */
	bool no_stats;
	int clock_error;
	bool killed, over;
	unsigned int looks, sent;
	uint32_t seq;
	struct buf out;
	struct vm vm;
} p;

static uint64_t elapsed(void)
{
	return host_ns - START;
}

static void put_frame(const struct step *s)
{
	struct hello_msg hello = { .frame_version = FRAME_VERSION, .mono_ns = s->guest };
	struct stage_msg stage = { .stage = STAGE_BODY_START, .mono_ns = s->guest };
	struct beat_msg beat = { .mono_ns = s->guest };
	struct exit_msg bye = { EXIT_KIND_CODE, 0 };

	buf_clear(&p.out);
	if (s->what == HELLO)
		frame_put(&p.out, &p.seq, FRAME_HELLO, &hello, sizeof(hello));
	if (s->what == BODY)
		frame_put(&p.out, &p.seq, FRAME_STAGE, &stage, sizeof(stage));
	if (s->what == BEAT)
		frame_put(&p.out, &p.seq, FRAME_BEAT, &beat, sizeof(beat));
	if (s->what == EXIT)
		frame_put(&p.out, &p.seq, FRAME_EXIT, &bye, sizeof(bye));
	if (s->what == FLOOD)
		frame_put(&p.out, &p.seq, FRAME_OUT, "y\n", 2);
}

static void end_as(struct vm_event *ret, enum vm_stop_kind kind)
{
	p.over = true;
	*ret = (struct vm_event){ .kind = VM_EVENT_STOPPED, .stop.kind = kind };
	snprintf(ret->stop.text, sizeof(ret->stop.text), "it is dead");
}

static int play_next(struct vm *vm, uint64_t deadline_ns, struct vm_event *ret, struct err *e)
{
	const struct step *s = p.step;

	if (elapsed() > 1000 * SEC)
		fail_msg("nobody ended it");
	if (p.killed)
		return end_as(ret, VM_STOP_KILLED), 0;
	if (s->what == END_OF_SCRIPT || MAX(host_ns, deadline_ns) < START + s->at) {
		host_ns = MAX(host_ns, deadline_ns);
		*ret = (struct vm_event){ .kind = VM_EVENT_NONE };
		return 0;
	}
	host_ns = MAX(host_ns, START + s->at);
	if (s->what == FLOOD)
		host_ns += MS;
	else
		p.step++;
	if (s->what == STALL) {
		host_ns += s->guest;
		*ret = (struct vm_event){ .kind = VM_EVENT_NONE };
	} else if (s->what == POWEROFF || s->what == DIE) {
		end_as(ret, s->what == DIE ? VM_STOP_BACKEND_DIED : VM_STOP_POWEROFF);
	} else {
		put_frame(s);
		*ret = (struct vm_event){ .kind = VM_EVENT_LINK,
					  .data = p.out.at,
					  .len = p.out.len };
	}
	return 0;
}

static int play_clock(struct vm *vm, uint64_t *ret_ns, struct err *e)
{
	uint64_t ran = p.stop_at ? MIN(elapsed(), p.stop_at) : elapsed();

	p.looks++;
	if (p.clock_error)
		return err_set(e, p.clock_error, "nobody answers");
	*ret_ns = ran / MS * p.speed / SEC * SEC;
	return 0;
}

static int play_stats(struct vm *vm, struct vm_stats *ret, struct err *e)
{
	if (p.no_stats)
		return -EIO;
	ret->nr_vcpus = 2;
	/* one thread has both */
	ret->vcpu[0] = ret->vcpu[1] =
		(struct vm_vcpu_time){ .run_ns = SEC + elapsed() / (p.asleep ? 3 : 1) };
	ret->loop = (struct vm_vcpu_time){ .run_ns = p.asleep ? elapsed() / 2 : 0 };
	return 0;
}

static int play_send(struct vm *vm, const void *data, size_t n, struct err *e)
{
	p.sent++;
	return err_set(e, -EPERM, "nothing is fed");
}

static void play_kill(struct vm *vm)
{
	p.killed = true;
}

static int play_create(const struct vm_config *cfg, struct vm **ret, struct err *e);

static int play_start(struct vm *vm, struct err *e)
{
	return 0;
}

static void play_destroy(struct vm *vm)
{
	buf_fini(&p.out);
}

static const struct vm_backend backend = {
	.name = "play",
	.create = play_create,
	.destroy = play_destroy,
	.start = play_start,
	.next = play_next,
	.link_send = play_send,
	.kill = play_kill,
	.stats = play_stats,
	.clock = play_clock,
};

static int play_create(const struct vm_config *cfg, struct vm **ret, struct err *e)
{
	p.vm = (struct vm){ .ops = &backend };
	*ret = &p.vm;
	return 0;
}

/* Fills in the rest of @how and plays it; limits are 10 s each, 5 s of silence. */
static struct cell_result run(struct play how, const struct step *script)
{
	SCOPED(session_source_fini) struct session_source again = {
		.fd = anon_file("archive", NULL), .job = strdup("job=1\n"), .base.fd = -1
	};
	struct session_spec spec = {
		.backend = &backend,
		.vm = { .memory_bytes = 128 << 20,
			.kernel_path = "kernel",
			.initrd_fd = -1,
			.time = VM_TIME_VIRTUAL },
		.again = &again,
		.limits = { .boot = 10 * SEC,
			    .silence = 5 * SEC,
			    .stop = 10 * SEC,
			    .emulated = true,
			    .virtual_time = true },
	};
	struct cell_result r = { 0 };
	struct err e = { 0 };

	p = how;
	p.step = script;
	p.speed = how.speed ? how.speed : MS;
	host_ns = START;
	if (session_run(&spec, &r, NULL, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(p.over && r.virtual_time);
	return r;
}

static void expect(struct cell_result r, enum cause c, const char *text)
{
	assert_string_equal(r.headline, text);
	assert_int_equal(r.cause, c);
	cell_result_fini(&r);
}

TEST(a_guest_that_talks_is_not_looked_at)
{
	static const struct step script[] = {
		{ HELLO, 1 * SEC, 1 * SEC }, { BODY, 2 * SEC, 2 * SEC }, { BEAT, 3 * SEC, 3 * SEC },
		{ EXIT, 4 * SEC },	     { POWEROFF, 5 * SEC },
	};
	struct cell_result r = run((struct play){ 0 }, script);

	assert_int_equal(r.end_ns, 3 * SEC);
	assert_int_equal(p.looks, 0);
	assert_int_equal(p.sent, 1); /* tried, and taken as it comes */
	assert_false(p.killed);
	expect(r, CAUSE_NONE, "");
}

/* However long its second takes. */
TEST(a_slow_guest_is_waited_for)
{
	static const struct step script[] = {
		{ HELLO, 200 * SEC, 2 * SEC },
		{ BODY, 400 * SEC, 4 * SEC },
		{ EXIT, 600 * SEC },
		{ POWEROFF, 700 * SEC },
	};
	struct cell_result r = run((struct play){ .speed = MS / 100 }, script);

	assert_in_range(p.looks, 40, 70); /* once in 10 s of work */
	expect(r, CAUSE_NONE, "");
}

TEST(a_guest_silent_by_its_own_clock_hangs)
{
	static const struct step script[] = { { HELLO, SEC, SEC }, { BODY, SEC, SEC }, { 0 } };
	struct cell_result r = run((struct play){ .speed = 10 * MS }, script);

	assert_true(p.killed);
	assert_in_range(elapsed(), 13 * SEC, 13 * SEC + 1); /* two looks, 10 s of work apart */
	assert_int_equal(r.end_ns, SEC);
	expect(r, CAUSE_GUEST_HANG, "the guest hangs: no sign of life for 5.0 s");
}

TEST(a_guest_that_never_reaches_init_has_its_time_to_boot)
{
	static const struct step script[] = { { 0 } };
	struct cell_result r = run((struct play){ 0 }, script);

	assert_int_equal(elapsed(), 12 * SEC); /* a look, and one after 10 s of work */
	expect(r, CAUSE_BOOT_FAILED,
	       "no sign of init within 10 s; it printed nothing (is this kernel made for this "
	       "machine? -v lets it say more)");
}

TEST(a_guest_whose_vcpus_all_sleep_is_found_sooner_than_one_that_works)
{
	static const struct step script[] = { { HELLO, SEC, SEC }, { BODY, SEC, SEC }, { 0 } };
	struct cell_result r = run((struct play){ .speed = 100 * MS, .asleep = true }, script);

	assert_int_equal(elapsed(), 5 * SEC); /* two looks, a second of jumps apart */
	expect(r, CAUSE_GUEST_HANG, "the guest hangs: no sign of life for 5.0 s");
}

TEST(an_emulator_that_works_and_gets_nowhere_hangs)
{
	static const struct step script[] = { { HELLO, SEC, SEC }, { 0 } };

	for (int no_stats = 0; no_stats < 2; no_stats++) {
		struct cell_result r =
			run((struct play){ .stop_at = SEC, .no_stats = no_stats }, script);

		assert_in_range(elapsed(), SEC + PULSE_HUNG_NS,
				SEC + PULSE_HUNG_NS + PULSE_WORK_NS);
		assert_int_equal(r.verdict, VERDICT_INCONCLUSIVE);
		expect(r, CAUSE_EMULATOR_HUNG,
		       "the emulator hangs: virtual time does not pass any more");
	}
}

TEST(an_emulator_that_does_not_answer_hangs)
{
	static const struct step script[] = { { HELLO, SEC, SEC }, { 0 } };
	struct cell_result r = run((struct play){ .clock_error = -ETIMEDOUT }, script);

	assert_true(p.killed);
	assert_int_equal(elapsed(), 13 * SEC);
	expect(r, CAUSE_EMULATOR_HUNG, "nobody answers");
}

TEST(an_emulator_that_is_gone_tells_how_itself)
{
	static const struct step script[] = { { HELLO, SEC, SEC }, { DIE, 18 * SEC } };
	struct cell_result r = run((struct play){ .clock_error = -ESRCH }, script);

	assert_false(p.killed);
	assert_int_equal(p.looks, 3); /* after 13, 15 and 17 s: nobody spins meanwhile */
	expect(r, CAUSE_EMULATOR_DIED, "it is dead");
}

/* A terminal's ^Z, a host that sleeps: the guest went on, and all it said is there to be read. */
TEST(time_in_which_we_did_not_run_is_not_the_guests_silence)
{
	static const struct step script[] = {
		{ HELLO, SEC, SEC },	      { BODY, SEC, SEC },
		{ STALL, 2 * SEC, 60 * SEC }, { BEAT, 6 * SEC, 5 * SEC },
		{ BEAT, 10 * SEC, 9 * SEC },  { BEAT, 61 * SEC, 60 * SEC },
		{ EXIT, 62 * SEC },	      { POWEROFF, 63 * SEC },
	};
	struct cell_result r = run((struct play){ 0 }, script);

	assert_int_equal(p.looks, 0);
	assert_false(p.killed);
	expect(r, CAUSE_NONE, "");
}

TEST(silence_is_found_after_such_a_time_as_well)
{
	static const struct step script[] = {
		{ HELLO, SEC, SEC },
		{ BODY, SEC, SEC },
		{ STALL, 2 * SEC, 60 * SEC },
		{ BEAT, 6 * SEC, 5 * SEC },
		{ 0 },
	};
	struct cell_result r = run((struct play){ 0 }, script);

	assert_true(p.killed);
	assert_in_range(elapsed(), 72 * SEC, 76 * SEC);
	expect(r, CAUSE_GUEST_HANG, "the guest hangs: no sign of life for 5.0 s");
}

/* There is always more to read, and never a word from init. */
TEST(a_guest_that_writes_without_end_is_not_read_for_ever)
{
	static const struct step script[] = {
		{ HELLO, SEC, SEC },
		{ BODY, SEC, SEC },
		{ FLOOD, SEC },
	};
	struct cell_result r = run((struct play){ 0 }, script);

	assert_true(p.killed);
	assert_in_range(elapsed(), 13 * SEC, 17 * SEC);
	expect(r, CAUSE_GUEST_HANG, "the guest hangs: no sign of life for 5.0 s");
}

UNIT_MAIN(NULL, NULL)
