/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "image/registry.h"
#include "mini_elf.h"

static struct ktstr_test_record good_test(const char *name)
{
	struct ktstr_test_record t = { .magic = KTSTR_REGISTRY_MAGIC,
				       .version = KTSTR_REGISTRY_VERSION,
				       .size = sizeof(t),
				       .duration_ms = 500 };

	snprintf(t.name, sizeof(t.name), "%s", name);
	strcpy(t.summary, "a test");
	strcpy(t.topology, "1n2l2c1t");
	return t;
}

static struct ktstr_sched_record good_sched(const char *name)
{
	struct ktstr_sched_record s = { .magic = KTSTR_REGISTRY_MAGIC,
					.version = KTSTR_REGISTRY_VERSION,
					.size = sizeof(s) };

	snprintf(s.name, sizeof(s.name), "%s", name);
	strcpy(s.binary, "scx_x");
	return s;
}

/* A test binary with these sections; NULL = without. */
static struct buf binary_of(const void *tests, size_t tests_len, const void *scheds,
			    size_t scheds_len)
{
	struct mini_elf m = { .type = ET_DYN, .machine = EM_AARCH64 };
	struct buf b = { 0 };

	if (tests)
		mini_elf_section(&m, KTSTR_TESTS_SECTION, tests, tests_len);
	if (scheds)
		mini_elf_section(&m, KTSTR_SCHEDS_SECTION, scheds, scheds_len);
	mini_elf_finish(&m, &b);
	return b;
}

static int read_of(const void *tests, size_t tests_len, const void *scheds, size_t scheds_len,
		   struct registry *ret, struct err *e)
{
	SCOPED(buf_fini) struct buf b = binary_of(tests, tests_len, scheds, scheds_len);

	return registry_read_mem(b.at, b.len, "file", ret, e);
}

TEST(records_come_back_sorted)
{
	struct ktstr_test_record t[] = { good_test("zeta"), good_test("alpha"), good_test("b_2") };
	struct ktstr_sched_record s[] = { good_sched("scx_B"), good_sched("scx-A") };
	SCOPED(registry_fini) struct registry g = { 0 };
	struct err e = { 0 };

	strcpy(t[0].scheduler, "scx-A");
	assert_int_equal(read_of(t, sizeof(t), s, sizeof(s), &g, &e), 0);
	assert_int_equal(g.arch, ARCH_ARM64);
	assert_int_equal(g.nr_tests, 3);
	assert_string_equal(g.tests[0].name, "alpha");
	assert_string_equal(g.tests[1].name, "b_2");
	assert_string_equal(g.tests[2].name, "zeta");
	assert_string_equal(g.tests[2].scheduler, "scx-A");
	assert_int_equal(g.tests[0].duration_ms, 500);
	assert_int_equal(g.nr_scheds, 2);
	assert_ptr_equal(registry_sched(&g, "scx_B"), &g.scheds[1]);
	assert_ptr_equal(registry_sched(&g, "scx-A"), &g.scheds[0]);
	assert_null(registry_sched(&g, "scx_C"));
}

TEST(padding_between_records_is_skipped)
{
	struct ktstr_test_record t = good_test("a"), u = good_test("b");
	SCOPED(registry_fini) struct registry g = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };

	buf_put(&b, &t, sizeof(t));
	buf_align(&b, 32);
	buf_put(&b, &u, sizeof(u));
	buf_align(&b, 32);
	assert_int_equal(read_of(b.at, b.len, NULL, 0, &g, NULL), 0);
	assert_int_equal(g.nr_tests, 2);
}

TEST(the_file_is_read_by_path_too)
{
	char path[] = "/tmp/ktstr-unit-XXXXXX";
	struct ktstr_test_record t = good_test("only");
	SCOPED(buf_fini) struct buf b = binary_of(&t, sizeof(t), NULL, 0);
	SCOPED(registry_fini) struct registry g = { 0 };
	SCOPED(close_fd) int fd = mkstemp(path);
	struct err e = { 0 };

	assert_int_equal(write_full(fd, b.at, b.len), 0);
	assert_int_equal(registry_read(path, &g, &e), 0);
	assert_string_equal(g.tests[0].name, "only");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(registry_read(path, &g, &e), -ENOENT);
	assert_non_null(strstr(e.text, path));
}

TEST(what_is_no_test_binary_is_refused)
{
	SCOPED(registry_fini) struct registry g = { 0 };
	struct ktstr_sched_record s = good_sched("x");
	struct err e = { 0 };

	assert_int_equal(registry_read_mem("", 0, "file", &g, &e), -ENOEXEC);
	assert_int_equal(registry_read_mem("#!/bin/sh\n", 10, "file", &g, &e), -ENOEXEC);
	assert_string_equal(e.text, "file: not an ELF file");
	assert_int_equal(read_of(NULL, 0, NULL, 0, &g, &e), -ENOEXEC);
	assert_string_equal(e.text, "file: not a ktstr test binary: it registers no tests");
	assert_int_equal(read_of(NULL, 0, &s, sizeof(s), &g, &e), -ENOEXEC);
	assert_int_equal(read_of("", 0, &s, sizeof(s), &g, &e), -ENOEXEC);
	assert_null(g.tests);
	assert_int_equal(registry_read("/proc/self/exe", &g, &e), -ENOEXEC);
}

