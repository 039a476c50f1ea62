/* SPDX-License-Identifier: GPL-2.0-only */
/* Records of runs: what is in the id and what is not, and what damage to them does. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "harness/record.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SHA_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static struct run_record sample(void)
{
	return (struct run_record){
		.machine = {
			.ktstr = "0.1.0",
			.emulator = "QEMU 10.0.2",
			.fingerprint = SHA_C,
			.arch = ARCH_ARM64,
			.topology = "1n2l2c1t",
			.memory_mib = 272,
			.kernel = SHA_A,
			.archive = SHA_B,
			.base = SHA_C,
			.freeze_at = 0x403065,
			.job = strdup("job=1\nmode=test\n"),
			.cmdline = strdup("quiet \"x\""),
			.seed = UINT64_MAX,
			.rate_shift = 1,
			.turn_us = 100,
		},
		.about = {
			.made_at = 1795372249,
			.name = strdup("two_cgroups"),
			.test = strdup("two_cgroups"),
			.summary = strdup("s"),
			.file = strdup("./fairness"),
			.file_sha256 = SHA_A,
			.kernel = strdup("debian"),
			.kernel_key = strdup(SHA_B),
			.scheduler = strdup("eevdf"),
			.scheduler_name = strdup("eevdf"),
			.again = strdup("ktstr test"),
			.expect_fail = true,
			.expect = strdup(""),
		},
		.outcome = {
			.verdict = VERDICT_FAIL,
			.cause = CAUSE_CHECK,
			.headline = strdup("cg_1 starved"),
			.schedule = { .have = true, .digest = UINT64_MAX, .events = 3, .kept = 2 },
			.over_ns = 3840589673,
		},
	};
}

static char *written(const struct run_record *r)
{
	struct buf b = { 0 };

	run_record_write(r, &b);
	assert_int_equal(b.bad, 0);
	return b.at;
}

TEST(a_record_is_written_and_read_again)
{
	SCOPED(run_record_fini) struct run_record r = sample();
	SCOPED(run_record_fini) struct run_record back = { 0 };
	SCOPED(mem_free) char *one = written(&r);
	struct err e = { 0 };

	if (run_record_parse(one, strlen(one), &back, &e) < 0)
		fail_msg("%s", e.text);
	SCOPED(mem_free) char *two = written(&back);
	assert_string_equal(one, two);
	assert_string_equal(back.machine.job, "job=1\nmode=test\n");
	assert_true(back.machine.seed == UINT64_MAX);
	assert_true(back.outcome.schedule.digest == UINT64_MAX);
	assert_int_equal(back.machine.arch, ARCH_ARM64);
}

static void id_of(const struct run_record *r, char ret[RUN_ID_LEN + 1])
{
	run_record_id(&r->machine, ret);
	assert_true(run_id_is_good(ret));
}

TEST(the_id_depends_on_every_part_of_the_machine)
{
	char ids[17][RUN_ID_LEN + 1];
	size_t nr = 0;

#define WITH(change) \
	do { \
		SCOPED(run_record_fini) struct run_record r = sample(); \
		change; \
		id_of(&r, ids[nr++]); \
	} while (0)
	WITH((void)0);
	WITH(strcpy(r.machine.ktstr, "0.2.0"));
	WITH(strcpy(r.machine.emulator, "QEMU 10.0.3"));
	WITH(strcpy(r.machine.fingerprint, SHA_A));
	WITH(r.machine.arch = ARCH_X86_64);
	WITH(strcpy(r.machine.topology, "1n1l4c1t"));
	WITH(r.machine.memory_mib++);
	WITH(strcpy(r.machine.kernel, SHA_B));
	WITH(strcpy(r.machine.archive, SHA_A));
	WITH(strcpy(r.machine.base, ""));
	WITH(r.machine.freeze_at++);
	WITH(r.machine.job[0] = 'x');
	WITH(r.machine.cmdline[0] = 'x');
	WITH(r.machine.verbose = true);
	WITH(r.machine.seed--);
	WITH(r.machine.rate_shift++);
	WITH(r.machine.turn_us++);
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(ids[i], ids[k]);
}

TEST(the_id_depends_on_nothing_else)
{
	SCOPED(run_record_fini) struct run_record r = sample();
	char id[RUN_ID_LEN + 1], other[RUN_ID_LEN + 1];

	id_of(&r, id);
	r.about.made_at++;
	r.about.file[0] = '/';
	r.about.again[0] = 'K';
	r.outcome.verdict = VERDICT_PASS;
	r.outcome.schedule.digest = 0;
	id_of(&r, other);
	assert_string_equal(id, other);
	/* written down: a record of today is found tomorrow */
	assert_string_equal(id, "2ef4f52129bb");
}

