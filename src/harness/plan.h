/* SPDX-License-Identifier: GPL-2.0-only */
/* From what the user asked for to a list of cells: tests x kernels x shapes x schedulers. */
#ifndef HARNESS_PLAN_H
#define HARNESS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "harness/result.h"
#include "harness/scheduler.h"
#include "harness/words.h"
#include "image/registry.h"
#include "vm/pin.h"

struct err;

#define TOPOLOGY_PRESETS \
	"presets" /* --topology presets: every preset that the test's constraints allow */

/* What `ktstr test` was asked; every list may be empty. Borrowed. */
struct plan_request {
	struct words files;
	struct words kernels;	 /* catalog specs */
	struct words filters;	 /* globs over test names or whole cell names; any match selects */
	struct words topologies; /* override what tests declare */
	struct words schedulers; /* command lines; override what tests declare */
	bool have_arch;
	enum arch arch;
	uint32_t memory_mib;  /* 0 = as the test and topology need */
	uint64_t duration_ns; /* 0 = the test's */
	uint64_t timeout_ns;  /* 0 = the test's */
	uint64_t seed;
	enum pin_mode pin_mode; /* of tests that do not say */
	uint32_t cpu_cap;	/* with PIN_CAPPED */
	bool no_perf;		/* skip tests that say performance mode */
	bool names_only;	/* for --list: resolve no kernel, look for no scheduler program */
};

struct test_file {
	char *path;
	char *base; /* file name without directory */
	struct registry registry;
};

struct plan_kernel {
	char *spec; /* as asked for, NULL = default */
	struct kernel kernel;
};

struct plan_cell {
	struct cell cell; /* what results refer to */
	const struct test_file *file;
	const struct ktstr_test_record *test;
	const struct sched_choice *sched;
	const struct plan_kernel *kernel;
	struct ktstr_limits limits;
	uint32_t duration_ms, timeout_ms;
	char *skip; /* sentence: why it cannot run at all; NULL = it can */
};

/* Owns everything cells point to. */
struct plan {
	struct test_file *files;
	size_t nr_files;
	struct plan_kernel *kernels; /* kernel specs x architectures in use */
	size_t nr_kernels;
	struct sched_choice **scheds;
	size_t nr_scheds;
	struct plan_cell *cells;
	size_t nr_cells;
	struct words strings;		/* text that cells point to */
	const struct plan_request *req; /* borrowed */
};

void plan_fini(struct plan *p);
DEFINE_SCOPED_FINI(struct plan, plan_fini)

/* @c may be NULL with names_only. Selecting no test at all is an error that says what there is. */
int plan_build(const struct plan_request *req, struct catalog *c,
	       const struct catalog_progress *say, struct plan *ret, struct err *e);

/* How a cell runs where @wish is what all others do. */
enum pin_mode plan_pin_mode(const struct plan_cell *c, enum pin_mode wish);

/* The command line that runs exactly this cell again. */
void plan_rerun(const struct plan *p, const struct plan_cell *c, struct buf *out);

#endif
