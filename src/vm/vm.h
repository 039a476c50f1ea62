/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One virtual machine, whatever runs it. Everything above this line is the same on all backends.
 * A struct vm is owned and used by one thread, in one process per VM; that process is the only one
 * that touches it. Nothing here prints.
 */
#ifndef VM_VM_H
#define VM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/scoped.h"
#include "machine/arch.h"
#include "machine/topology.h"
#include "vm/pace.h"
#include "vm/pin.h"

enum vm_accel {
	VM_ACCEL_AUTO,
	VM_ACCEL_TCG,
	VM_ACCEL_KVM,
};

/*
 * Which clock the guest lives by. In virtual time it is driven by the instructions its CPUs execute:
 * the same guest from the same seed does the same again, whatever the host is doing. Only emulation
 * can do that.
 */
enum vm_time {
	VM_TIME_AUTO, /* virtual where CPUs are emulated, else real */
	VM_TIME_REAL,
	VM_TIME_VIRTUAL,
};

struct vm_disk {
	int fd; /* regular file or block device; borrowed for the machine's life */
	bool read_only;
};

/* What to build. All pointers are borrowed until vm_create() returns. */
struct vm_config {
	enum arch arch;
	struct topology topo;
	uint64_t memory_bytes;
	const char *
		kernel_path; /* directly bootable: ELF vmlinux with a PVH note, bzImage, or arm64 Image */
	int initrd_fd;	     /* regular file or memfd holding the archive, -1 = none; borrowed */
	const char *
		cmdline; /* what the caller adds; the backend puts console and board options in front */
	bool tty;	 /* a second console port (hvc0) for an interactive shell */
	bool verbose;  /* kernel log on the console from the first instruction (no "quiet") */
	uint64_t seed; /* kaslr-seed, rng-seed and whatever else the board hands to the guest */
	enum vm_accel accel;
	enum vm_time time; /* AUTO means real here: the choice is vm_choose()'s */
	struct pace pace;  /* of virtual time */
	bool fed; /* virtual time: the caller will send to link or tty, which ends exactness */
	const char *emulator; /* path of QEMU, NULL = found on PATH */
	/*
	 * More memory on the last node that the guest's kernel leaves alone, whole MiB: where a machine
	 * that was saved before finds, when it is resumed, what is in initrd_fd (abi/parcel.h).
	 */
	uint64_t parcel_bytes;
	bool to_save;  /* vm_save() will be called when it is frozen */
	int resume_fd; /* what vm_save() wrote: goes on from there instead of booting; 0 = boots */
	/*
	 * A guest address whose execution by any CPU freezes the machine, once: VM_EVENT_FROZEN.
	 * Until then the guest cannot tell, so in virtual time it does what it would have done. 0 =
	 * none.
	 */
	uint64_t freeze_at;
	/* Devices beside those, on the backend kvm alone; their drivers are the caller's to load. */
	const struct vm_disk *disk;	  /* NULL = none */
	bool net;			  /* every frame it sends comes back */
	bool rng;			  /* what it hands out derives from the seed */
	const struct vm_placement *place; /* borrowed for the machine's life; NULL = anywhere */
	const char *
		gdb_path; /* socket, made here, where a gdb may come to a frozen machine; NULL = none */
};

enum vm_event_kind {
	VM_EVENT_NONE,	      /* the deadline passed */
	VM_EVENT_CONSOLE,     /* bytes of the kernel console (UART) */
	VM_EVENT_LINK,	      /* bytes of the link port */
	VM_EVENT_LINK_CLOSED, /* the link's transport is gone although the VM runs */
	VM_EVENT_TTY,	      /* bytes of the interactive port */
	VM_EVENT_LINK_READY,  /* all that vm_link_send() had queued is on its way */
	VM_EVENT_WATCHED,     /* a descriptor given to vm_watch() is readable or hung up */
	VM_EVENT_FROZEN,      /* at vm_config.freeze_at; vm_resume() lets it go on */
	VM_EVENT_STOPPED,     /* the machine has ended; see struct vm_stop; last event */
};