static void refused_with(const char *from, const char *to, int code, const char *says)
{
	SCOPED(run_record_fini) struct run_record r = sample();
	SCOPED(run_record_fini) struct run_record back = { 0 };
	SCOPED(mem_free) char *text = written(&r);
	SCOPED(buf_fini) struct buf changed = { 0 };
	char *at = strstr(text, from);
	struct err e = { 0 };

	assert_non_null(at);
	buf_put(&changed, text, (size_t)(at - text));
	buf_puts(&changed, to);
	buf_puts(&changed, at + strlen(from));
	assert_int_equal(run_record_parse(changed.at, changed.len, &back, &e), code);
	if (!strstr(e.text, says))
		fail_msg("\"%s\" does not say \"%s\"", e.text, says);
	assert_null(back.machine.job);
}

TEST(a_damaged_record_is_refused_by_name)
{
	refused_with("\"format\":3", "\"format\":2", -EPROTO, "format is 2, this ktstr knows 3");
	refused_with("\"format\":3,", "", -EPROTO, "format");
	refused_with("{", "{{", -EBADMSG, "line 1");
	refused_with("\"memory_mib\":272", "\"memory_mib\":273", -EBADMSG,
		     "that of its machine is");
	refused_with("\"id\":", "\"xd\":", -EBADMSG, "its id is \"\"");
	refused_with("\"kernel\":\"a", "\"kernel\":\"A", -EBADMSG, "kernel is no SHA-256");
	refused_with("\"archive\":\"b", "\"archive\":\"/", -EBADMSG, "archive is no SHA-256");
	refused_with("\"fingerprint\":\"c", "\"fingerprint\":\"", -EBADMSG,
		     "fingerprint is no SHA-256");
	refused_with("\"base\":\"c", "\"base\":\"/", -EBADMSG, "base is no SHA-256");
	refused_with("1n2l2c1t", "1n2l2c0t", -EBADMSG, "topology");
	refused_with("\"rate_shift\":1", "\"rate_shift\":7", -EBADMSG, "rate_shift");
	refused_with("\"turn_us\":100", "\"turn_us\":99999", -EBADMSG, "turn_us is out of range");
	refused_with("\"seed\":\"f", "\"seed\":\"g", -EBADMSG,
		     "machine: seed has no sensible value");
	refused_with("\"verdict\":\"fail\"", "\"verdict\":\"bad\"", -EBADMSG, "outcome: verdict");
	refused_with("\"arch\":\"arm64\"", "\"arch\":\"vax\"", -EBADMSG, "machine: arch");
	refused_with("\"job\":\"job=1\\u000amode=test\\u000a\"", "\"job\":null", -EBADMSG,
		     "job or cmdline is null");
	refused_with("\"digest\":\"f", "\"digest\":\"", -EBADMSG, "schedule: digest");
}

TEST(a_text_that_is_null_reads_as_none)
{
	SCOPED(run_record_fini) struct run_record r = sample();
	SCOPED(run_record_fini) struct run_record back = { 0 };

	free(r.about.expect);
	r.about.expect = NULL;
	SCOPED(mem_free) char *text = written(&r);
	assert_int_equal(run_record_parse(text, strlen(text), &back, NULL), 0);
	assert_string_equal(back.about.expect, "");
}

UNIT_MAIN(NULL, NULL)
