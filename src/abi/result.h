/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Key names of the JSON in a FRAME_RESULT, written by libktstr, read by the host.
 *
 * {"version":1, "verdict":"pass|fail|inconclusive|skip", "wall_ns":N,
 *  "details":[{"verdict":"fail|inconclusive|skip|note","kind":"gap","text":"one sentence","cgroup":"cg_0"}],
 *  "cgroups":[{"name","weight","cpus":"0-1","workers":N,"work":N,"cpu_ns":N,"run_delay_ns":N,"wall_ns":N,
 *              "migrations":N,"max_gap_ns":N,"max_gap_cpu":N,"cpus_used":"0-1","iterations":N,
 *              "wake":{"count":N,"min_ns","p50_ns","p99_ns","p999_ns","max_ns","buckets":[[index,count],...]}}],
 *  "values":[{"name":"x","value":1.5,"unit":"us"}]}
 */
#ifndef ABI_RESULT_H
#define ABI_RESULT_H

#define RESULT_VERSION 1

/* Detail kinds; the first text is the stable name in every machine-readable output. */
#define RESULT_KINDS(X) \
	X(PROGRESS, "progress") \
	X(GAP, "gap") \
	X(FAIRNESS, "fairness") \
	X(SPREAD, "spread") \
	X(ISOLATION, "isolation") \
	X(THROUGHPUT, "throughput") \
	X(WORK_RATE, "work_rate") \
	X(WAKE_LATENCY, "wake_latency") \
	X(MIGRATION, "migration") \
	X(EXPECT, "expect") /* ktstr_expect_*() in the body */ \
	X(SETUP, "setup")   /* cgroup, affinity or worker could not be set up */ \
	X(WORKER, "worker") /* a worker crashed or could not be collected */ \
	X(SKIP, "skip")	    /* ktstr_skip() */ \
	X(BODY, "body")	    /* the body crashed, timed out or gave no result */

enum result_kind {
#define RESULT_KIND_ENUM(id, name) RESULT_##id,
	RESULT_KINDS(RESULT_KIND_ENUM)
#undef RESULT_KIND_ENUM
		RESULT_NR_KINDS,
};

#endif