TEST(another_machine_or_an_object_file_is_refused)
{
	struct ktstr_test_record t = good_test("a");
	SCOPED(registry_fini) struct registry g = { 0 };
	struct mini_elf m = { .type = ET_EXEC, .machine = EM_RISCV };
	SCOPED(buf_fini) struct buf b = { 0 };
	struct err e = { 0 };

	mini_elf_section(&m, KTSTR_TESTS_SECTION, &t, sizeof(t));
	mini_elf_finish(&m, &b);
	assert_int_equal(registry_read_mem(b.at, b.len, "file", &g, &e), -ENOEXEC);
	assert_non_null(strstr(e.text, "architecture"));
	buf_clear(&b);
	m = (struct mini_elf){ .type = ET_REL, .machine = EM_X86_64 };
	mini_elf_section(&m, KTSTR_TESTS_SECTION, &t, sizeof(t));
	mini_elf_finish(&m, &b);
	assert_int_equal(registry_read_mem(b.at, b.len, "file", &g, &e), -ENOEXEC);
	assert_non_null(strstr(e.text, "object file"));
}

TEST(other_versions_and_damage_are_told_apart)
{
	struct ktstr_test_record t[2] = { good_test("a"), good_test("b") };
	SCOPED(registry_fini) struct registry g = { 0 };
	struct err e = { 0 };

	assert_int_equal(read_of(t, sizeof(t) - 8, NULL, 0, &g, &e), -EBADMSG);
	assert_string_equal(e.text, "file: section ktstr.tests: record 1 is cut off");
	assert_int_equal(read_of(t, sizeof(t[0]) + 8, NULL, 0, &g, &e), -EBADMSG);
	t[1].version = 2;
	assert_int_equal(read_of(t, sizeof(t), NULL, 0, &g, &e), -EPROTO);
	assert_non_null(strstr(e.text, "registry version 2"));
	t[1] = good_test("b");
	t[1].size = 1000;
	assert_int_equal(read_of(t, sizeof(t), NULL, 0, &g, &e), -EPROTO);
	t[1] = good_test("b");
	t[1].magic = 7;
	assert_int_equal(read_of(t, sizeof(t), NULL, 0, &g, &e), -EBADMSG);
	assert_string_equal(e.text, "file: section ktstr.tests: record 1 is damaged");
}

/* Each row breaks one field of a good test named "bad". */
#define BROKEN_TESTS(X) \
	X(strcpy(t.name, "Bad"), "test 0: field name: must be a-z") \
	X(strcpy(t.name, "2bad"), "test 0: field name: must be a-z") \
	X(strcpy(t.name, ""), "test 0: field name: must be a-z") \
	X(memset(t.name, 'a', sizeof(t.name)), "test 0: field name: must be a-z") \
	X(memset(t.summary, 'a', sizeof(t.summary)), "field summary: longer than 159 bytes") \
	X(strcpy(t.summary, "a\nb"), "field summary: has a control character at offset 1") \
	X(memset(t.sched_args, 'a', sizeof(t.sched_args)), "field sched_args: longer") \
	X(strcpy(t.scheduler, "scx_none"), "field scheduler: no KTSTR_SCHEDULER \"scx_none\"") \
	X(strcpy(t.topology, "2n3l1c1t"), "field topology: ") \
	X(memset(t.topology, '1', sizeof(t.topology)), "field topology: longer") \
	X(strcpy(t.expect, "x"), "field expect: only for tests that are expected to fail") \
	X(t.flags = 1u << 20, "field flags: unknown bits 0x100000") \
	X(t.memory_mib = UINT32_MAX, "field memory_mib: 4294967295 is more than") \
	X(t.duration_ms = 86400001, "field duration_ms: 86400001 is more than 86400000") \
	X(t.timeout_ms = UINT32_MAX, "field timeout_ms: ") \
	X(t.min_cpus = 513, "field min_cpus: 513 is more than 512") \
	X((t.min_cpus = 4, t.max_cpus = 3), "field min_cpus: 4 is more than the maximum of 3") \
	X((t.min_llcs = 4, t.max_llcs = 3), "field min_llcs: ") \
	X((t.min_nodes = 4, t.max_nodes = 3), "field min_nodes: ") \
	X(t.reserved[4] = 1, "field reserved: not zero") \
	X(t.limits.max_gap_ms.state = 3, "field limits.max_gap_ms: unknown state 3") \
	X((t.limits.progress.state = 1, t.limits.progress.value = NAN), "limits.progress: nan is") \
	X((t.limits.progress.state = 1, t.limits.progress.value = -1), "limits.progress: -1 is") \
	X((t.limits.min_work_rate.state = 1, t.limits.min_work_rate.value = INFINITY), \
	  "field limits.min_work_rate: inf is not between 0 and 1e+15 units/s") \
	X((t.limits.max_unfair_pct.state = 1, t.limits.max_unfair_pct.value = 101), \
	  "field limits.max_unfair_pct: 101 is not between 0 and 100 %") \
	X(t.limits.reserved[0].state = 1, "field limits: sets a check")

