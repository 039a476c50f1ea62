/* SPDX-License-Identifier: GPL-2.0-only */
/* What became of one cell (one test on one kernel, machine shape and scheduler), and of a run. */
#ifndef HARNESS_RESULT_H
#define HARNESS_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scoped.h"
#include "machine/arch.h"
#include "machine/topology.h"

struct buf;
struct err;

/* In rising severity: folding takes the largest. An empty set is not a pass. */
enum verdict {
	VERDICT_SKIP,
	VERDICT_PASS,
	VERDICT_INCONCLUSIVE,
	VERDICT_FAIL,
	NR_VERDICTS,
};
const char *verdict_name(enum verdict v);	     /* "pass", "fail", "inconclusive", "skip" */
int verdict_parse(const char *s, enum verdict *ret); /* 0 or -EINVAL */

/*
 * Why a cell did not simply pass. X(id, stable name, verdict it leads to, what it means).
 * One row per cause; every sink shows the name.
 */
#define CAUSES(X) \
	X(NONE, "none", PASS, "nothing to explain") \
	X(CHECK, "check", FAIL, "a check of the test failed") \
	X(UNJUDGED, "unjudged", INCONCLUSIVE, "a check could not be evaluated") \
	X(SKIPPED, "skipped", SKIP, "the test or this host lacks what it takes") \
	X(CONTENTION, "contention", SKIP, \
	  "the host was short of something; another time it may work") \
	X(HOST_TOO_SMALL, "host-too-small", SKIP, "this host can never run that machine") \
	X(BOOT_FAILED, "boot-failed", FAIL, "the guest never reached ktstr-init") \
	X(GUEST_PANIC, "guest-panic", FAIL, "the guest kernel panicked") \
	X(GUEST_HANG, "guest-hang", FAIL, "the guest stopped giving signs of life") \
	X(GUEST_REBOOT, "guest-reboot", FAIL, "the guest ended before the test did") \
	X(LINK_LOST, "link-lost", INCONCLUSIVE, "the link to a living guest was lost") \
	X(TIMEOUT, "timeout", FAIL, "the test ran longer than it may") \
	X(EMULATOR_DIED, "emulator-died", INCONCLUSIVE, \
	  "the emulator ended by itself or was killed") \
	X(EMULATOR_HUNG, "emulator-hung", INCONCLUSIVE, "the emulator stopped getting on") \
	X(EMULATOR_FAULT, "emulator-fault", INCONCLUSIVE, "the emulator broke the guest kernel") \
	X(SCHED_NO_ATTACH, "scheduler-not-attached", FAIL, "the scheduler did not attach") \
	X(SCHED_DIED, "scheduler-died", FAIL, "the scheduler's process ended during the test") \
	X(SCHED_EVICTED, "scheduler-evicted", FAIL, "the kernel threw the scheduler out") \
	X(BODY_CRASHED, "test-crashed", FAIL, "the test's own code crashed or gave no result") \
	X(GUEST_SETUP, "guest-setup", INCONCLUSIVE, "init or libktstr could not set the guest up") \
	X(HARNESS, "harness", INCONCLUSIVE, "ktstr itself could not do its part") \
	X(UNEXPECTED_PASS, "unexpected-pass", FAIL, "the test was expected to fail and did not") \
	X(INTERRUPTED, "interrupted", INCONCLUSIVE, "the run was interrupted")

enum cause {
#define CAUSE_ENUM(id, name, verdict, text) CAUSE_##id,
	CAUSES(CAUSE_ENUM)
#undef CAUSE_ENUM
		NR_CAUSES,
};
const char *cause_name(enum cause c);
const char *cause_text(enum cause c); /* what it means, as a half sentence */
enum verdict cause_verdict(enum cause c);
int cause_parse(const char *s, enum cause *ret); /* 0 or -EINVAL */

/* One finding; the first failing one is the headline. */
struct detail {
	enum verdict verdict;
	bool note; /* information only: does not count */
	char kind[24];
	char cgroup[64];
	char *text; /* one sentence */
};

struct latency {
	uint64_t count, min_ns, p50_ns, p99_ns, p999_ns, max_ns;
};

/* What one cgroup's workers did, as libktstr reported it. */
struct cgroup_stats {
	char name[64];
	uint32_t workers;
	uint64_t work, cpu_ns, run_delay_ns, wall_ns, migrations, iterations, max_gap_ns;
	char cpus[128];	     /* its cpuset */
	char cpus_used[128]; /* where its workers were seen */
	struct latency wake;
};

/* Named numbers the test recorded. */
struct test_value {
	char name[64];
	char unit[16];
	double value;
};

/* What the hypervisor counted, over all vCPUs and per vCPU. */
struct host_counter {
	char name[32];
	uint64_t sum, average;
};

/* Durations in ns; 0 = never got there. */
struct cell_times {
	uint64_t total;	 /* cell start to verdict, as the user waits for it */
	uint64_t image;	 /* building the guest archive */
	uint64_t wait;	 /* for host CPUs that others held */
	uint64_t setup;	 /* until the machine starts */
	uint64_t boot;	 /* machine start to ktstr-init */
	uint64_t attach; /* scheduler start to attached */
	uint64_t body;	 /* test body */
	uint64_t load;	 /* measured window inside the body */
	uint64_t stop;	 /* body end to machine gone */
};

