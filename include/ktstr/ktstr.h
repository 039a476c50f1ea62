/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * All that the author of a scheduler test sees. Link with libktstr.a, which brings main(): the
 * program then runs itself in a virtual machine (`./mytest` is `ktstr test ./mytest`).
 *
 *	KTSTR_TEST(equal_cgroups_share_evenly,
 *		   .summary = "two busy cgroups of equal weight share the CPUs",
 *		   .topology = "1n1l2c1t",
 *		   .limits.max_unfair_pct = KTSTR_LIMIT(40))
 *	{
 *		ktstr_cgroup(t, "cg_0");
 *		ktstr_cgroup(t, "cg_1");
 *		ktstr_spawn(t, "cg_0", .workers = 2);
 *		ktstr_spawn(t, "cg_1", .workers = 2);
 *		ktstr_hold(t, KTSTR_FULL);
 *	}
 *
 * The body sets up, holds, and may look at what happened; the limits are judged after it. Nothing
 * has to be checked on the way: the first call that fails is reported as "setup" (the test is then
 * inconclusive, for nothing was measured) and the calls after it do nothing. What the body leaves
 * behind is cleaned up by the library.
 *
 * C11 or C++20. In C++, designators come in the order of the fields and limits are written
 * .limits = { .max_gap_ms = KTSTR_LIMIT(500) }. All calls belong to the thread that runs the body.
 */
#ifndef KTSTR_KTSTR_H
#define KTSTR_KTSTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ktstr/registry.h>