enum vm_stop_kind {
	VM_STOP_POWEROFF,      /* the guest switched itself off */
	VM_STOP_RESET,	       /* the guest asked for a reset (panic=-1, triple fault, reboot) */
	VM_STOP_BACKEND_DIED,  /* emulator ended by itself or was killed; sentence in text */
	VM_STOP_BACKEND_ERROR, /* KVM internal error or the like; sentence in text */
	VM_STOP_KILLED,	       /* by vm_kill() */
};

struct vm_stop {
	enum vm_stop_kind kind;
	int exit_status; /* of the emulator, as from waitpid(); 0 if none */
	char text[512];	 /* what is known, e.g. the emulator's last lines of stderr */
};

struct vm_event {
	enum vm_event_kind kind;
	const void *data; /* CONSOLE, LINK, TTY: borrowed until the next call */
	size_t len;
	int fd;		     /* WATCHED; FROZEN: readable once it has ended */
	uint32_t cpu;	     /* FROZEN: the one that came there */
	struct vm_stop stop; /* STOPPED */
};

/* How the machine is provided; filled at create, for the report. */
struct vm_about {
	char backend[16]; /* "qemu", "kvm" */
	char accel[16];	  /* "tcg", "kvm" */
	char version[64]; /* as of struct probe_result */
	char why[160];	  /* why not something better, "" if it is the best */
	bool virtual_time;
};

struct vm_vcpu_time {
	uint64_t run_ns;  /* CPU time of the vCPU's host thread */
	uint64_t wait_ns; /* time it was runnable but had no host CPU (schedstat) */
};

struct vm_stats {
	uint64_t setup_ns;  /* vm_create() to the machine being started */
	uint64_t rss_bytes; /* of the backend process, without guest memory */
	uint32_t nr_vcpus;  /* of vcpu[] */
	struct vm_vcpu_time vcpu[TOPO_MAX_CPUS];
	struct vm_vcpu_time loop; /* of an emulator's thread for devices and timers; else zero */
};

/* A counter of the hypervisor, over all vCPUs. */
struct vm_counter {
	const char *name; /* the kernel's; static */
	uint64_t sum;
};
#define VM_MAX_COUNTERS 32

struct buf;
struct vm;

/* Backend operations; a backend is one of these and a branch in vm_choose(). */
struct vm_backend {
	const char *name;
	int (*create)(const struct vm_config *cfg, struct vm **ret, struct err *e);
	void (*destroy)(struct vm *vm);
	int (*start)(struct vm *vm, struct err *e);
	int (*next)(struct vm *vm, uint64_t deadline_ns, struct vm_event *ret, struct err *e);
	int (*watch)(struct vm *vm, int fd, bool on, struct err *e);
	int (*link_send)(struct vm *vm, const void *data, size_t n, struct err *e);
	int (*tty_send)(struct vm *vm, const void *data, size_t n, struct err *e);
	size_t (*backlog)(const struct vm *vm);
	int (*pause)(struct vm *vm, struct err *e);
	int (*resume)(struct vm *vm, struct err *e);
	void (*kill)(struct vm *vm);
	int (*stats)(struct vm *vm, struct vm_stats *ret, struct err *e);
	int (*clock)(struct vm *vm, uint64_t *ret_ns, struct err *e);
	int (*counters)(struct vm *vm, struct vm_counter *ret); /* NULL: there are none */
	/* Guest physical memory as the host sees it: NULL when [gpa, gpa + len) is not all RAM. */
	void *(*memory)(struct vm *vm, uint64_t gpa, uint64_t len);
	/* NULL: its machines cannot be saved */
	int (*save)(struct vm *vm, const struct buf *console, int fd, struct err *e);
	uint64_t (*parcel)(const struct vm_config *cfg);
	int (*fingerprint)(const struct vm_config *cfg, struct buf *out, struct err *e);
	/* see vm_guest_modules() */
	const char *const *(*modules)(enum arch a);
};

