/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The record of a run in virtual time: what its machine was made of, so that the very same one can be
 * made again, and what became of it. A file of JSON in the cache (catalog/runs.h); pure.
 */
#ifndef HARNESS_RECORD_H
#define HARNESS_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "catalog/objects.h"
#include "catalog/runs.h"
#include "harness/result.h"
#include "vm/pace.h"

struct err;

#define RECORD_FILE "record.json"
#define RECORD_EVENTS "events.zst"
#define RECORD_MAX (4u << 20)

/* All that decides what the guest does, and nothing else: the id is a hash of this. */
struct record_machine {
	char ktstr[32];	   /* version of the program */
	char emulator[64]; /* as it says: "QEMU 10.0.2 (Debian 1:10.0.2+ds-2)" */
	char fingerprint[OBJECT_NAME_LEN + 1]; /* see machine_fingerprint() */
	enum arch arch;
	char topology[TOPO_TEXT_MAX];
	uint32_t memory_mib;
	char kernel[OBJECT_NAME_LEN + 1];
	char archive[OBJECT_NAME_LEN + 1]; /* without its job */
	char base[OBJECT_NAME_LEN + 1];	   /* of the snapshot it went on from, "" = it booted */
	uint64_t freeze_at;		   /* address in its init */
	char *job;
	char *cmdline; /* the caller's words */
	bool verbose;
	uint64_t seed;
	uint32_t rate_shift, turn_us;
};

/* For people, and for the verdict. */
struct record_about {
	uint64_t made_at; /* seconds since the epoch */
	char *name, *test, *summary;
	char *file; /* the test binary as it was named, "" = a command */
	char file_sha256[OBJECT_NAME_LEN + 1];
	char *kernel, *kernel_key;
	char *scheduler, *scheduler_name;
	char scheduler_sha256[OBJECT_NAME_LEN + 1]; /* of its program, "" = the kernel's own */
	char *again;				    /* command that makes such a run */
	bool expect_fail, allow_inconclusive, no_skip;
	char *expect; /* what an expected failure has to say, "" = anything */
};

struct record_outcome {
	enum verdict verdict;
	enum cause cause;
	char *headline;
	struct schedule_digest schedule;
	uint64_t over_ns; /* virtual time of the machine's end */
};

struct run_record {
	struct record_machine machine;
	struct record_about about;
	struct record_outcome outcome;
};

void run_record_fini(struct run_record *r);
DEFINE_SCOPED_FINI(struct run_record, run_record_fini)

/* The same for the same machine, wherever, whenever and by whomever it is made. */
void run_record_id(const struct record_machine *m, char ret[RUN_ID_LEN + 1]);
void run_record_write(const struct run_record *r, struct buf *out);
/* Strict; the texts of what was read are never NULL. -EBADMSG, -EPROTO: of another version. */
int run_record_parse(const char *text, size_t len, struct run_record *ret, struct err *e);

#endif
