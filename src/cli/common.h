/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands that boot guests share. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/catalog.h"
#include "cli/opt.h"

struct err;

extern const char *const common_arch_names[]; /* indexed by enum arch */
extern const char *const common_vm_names[];
extern const char *const common_accel_names[]; /* indexed by enum vm_accel */
extern const char *const common_time_names[];  /* indexed by enum vm_time */

struct pace_wish;
/* What --rate and --turn ask for. */
int common_pace(const struct opt_u32 *rate, const struct opt_u32 *turn, struct pace_wish *ret,
		struct err *e);

/* What KTSTR_SLOW says, 1 if nothing. */
int common_slow(uint32_t *ret, struct err *e);

/*
 * Rows for an opts table whose args struct has these members; @fallback is what --time is by default.
 */
#define COMMON_TIME_OPTS(args, time, rate, turn, auto_text) \
	OPT(args, time, "clock the guest lives by", .names = common_time_names, \
	    .fallback = auto_text, \
	    .more = "In virtual time a run repeats bit for bit from its seed, whatever this " \
		    "machine " \
		    "is doing; it needs emulation. Auto: virtual where CPUs are emulated, else " \
		    "real."), \
		OPT(args, rate, "speed of the guest in virtual time", .arg = "MIPS", \
		    .default_text = "by the number of vCPUs", \
		    .more = "Million instructions per virtual second, of all vCPUs together: " \
			    "1000, " \
			    "500, 250, 125, 62, 31 or 15."), \
		OPT(args, turn, "longest turn in virtual time, in us", .arg = "US", \
		    .default_text = "by the number of vCPUs", \
		    .more = "One host thread executes the vCPUs in turns. The shorter they are, " \
			    "the " \
			    "sooner a busy vCPU sees what another one did, and the longer it " \
			    "takes. " \
			    "0: until the next timer, at most 10 ms.")

/*
 * Rows for an opts table whose args struct has a struct common_host of this name: which host CPUs.
 */
struct common_host {
	bool perf;
	struct opt_u32 cpu_cap;
	struct opt_duration wait;
};
#define COMMON_HOST_OPTS(args, host) \
	OPT(args, host.perf, "performance mode: a host CPU per vCPU", .not_with = "cpu-cap", \
	    .more = "One last-level cache of the host for each of the guest, shared with no " \
		    "other " \
		    "run, and a host CPU more for all that is not a vCPU; real-time priority, " \
		    "memory on the right node and in huge pages as far as this host allows. What " \
		    "it " \
		    "cannot do is noted in the result. Does nothing in virtual time."), \
		OPT(args, host.cpu_cap, "let the vCPUs share this many host CPUs", .arg = "N", \
		    .more = "For making a guest whose CPUs are taken away from it now and then. " \
			    "A " \
			    "result tells how many there were."), \
		OPT(args, host.wait, "for host CPUs that other runs hold", .fallback = "5m", \
		    .more = "At most; first come, first served. 0: do not wait.")

struct host_wish;
struct hosttopo;
/* What these ask for, on the CPUs that this process may use (@topo is filled and borrowed). */
int common_host(const struct common_host *a, struct hosttopo *topo, struct host_wish *ret,
		struct err *e);

/* Progress of fetching kernels: one line on stderr, redrawn on a terminal. */
struct catalog_progress common_progress(void);
void common_progress_end(void);

/* As given, else from the kernel's random numbers (32 bits: short enough to type). */
uint64_t common_seed(const struct opt_hex *given);

/* A signalfd for what ends a command (SIGINT, SIGTERM, SIGHUP), or for SIGWINCH; blocks them. */
int common_signals(struct err *e);
int common_resizes(struct err *e);

/* How this process was started, for records. */
const char *common_command_line(void);

#endif