/* Common head of every backend's object. */
struct vm {
	const struct vm_backend *ops;
	struct vm_about about;
	struct pin_warnings warnings; /* what it went on without; complete once it has stopped */
};

/*
 * "auto", "qemu", "kvm"; @a is the guest's. Explains in @about.why when it had to settle for less, and
 * refuses what was asked for and is not to be had.
 */
int vm_choose(const char *name, enum arch a, enum vm_accel wish, enum vm_time time,
	      const struct vm_backend **ret, struct vm_about *about, struct err *e);

/*
 * Names of the kernel modules that a guest of @a must load to reach its link and tty on this
 * backend, if its kernel has them as modules; NULL-terminated, static.
 */
const char *const *vm_guest_modules(const struct vm_backend *b, enum arch a);

/* Everything is checked before anything is created. */
int vm_create(const struct vm_backend *b, const struct vm_config *cfg, struct vm **ret,
	      struct err *e);
/* NULL and half-built are fine. Ends the machine if it still runs; leaves no process behind. */
void vm_destroy(struct vm *vm);
DEFINE_SCOPED(struct vm *, vm_destroy)
int vm_start(struct vm *vm, struct err *e);
/*
 * The next thing that happened, or VM_EVENT_NONE at @deadline_ns (CLOCK_MONOTONIC). Console bytes
 * that came before the end are delivered before STOPPED. Returns 0 or a negative errno for host
 * trouble. After STOPPED it reports STOPPED again.
 */
int vm_next(struct vm *vm, uint64_t deadline_ns, struct vm_event *ret, struct err *e);
/*
 * Makes vm_next() report @fd when readable (standard input, a signalfd). Borrowed. -EPERM: it is of a
 * kind that is always readable, such as a regular file.
 */
int vm_watch(struct vm *vm, int fd, bool on, struct err *e);
/* Queued when the guest is slow; never blocks. -ENOBUFS beyond 1 MiB of backlog. */
int vm_link_send(struct vm *vm, const void *data, size_t n, struct err *e);
int vm_tty_send(struct vm *vm, const void *data, size_t n, struct err *e);
/* Bytes queued and not yet taken by the backend (link); 0 = all are on their way. */
size_t vm_link_backlog(const struct vm *vm);
int vm_pause(struct vm *vm, struct err *e);
int vm_resume(struct vm *vm, struct err *e);
/* At once, whatever the guest does; vm_next() then reports STOPPED/KILLED. */
void vm_kill(struct vm *vm);
int vm_stats(struct vm *vm, struct vm_stats *ret, struct err *e);
/*
 * What the hypervisor counted, into VM_MAX_COUNTERS places; once the machine has stopped. How many,
 * or a negative errno: the backend or this host's kernel has none.
 */
int vm_counters(struct vm *vm, struct vm_counter *ret);
/*
 * Virtual time since the machine started, in whole seconds of ns; asking changes nothing for the
 * guest. -ETIMEDOUT: the backend does not answer.
 */
int vm_clock(struct vm *vm, uint64_t *ret_ns, struct err *e);
void *vm_memory(struct vm *vm, uint64_t gpa, uint64_t len);

/*
 * Machines that are saved once and resumed often; virtual time only. What they go on to do is in their
 * parcel. A saved machine is only good for vm_destroy(). @console is what it has said so far, and is
 * said again by those that resume it.
 */
bool vm_can_be_saved(const struct vm_backend *b, const struct vm_config *cfg);
int vm_save(struct vm *vm, const struct buf *console, int fd, struct err *e);
/* Where the guest finds its parcel; 0: there is no room for one in one piece. */
uint64_t vm_parcel_gpa(const struct vm_backend *b, const struct vm_config *cfg);
/* Appends all but the kernel and the archive that decides what a machine does up to its freezing. */
int vm_fingerprint(const struct vm_backend *b, const struct vm_config *cfg, struct buf *out,
		   struct err *e);

#endif