#define CHECK_BROKEN(change, text) \
	{ \
		struct ktstr_test_record t = good_test("bad"); \
		change; \
		assert_refused(&t, text); \
	}

static void assert_refused(const struct ktstr_test_record *t, const char *text)
{
	struct registry g = { 0 };
	struct err e = { 0 };

	assert_int_equal(read_of(t, sizeof(*t), NULL, 0, &g, &e), -EINVAL);
	if (!strstr(e.text, text) || strncmp(e.text, "file: test ", 11))
		fail_msg("\"%s\" does not say \"%s\"", e.text, text);
}

TEST(every_field_out_of_range_is_named){ BROKEN_TESTS(CHECK_BROKEN) }

TEST(values_at_the_edge_are_accepted)
{
	struct ktstr_test_record t = good_test("edge");
	SCOPED(registry_fini) struct registry g = { 0 };
	struct err e = { 0 };

	memset(t.name, 'a', sizeof(t.name) - 1);
	memset(t.summary, 'a', sizeof(t.summary) - 1);
	t.flags = KTSTR_TEST_EXPECT_FAIL;
	strcpy(t.expect, "starved");
	t.min_cpus = t.max_cpus = 512;
	t.min_llcs = 7; /* no maximum said */
	t.limits.progress = (struct ktstr_limit){ .state = KTSTR_LIMIT_SET, .value = 0 };
	t.limits.max_gap_ms = (struct ktstr_limit){ .state = KTSTR_LIMIT_OFF, .value = NAN };
	assert_int_equal(read_of(&t, sizeof(t), NULL, 0, &g, &e), 0);
}

TEST(duplicate_names_are_refused)
{
	struct ktstr_test_record t[] = { good_test("b"), good_test("a"), good_test("b") };
	struct ktstr_sched_record s[] = { good_sched("x"), good_sched("x") };
	struct registry g = { 0 };
	struct err e = { 0 };

	assert_int_equal(read_of(t, sizeof(t), NULL, 0, &g, &e), -EINVAL);
	assert_string_equal(e.text, "file: test b: field name: another test has the same");
	assert_int_equal(read_of(t, sizeof(t[0]) * 2, s, sizeof(s), &g, &e), -EINVAL);
	assert_string_equal(e.text,
			    "file: scheduler x: field name: another scheduler has the same");
}

TEST(schedulers_are_checked_like_tests)
{
	struct ktstr_test_record t = good_test("a");
	struct ktstr_sched_record s = good_sched("scx x");
	struct registry g = { 0 };
	struct err e = { 0 };

	assert_int_equal(read_of(&t, sizeof(t), &s, sizeof(s), &g, &e), -EINVAL);
	assert_non_null(strstr(e.text, "file: scheduler 0: field name: must be letters"));
	s = good_sched("scx_x");
	s.binary[0] = 0;
	assert_int_equal(read_of(&t, sizeof(t), &s, sizeof(s), &g, &e), -EINVAL);
	assert_string_equal(e.text, "file: scheduler scx_x: field binary: is empty");
	s = good_sched("scx_x");
	memset(s.kargs, 'k', sizeof(s.kargs));
	assert_int_equal(read_of(&t, sizeof(t), &s, sizeof(s), &g, &e), -EINVAL);
	assert_string_equal(e.text, "file: scheduler scx_x: field kargs: longer than 255 bytes");
	s = good_sched("scx_x");
	strcpy(s.topology, "nonsense");
	assert_int_equal(read_of(&t, sizeof(t), &s, sizeof(s), &g, &e), -EINVAL);
	s = good_sched("scx_x");
	s.flags = 1;
	assert_int_equal(read_of(&t, sizeof(t), &s, sizeof(s), &g, &e), -EINVAL);
}

TEST(a_thousand_tests_take_milliseconds)
{
	static struct ktstr_test_record t[1000];
	SCOPED(registry_fini) struct registry g = { 0 };
	char name[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "t%d", i * 7919 % 1000);
		t[i] = good_test(name);
	}
	SCOPED(buf_fini) struct buf b = binary_of(t, sizeof(t), NULL, 0);
	uint64_t start = now_ns();
	assert_int_equal(registry_read_mem(b.at, b.len, "file", &g, NULL), 0);
	uint64_t took = now_ns() - start;
	assert_int_equal(g.nr_tests, 1000);
	assert_true(took < 250000000); /* far above the 1 to 2 ms it takes, far below quadratic */
	print_message("# 1000 tests read in %.2f ms\n", (double)took / 1e6);
}

UNIT_MAIN(NULL, NULL)