/* What was to be run. Strings are owned by the plan and outlive results. */
struct cell {
	uint32_t index; /* 0-based position in the plan */
	char name
		[192]; /* unique in the run: TEST[/TOPOLOGY][/KERNEL][/SCHEDULER] as far as axes are plural */
	const char *test; /* registry name, or the command of `ktstr run` */
	const char *summary;
	const char *file;   /* test binary */
	const char *kernel; /* display name: "debian 7.3.4 cloud-amd64" */
	const char *kernel_key;
	const char *scheduler;	    /* display: "eevdf" or "scx_ktstr --starve cg_1" */
	const char *scheduler_name; /* "eevdf" or registry name */
	enum arch arch;
	struct topology topo;
	char topo_text[TOPO_TEXT_MAX];
	uint32_t memory_mib;
	uint64_t seed;
};

/* What the guest's kernel did with its CPUs while the test ran: the same run, the same digest. */
struct schedule_digest {
	bool have;
	uint64_t digest, events;
	uint64_t kept;		   /* the first ones, in cell_result.sched_events */
	uint64_t begin_ns, end_ns; /* of the traced window, guest CLOCK_MONOTONIC */
	uint64_t stop_at;	   /* see struct digest_msg */
	char why_not[256];	   /* "" if nobody asked for it, or it is there */
};

/* The host CPUs it had. */
struct host_share {
	char mode[16]; /* enum pin_mode by name, "" = any CPU, nothing reserved */
	char *cpus;    /* where vCPUs ran: "1-3,8" */
	uint32_t nr_cpus;
	char service[12]; /* in performance mode: the CPU for all else */
};

struct sched_event;

struct cell_result {
	const struct cell *cell; /* borrowed */
	enum verdict verdict;
	enum cause cause;
	char *headline; /* one sentence a scheduler developer understands; "" on a plain pass */
	char *rerun;	/* command line that runs exactly this again */
	struct detail *details;
	size_t nr_details;
	struct cgroup_stats *cgroups;
	size_t nr_cgroups;
	struct test_value *values;
	size_t nr_values;
	struct cell_times times;
	char snapshot[8];    /* one of these two; "" = it booted */
#define SNAPSHOT_MADE "made" /* booted, was frozen, and went on as a copy of that */
#define SNAPSHOT_USED "used" /* another run had made it */
	char run[16];	     /* id of its record, "" = it has none */
	char backend[16], accel[16], emulator[64];
	bool virtual_time;  /* times but total, image and setup are the guest's */
	uint32_t rate_mips; /* of virtual time: million instructions per second, of all vCPUs */
	uint32_t turn_us;   /* 0 = until the next timer; vm/pace.h */
	uint64_t end_ns;    /* virtual time of the last sign of life */
	struct host_share host;
	char release[64];	/* uname -r as the guest said */
	uint64_t host_stall_ns; /* longest time a vCPU wanted to run and the host did not let it */
	struct host_counter *counters;
	size_t nr_counters;
	uint64_t load_wait_ppm; /* share of the load window in which vCPUs waited for a host CPU */
	struct schedule_digest schedule;
	/* schedule.kept of them, or NULL */
	struct sched_event *sched_events;
	char *output;	    /* what the test or command printed (bounded), may be NULL */
	char *sched_log;    /* what the scheduler printed (bounded), may be NULL */
	char *sched_dump;   /* kernel's sched_ext exit dump, may be NULL */
	char *console_tail; /* last lines of the kernel console, may be NULL */
};
void cell_result_fini(struct cell_result *r);
/* One more thing to know that does not count. */
void cell_result_note(struct cell_result *r, const char *kind, const char *text);
DEFINE_SCOPED_FINI(struct cell_result, cell_result_fini)

/*
 * A result as one line of JSON without newline, and back: how the process of a VM tells its parent.
 * ->cell and ->sched_events are not part of it and come back as NULL. Reading takes hostile bytes: bounded, checked.
 */
int cell_result_to_json(const struct cell_result *r, struct buf *b);
int cell_result_from_json(const char *text, size_t len, struct cell_result *ret, struct err *e);
/* The members alone, without braces, for a larger object. */
void cell_result_put_members(const struct cell_result *r, struct buf *b);

struct run_counts {
	uint32_t by_verdict[NR_VERDICTS];
	uint32_t not_run; /* interrupted before they began */
};

/* The head of a run, shown once. */
struct run_info {
	const char *version;
	const char *command_line;
	const char *kernels;	 /* "debian 7.3.4 cloud-amd64" or "2 kernels" */
	const char *backend;	 /* "qemu/tcg" */
	const char *backend_why; /* "kvm: present, cannot run kernels", "" if nothing to explain */
	uint64_t seed;
	uint32_t nr_cells;
	const struct cell *const
		*cells; /* the plan by index, nr_cells of them; outlives the sinks */
	uint32_t jobs;
	uint64_t started_at; /* seconds since the epoch */
};

#endif
