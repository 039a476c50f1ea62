/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which host CPUs a machine runs on: a plan made from the host's topology (pure, pin_plan.c), and
 * what the threads of a backend do with it (pin.c). Who may have those CPUs: vm/reserve.h.
 */
#ifndef VM_PIN_H
#define VM_PIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "machine/topology.h"

struct buf;
struct err;
struct hosttopo;

#define PIN_MAX_CPUS 8192 /* the kernel's own limit */
#define PIN_NONE UINT32_MAX
#define PIN_MAX_WARNINGS 16

/* What this host could not do of what was asked for; one per name. */
struct pin_warning {
	char name[24]; /* "rtprio", "huge-pages": stable, for filters */
	char text[200];
};
struct pin_warnings {
	uint32_t nr;
	struct pin_warning w[PIN_MAX_WARNINGS];
};
/* The first of a name stays, the others are more of the same. @w may be NULL. */
void pin_warn(struct pin_warnings *w, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct pin_mask {
	uint64_t bits[PIN_MAX_CPUS / 64];
};
void pin_mask_set(struct pin_mask *m, uint32_t cpu); /* beyond PIN_MAX_CPUS: nothing */
bool pin_mask_has(const struct pin_mask *m, uint32_t cpu);
uint32_t pin_mask_count(const struct pin_mask *m);
void pin_mask_format(const struct pin_mask *m, struct buf *out); /* "0-3,8" */

enum pin_mode {
	PIN_SHARED,	 /* together with other machines, on enough CPUs for all vCPUs */
	PIN_CAPPED,	 /* the same on exactly so many CPUs as were asked for */
	PIN_PERFORMANCE, /* alone on its last-level caches, each vCPU on a CPU of its own */
	NR_PIN_MODES,
};
const char *pin_mode_name(enum pin_mode m); /* "shared", "capped", "performance" */
int pin_mode_parse(const char *s, enum pin_mode *ret);

/*
 * What a backend applies. Every part of it may fail on a given host: then the machine runs without
 * it and a warning says so.
 */
struct vm_placement {
	enum pin_mode mode;
	uint32_t nr_vcpus;
	uint32_t cpu[TOPO_MAX_CPUS]; /* PERFORMANCE: of each vCPU thread */
	uint32_t service;	     /* PERFORMANCE: of all other threads; else PIN_NONE */
	struct pin_mask cpus;	     /* where vCPU threads may run */
	/* Of guest memory by guest node: host nodes as bits, 0 = anywhere. Set before it is touched. */
	uint64_t host_nodes[TOPO_MAX_NODES];
	/* A vCPU's thread that halts stays awake for so long; PIN_NONE = as the host has it. */
	uint32_t halt_poll_ns;
	bool fifo;	 /* vCPU threads are SCHED_FIFO 1, the thread of vm_next() 2 */
	bool huge_pages; /* for guest memory, if there are enough */
	bool prefault;	 /* guest memory, before the machine starts */
};

/*
 * For a thread of vCPU @vcpu, by thread id (0 = the caller): affinity and, if wished, SCHED_FIFO 1.
 * Never fails: what cannot be had is in @w. Any thread may call it, with a @w of its own.
 */
void pin_vcpu(const struct vm_placement *p, uint32_t vcpu, pid_t tid, struct pin_warnings *w);
/* The same for the thread of vm_next(); what it starts later stays on its CPU but is not FIFO. */
void pin_service(const struct vm_placement *p, pid_t tid, struct pin_warnings *w);
/* The process and what it will start: for what can be confined before there are threads. */
void pin_process(const struct vm_placement *p, struct pin_warnings *w);
/* Of guest memory at @at: on the host nodes of guest node @node, and there, as far as wished. */
void pin_memory(const struct vm_placement *p, uint32_t node, void *at, size_t len,
		struct pin_warnings *w);
/* 0 or a negative errno. */
int pin_thread(pid_t tid, const struct pin_mask *m);
int pin_thread_fifo(pid_t tid, int priority);

/* What others have of a host LLC at the moment. */
struct pin_load {
	uint32_t claimed; /* CPUs */
	bool taken;	  /* by one who is alone there */
};

struct pin_request {
	const struct hosttopo *host; /* CPUs that we may use */
	struct topology guest;
	enum pin_mode mode;
	uint32_t threads;	     /* that will be busy: vCPUs, or 1 in virtual time */
	uint32_t cpu_cap;	     /* CAPPED */
	const struct pin_load *load; /* per LLC of @host; NULL = nobody there */
};

/* A host LLC to be reserved. */
struct pin_claim {
	uint32_t llc; /* of hosttopo.llc */
	uint32_t id;  /* host_llc.id */
	uint32_t cpus;
	bool alone;
};

struct pin_plan {
	struct vm_placement place;
	struct pin_claim *claim; /* ascending by id */
	uint32_t nr_claims;
	struct pin_warnings warnings;
};
void pin_plan_fini(struct pin_plan *p);
static inline void pin_plan_fini_scoped(struct pin_plan *p)
{
	pin_plan_fini(p);
}

/*
 * Free LLCs come first, but a plan may want what others have: waiting is vm/reserve.h's. -ENOSPC: this
 * host can never do it (ERR_TOPOLOGY); -EDQUOT: more CPUs asked for than there are (cpu_cap).
 */
int pin_plan_make(const struct pin_request *r, struct pin_plan *ret, struct err *e);

#endif
