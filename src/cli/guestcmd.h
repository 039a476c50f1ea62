/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest for a command or a shell: the options `run` and `shell` share, and what they mean. */
#ifndef CLI_GUESTCMD_H
#define CLI_GUESTCMD_H

#include "catalog/catalog.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "harness/scheduler.h"
#include "harness/session.h"

struct guestcmd_args {
	const char *kernel, *topology, *scheduler, *kargs, *sysroot;
	struct opt_list include;
	struct opt_choice arch, vm, accel, time;
	struct opt_u32 rate, turn;
	struct opt_size memory;
	struct opt_hex seed;
	struct opt_duration timeout;
	struct common_host host;
	bool verbose;
};

/* Rows for an opts table whose args struct has a member `guest` of the type above. */
#define GUESTCMD_OPTS(args) \
	OPT(args, guest.kernel, "kernel to boot", 'k', .arg = "KERNEL", \
	    .default_text = KERNEL_DEFAULT, .complete = COMPLETE_KERNEL), \
		OPT(args, guest.topology, "machine shape: AnBlCcDt or a preset", 't', \
		    .arg = "TOPOLOGY", .fallback = "1n1l1c1t", .complete = COMPLETE_TOPOLOGY), \
		OPT(args, guest.memory, "guest memory", 'm', .unit = 1 << 20, \
		    .default_text = "256 MiB and what the topology and files need"), \
		OPT(args, guest.scheduler, "start this sched_ext scheduler first", 's', \
		    .arg = "CMD", .default_text = "the kernel's own"), \
		OPT(args, guest.include, "file, program or folder to have in the guest", 'i', \
		    .arg = "PATH[:GUESTPATH]", .complete = COMPLETE_FILE, \
		    .more = "A program comes with its shared libraries and is put on PATH; " \
			    "anything else is " \
			    "found under the same absolute path as here, unless GUESTPATH says " \
			    "otherwise."), \
		OPT(args, guest.arch, "architecture of the guest", 'a', \
		    .names = common_arch_names, .default_text = "this machine's"), \
		OPT(args, guest.vm, "what runs the guest", .names = common_vm_names, \
		    .fallback = "auto"), \
		OPT(args, guest.accel, "accelerator of the qemu backend", \
		    .names = common_accel_names, .fallback = "auto"), \
		COMMON_TIME_OPTS(args, guest.time, guest.rate, guest.turn, "real"), \
		COMMON_HOST_OPTS(args, guest.host), \
		OPT(args, guest.seed, "seed of the random numbers given to the guest", \
		    .default_text = "random"), \
		OPT(args, guest.kargs, "words for the kernel command line"), \
		OPT(args, guest.sysroot, "where the guest's shared libraries are", .arg = "DIR", \
		    .complete = COMPLETE_DIR), \
		OPT(args, guest.timeout, "end the guest after this time"), \
		OPT(args, guest.verbose, "show the kernel's console", 'v', \
		    .more = "And, of a run in virtual time, what to replay it by.")

/* Everything a session of this kind needs; owns what it points to. */
struct guestcmd {
	struct catalog *catalog;
	struct kernel kernel;
	struct sched_choice sched;
	struct job job;
	struct buf kargs;
	struct words paths; /* strings the includes point to */
	struct guest_include *includes;
	size_t nr_includes;
	struct vm_about about;
	struct hosttopo topo;
	const struct cmd *cmd; /* who says that it waits */
	const char *hint;
	struct session_spec spec;
};

void guestcmd_fini(struct guestcmd *g);
DEFINE_SCOPED_FINI(struct guestcmd, guestcmd_fini)

/* @mode: "exec" or "shell". Fills everything but streams and, for exec, the command. */
int guestcmd_init(struct guestcmd *g, const struct guestcmd_args *a, const char *mode,
		  struct err *e);

/*
 * Packs the host's program of that name if it is one that guests of the architecture can run, and
 * puts the guest's name for it in front of the job's arguments; else the guest's own (busybox) is
 * left to answer to the name.
 */
int guestcmd_add_command(struct guestcmd *g, const char *name, struct err *e);

/*
 * While it waits for host CPUs or a snapshot, @c says so, and what @cancel_fds can read ends it (see
 * struct patience); @hint is added to what is said.
 */
void guestcmd_wait_with(struct guestcmd *g, const struct cmd *c, const int *cancel_fds,
			const char *hint);

/* On stderr, what this host could not do of what was asked for. */
void guestcmd_warn(const struct cmd *c, const struct cell_result *r);

/* Leaves the record of a run in virtual time; @command is what it was for. */
void guestcmd_record(const struct guestcmd *g, const struct session_source *source,
		     const char *command, struct cell_result *r);

/* In virtual time: on stderr, what the run did and how it is made again. */
void guestcmd_name_run(const struct cmd *c, const struct cell_result *r);

/* Explains on stderr why a guest ended without doing what it was for. */
void guestcmd_explain(const struct cmd *c, const struct cell_result *r, bool console_shown);

#endif
