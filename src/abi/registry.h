/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What a test binary says about itself: fixed-size, pointer-free, versioned records in two ELF
 * sections that the host reads from the file without running it. Native little-endian (both
 * supported architectures are). All text is NUL-terminated inside its array.
 */
#ifndef ABI_REGISTRY_H
#define ABI_REGISTRY_H

#include <assert.h>
#include <stdint.h>

#define KTSTR_TESTS_SECTION "ktstr.tests"
#define KTSTR_SCHEDS_SECTION "ktstr.scheds"
#define KTSTR_REGISTRY_MAGIC 0x3152544bu /* "KTR1" */
#define KTSTR_REGISTRY_VERSION 1

#define KTSTR_NAME_MAX 64
#define KTSTR_TEXT_MAX 160
#define KTSTR_ARGS_MAX 256
#define KTSTR_TOPO_MAX 32

/* A number of three states: not said (inherit), switched off, or a limit. Zero is a limit too. */
enum ktstr_limit_state {
	KTSTR_LIMIT_INHERIT = 0,
	KTSTR_LIMIT_SET = 1,
	KTSTR_LIMIT_OFF = 2,
};

struct ktstr_limit {
	double value;
	uint32_t state; /* enum ktstr_limit_state */
	uint32_t reserved;
};

/*
 * Every check there is: row = (field, default state, default value, unit, what it judges).
 * The field order here is the record layout; append only.
 */
#define KTSTR_CHECKS(X) \
	X(progress, SET, 1, "units", "every worker must do at least this much work") \
	X(max_gap_ms, SET, 2000, "ms", "longest time a runnable worker may go without running") \
	X(isolation, SET, 0, "CPUs", \
	  "workers may use this many CPUs outside their cgroup's cpuset") \
	X(max_unfair_pct, OFF, 0, "%", \
	  "largest shortfall against the weighted fair share of CPU time") \
	X(max_spread_pct, OFF, 0, "%", \
	  "largest difference in run delay between workers of a cgroup") \
	X(max_throughput_cv, OFF, 0, "", "coefficient of variation of work per CPU second") \
	X(min_work_rate, OFF, 0, "units/s", "work units per CPU second, every worker") \
	X(max_p99_wake_us, OFF, 0, "us", "99th percentile of wake-up latency") \
	X(max_p999_wake_us, OFF, 0, "us", "99.9th percentile of wake-up latency") \
	X(max_migration_rate, OFF, 0, "/s", "migrations per worker and second")

struct ktstr_limits {
#define KTSTR_LIMIT_FIELD(field, state, value, unit, text) struct ktstr_limit field;
	KTSTR_CHECKS(KTSTR_LIMIT_FIELD)
#undef KTSTR_LIMIT_FIELD
	struct ktstr_limit reserved[6];
};

enum ktstr_test_flags {
	KTSTR_TEST_EXPECT_FAIL = 1u << 0,	 /* the run must fail; passing is a failure */
	KTSTR_TEST_ALLOW_INCONCLUSIVE = 1u << 1, /* inconclusive counts as pass */
	KTSTR_TEST_IGNORE = 1u << 2,		 /* listed; runs only when named exactly */
	KTSTR_TEST_NEEDS_SMT = 1u << 3,
	KTSTR_TEST_NEEDS_SCHED_EXT =
		1u << 4, /* skip on kernels or runs without a sched_ext scheduler */
	/* measures: each vCPU on a host CPU of its own, its caches to itself; skip where there are none */
	KTSTR_TEST_PERFORMANCE = 1u << 5,
};

/* One test. In integer fields zero means "not said": the scheduler's value, else the default. */
struct ktstr_test_record {
	uint32_t magic;
	uint16_t version;
	uint16_t size; /* sizeof(struct ktstr_test_record) of the writer */
	char name[KTSTR_NAME_MAX];
	char summary[KTSTR_TEXT_MAX];
	char scheduler[KTSTR_NAME_MAX];	 /* a KTSTR_SCHEDULER name, "" = EEVDF */
	char sched_args[KTSTR_ARGS_MAX]; /* appended to the scheduler's own */
	char topology[KTSTR_TOPO_MAX];	 /* shape or preset (ktstr topo --help), "" = 1n1l2c1t */
	char expect[KTSTR_TEXT_MAX];	 /* with EXPECT_FAIL: text that the failure must contain */
	uint32_t flags;			 /* enum ktstr_test_flags */
	uint32_t memory_mib;		 /* floor */
	uint32_t duration_ms;		 /* of the load; default 2000 */
	uint32_t timeout_ms;		 /* of the test body; default 30 s + 4 x duration */
	uint32_t min_cpus, max_cpus;
	uint32_t min_llcs, max_llcs;
	uint32_t min_nodes, max_nodes;
	uint32_t reserved[6];
	struct ktstr_limits limits;
};

/* One scheduler under test. */
struct ktstr_sched_record {
	uint32_t magic;
	uint16_t version;
	uint16_t size;
	char name[KTSTR_NAME_MAX];
	char summary[KTSTR_TEXT_MAX];
	char binary
		[KTSTR_TEXT_MAX]; /* path, or a name looked for beside the test binary, then on PATH */
	char args[KTSTR_ARGS_MAX];    /* split at blanks, double quotes group */
	char sysctls[KTSTR_ARGS_MAX]; /* "key=value key=value" */
	char kargs[KTSTR_ARGS_MAX];   /* kernel command line */
	char topology[KTSTR_TOPO_MAX];
	uint32_t attach_timeout_ms; /* default 10 s */
	uint32_t flags;
	uint32_t reserved[6];
	struct ktstr_limits limits;
};

static_assert(sizeof(struct ktstr_limit) == 16, "struct ktstr_limit changed size");
static_assert(sizeof(struct ktstr_limits) == 256, "struct ktstr_limits changed size");
static_assert(sizeof(struct ktstr_test_record) == 1064, "struct ktstr_test_record changed size");
static_assert(sizeof(struct ktstr_sched_record) == 1480, "struct ktstr_sched_record changed size");

#endif