#ifdef __cplusplus
extern "C" {
/* Fields left out are how "default" is said. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define KTSTR_ARGS_(type, ...) \
	type \
	{ \
		__VA_ARGS__ \
	}
#else
#define KTSTR_ARGS_(type, ...) ((struct type){ __VA_ARGS__ })
#endif

#define KTSTR_API __attribute__((visibility("default")))
#define KTSTR_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))

/* The running test: what every body gets as @t. */
struct ktstr;

/* --- Declaring --------------------------------------------------------------------------- */

/* Values of .limits fields (the checks of registry.h): at most/at least this; do not judge. */
#define KTSTR_LIMIT(number) { (number), KTSTR_LIMIT_SET, 0 }
#define KTSTR_OFF { 0, KTSTR_LIMIT_OFF, 0 }

/*
 * KTSTR_TEST(name, .field = value, ...) { body }
 * Fields are those of struct ktstr_test_record; what is not said comes from the scheduler's
 * declaration or is a default. A field given twice or a name too long does not compile.
 */
#define KTSTR_TEST(id, ...) \
	KTSTR_RECORD_(ktstr_test_record, KTSTR_TESTS_SECTION, id, __VA_ARGS__); \
	static void ktstr_body_##id(struct ktstr *t); \
	static const struct ktstr_body_ ktstr_body_ref_##id KTSTR_PLACED_( \
		"ktstr_bodies") = { &ktstr_test_record_##id, ktstr_body_##id }; \
	static void ktstr_body_##id(struct ktstr *t __attribute__((unused)))

/*
 * KTSTR_SCHEDULER(name, .binary = "...", ...);
 * Declares a scheduler under test; fields are those of struct ktstr_sched_record. Tests use it
 * with .scheduler = "name", the command line with --scheduler name.
 */
#define KTSTR_SCHEDULER(id, ...) \
	KTSTR_RECORD_(ktstr_sched_record, KTSTR_SCHEDS_SECTION, id, __VA_ARGS__)

/* How the two above work: records that the host reads from the file, bodies for the guest. */
struct ktstr_body_ {
	const struct ktstr_test_record *test;
	void (*run)(struct ktstr *t);
};

#if defined(__has_attribute) && __has_attribute(retain)
#define KTSTR_KEEP_ used, retain
#else
#define KTSTR_KEEP_ used
#endif
#ifdef __clang__
#define KTSTR_BARE_ , no_sanitize("address")
#else
#define KTSTR_BARE_
#endif
/* The explicit alignment keeps the compiler from padding between records. */
#define KTSTR_PLACED_(where) __attribute__((section(where), aligned(8), KTSTR_KEEP_ KTSTR_BARE_))

/* clang-format off */
#ifdef __cplusplus
#define KTSTR_STRICT_ /* a field given twice is an error of the language */
#else
#define KTSTR_STRICT_ _Pragma("GCC diagnostic error \"-Woverride-init\"")
#endif
#define KTSTR_RECORD_(type, where, id, ...) \
	static_assert(sizeof(#id) <= KTSTR_NAME_MAX, "this name is too long"); \
	_Pragma("GCC diagnostic push") \
	KTSTR_STRICT_ \
	static const struct type type##_##id KTSTR_PLACED_(where) = { \
		.magic = KTSTR_REGISTRY_MAGIC, \
		.version = KTSTR_REGISTRY_VERSION, \
		.size = sizeof(struct type), \
		.name = #id, \
		__VA_ARGS__ \
	}; \
	_Pragma("GCC diagnostic pop") \
	static_assert(sizeof(struct type) % 8 == 0, "records would not be neighbours")
/* clang-format on */

/* --- The machine ------------------------------------------------------------------------- */

/* A set of CPUs. */
struct ktstr_cpus {
	uint64_t bits[16];
};

/*
 * Wherever the library takes CPUs as text: "0-3,8", "all", "llc:1" (a last-level cache),
 * "node:0", "half:0" and "half:1" (lower and upper half), "" or NULL for no restriction.
 */
KTSTR_API int ktstr_cpus(struct ktstr *t, const char *text, struct ktstr_cpus *ret);
KTSTR_API bool ktstr_cpus_has(const struct ktstr_cpus *cpus, unsigned cpu);
KTSTR_API unsigned ktstr_cpus_count(const struct ktstr_cpus *cpus);

KTSTR_API unsigned ktstr_nr_cpus(struct ktstr *t);
KTSTR_API unsigned ktstr_nr_llcs(struct ktstr *t);
KTSTR_API unsigned ktstr_nr_nodes(struct ktstr *t);
/* The scheduler under test, NULL under the kernel's own. */
KTSTR_API const char *ktstr_scheduler(struct ktstr *t);
/* The run's seed: all randomness of a test comes from it. */
KTSTR_API uint64_t ktstr_seed(struct ktstr *t);

/* --- Cgroups ----------------------------------------------------------------------------- */

struct ktstr_cgroup {
	const char *name;		  /* "cg_0", nested "a/b" (a is made too) */
	const char *cpus;		  /* cpuset; default: no restriction */
	const struct ktstr_cpus *cpu_set; /* ... or as a set */
	unsigned weight;		  /* cpu.weight 1..10000, default 100 */
};

/* Makes a cgroup: ktstr_cgroup(t, "cg_0", .cpus = "llc:0", .weight = 300). */
#define ktstr_cgroup(t, ...) ktstr_cgroup_create(t, KTSTR_ARGS_(ktstr_cgroup, .name = __VA_ARGS__))
KTSTR_API int ktstr_cgroup_create(struct ktstr *t, struct ktstr_cgroup what);
/* Stops the workers in it and removes it. What they did stays in the result. */
KTSTR_API int ktstr_cgroup_remove(struct ktstr *t, const char *cgroup);
/* Changes the cpuset; from here on the isolation check wants the new one. */
KTSTR_API int ktstr_cgroup_set_cpus(struct ktstr *t, const char *cgroup, const char *cpus);
KTSTR_API int ktstr_cgroup_set_weight(struct ktstr *t, const char *cgroup, unsigned weight);

/* --- Workers ----------------------------------------------------------------------------- */

/*
 * What a worker does. Parameters left 0 are the defaults in brackets. Types that work in groups
 * need a multiple of the group's size as .workers; the default is one group. All report work,
 * iterations, CPU time, run delay, gaps, migrations and the CPUs used; those marked * also how
 * long they took from being woken to running.
 */
enum ktstr_work {
	KTSTR_SPIN_WAIT,	/* computes without pause */
	KTSTR_YIELD_HEAVY,	/* one unit of work, sched_yield(), again */
	KTSTR_BURSTY,		/* * computes for a while, sleeps for a while */
	KTSTR_PIPE_IO,		/* * pairs that pass a byte to and fro through pipes */
	KTSTR_FUTEX_PING_PONG,	/* * pairs that pass a token to and fro by futex */
	KTSTR_FUTEX_FAN_OUT,	/* * one messenger wakes .fan_out receivers at once */
	KTSTR_FORK_EXIT,	/* * forks a child that exits at once, waits for it */
	KTSTR_CACHE_PRESSURE,	/* read-modify-writes over a working set */
	KTSTR_PAGE_FAULT_CHURN, /* touches fresh pages, gives them back */
	KTSTR_MUTEX_CONTENTION, /* * contenders for one lock */
	KTSTR_NR_WORKS
};

struct ktstr_workers {
	const char *cgroup;
	enum ktstr_work work;
	unsigned workers;     /* how many processes */
	const char *affinity; /* CPUs as text, or "each": every worker on one CPU of its own */
	int nice;
	struct {
		unsigned run_us;   /* [50000] */
		unsigned sleep_us; /* [100000] */
	} bursty;
	struct {
		unsigned spin; /* loops before the byte is passed on [1024] */
	} pipe_io;
	struct {
		unsigned spin; /* loops before the token is passed on [1024] */
	} futex_ping_pong;
	struct {
		unsigned fan_out; /* receivers per messenger [4] */
		unsigned spin;	  /* loops before each round [1024] */
	} futex_fan_out;
	struct {
		unsigned size_kib; /* working set [32] */
		unsigned stride;   /* bytes [64] */
	} cache_pressure;
	struct {
		unsigned region_kib; /* [4096] */
		unsigned touches;    /* pages written per pass [256] */
		unsigned spin;	     /* loops after each pass [64] */
	} page_fault_churn;
	struct {
		unsigned contenders; /* per lock [4] */
		unsigned hold;	     /* loops with the lock [256] */
		unsigned work;	     /* loops without it [1024] */
	} mutex_contention;
};

/*
 * Puts workers into a cgroup: ktstr_spawn(t, "cg_0", .work = KTSTR_PIPE_IO, .workers = 2).
 * They start together when the next hold begins. Worker N of cgroup cg_0 is called "cg_0/N".
 */
#define ktstr_spawn(t, ...) \
	ktstr_workers_spawn(t, KTSTR_ARGS_(ktstr_workers, .cgroup = __VA_ARGS__))
KTSTR_API int ktstr_workers_spawn(struct ktstr *t, struct ktstr_workers what);
/* Ends all workers of a cgroup. */
KTSTR_API int ktstr_workers_stop(struct ktstr *t, const char *cgroup);
/* Moves all workers; their statistics move along. */
KTSTR_API int ktstr_workers_move(struct ktstr *t, const char *from, const char *to);

/* --- Time -------------------------------------------------------------------------------- */

#define KTSTR_FULL 1.0

/* Lets the load run for this part of the test's duration, or for a time; sleeps meanwhile. */
KTSTR_API int ktstr_hold(struct ktstr *t, double part);
KTSTR_API int ktstr_hold_ms(struct ktstr *t, unsigned ms);

/* --- Looking at what happened ------------------------------------------------------------ */

/* Time from being woken to running, at most 3.2 % too large. */
struct ktstr_latency {
	uint64_t count, min_ns, p50_ns, p99_ns, p999_ns, max_ns;
};

struct ktstr_stats {
	uint32_t workers;
	uint64_t work, iterations;
	uint64_t cpu_ns;       /* CPU time */
	uint64_t run_delay_ns; /* time runnable but not running */
	uint64_t wall_ns;      /* sum of the workers' life times */
	uint64_t migrations;
	uint64_t max_gap_ns; /* longest time one of them wanted to run and did not */
	struct ktstr_latency wake;
	struct ktstr_cpus cpus_used;
};

/* What the workers of a cgroup did so far; NULL = all workers. All zero if the call fails. */
KTSTR_API struct ktstr_stats ktstr_measure(struct ktstr *t, const char *cgroup);

/*
 * Soft checks: one that does not hold fails the test with the expression and the values, and the
 * body goes on. Each is true if it held.
 */
#define ktstr_expect_true(t, what) \
	ktstr_expect_true_(t, (what) ? true : false, #what, __FILE__, __LINE__)
#define ktstr_expect_eq(t, a, b) KTSTR_EXPECT_(t, a, "==", b)
#define ktstr_expect_ge(t, a, b) KTSTR_EXPECT_(t, a, ">=", b)
#define ktstr_expect_gt(t, a, b) KTSTR_EXPECT_(t, a, ">", b)
#define ktstr_expect_le(t, a, b) KTSTR_EXPECT_(t, a, "<=", b)
#define ktstr_expect_lt(t, a, b) KTSTR_EXPECT_(t, a, "<", b)
/* Some worker must have run on each of these CPUs. */
#define ktstr_expect_ran_on(t, cpus) ktstr_expect_ran_on_(t, cpus, __FILE__, __LINE__)

#define KTSTR_EXPECT_(t, a, op, b) \
	ktstr_expect_(t, (double)(a), op, (double)(b), #a, #b, __FILE__, __LINE__)
KTSTR_API bool ktstr_expect_true_(struct ktstr *t, bool holds, const char *what, const char *file,
				  int line);
KTSTR_API bool ktstr_expect_(struct ktstr *t, double a, const char *op, double b, const char *a_is,
			     const char *b_is, const char *file, int line);
KTSTR_API bool ktstr_expect_ran_on_(struct ktstr *t, const char *cpus, const char *file, int line);

/* This test makes no sense here: says why; the body should return. */
KTSTR_API void ktstr_skip(struct ktstr *t, const char *why, ...) KTSTR_PRINTF(2, 3);
/* Keeps a number with the result. Name at most 63, unit at most 15 bytes. */
KTSTR_API void ktstr_value(struct ktstr *t, const char *name, double value, const char *unit);
/* Keeps a sentence with the result. */
KTSTR_API void ktstr_note(struct ktstr *t, const char *text, ...) KTSTR_PRINTF(2, 3);

/* For programs with a main() of their own: what the library's does. */
KTSTR_API int ktstr_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
