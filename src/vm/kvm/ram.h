/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest RAM: one memory file, one reservation of addresses, and in it one mapping per node. KVM knows
 * nothing of it yet. A file can be shared and kept after the end; where the host has huge pages for
 * private memory only, there is none.
 */
#ifndef VM_KVM_RAM_H
#define VM_KVM_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine/gmem.h"
#include "machine/topology.h"

struct err;
struct kvm_calls;

#define HUGE_PAGE ((uint64_t)2 << 20)

/* What machine_create() could not have and went on without; one sentence a line. */
struct warnings {
	char text[1024];
};
void warn_add(struct warnings *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct ram_plan {
	const struct kvm_calls *calls; /* borrowed for as long as the RAM lives */
	struct topology topo;
	uint64_t base, bytes;
	bool huge_pages;  /* asked for; else they are taken if @performance and there are enough */
	bool performance; /* every page is there before the guest starts */
	const uint64_t
		*host_nodes; /* per guest node a set of host nodes, 0: any; NULL: any for all */
};

struct ram {
	const struct kvm_calls *calls; /* borrowed */
	struct gmem mem;
	void *reserved; /* all of it in one piece; NULL: there is none */
	size_t reserved_len;
	int file;  /* guest RAM from the lowest address on; -1: there is none */
	bool huge; /* of huge pages set aside by the host's owner */
	bool thp;  /* of huge pages as the kernel finds them */
};

/* Before anything else; then ram_fini() is safe. */
void ram_init(struct ram *r, const struct kvm_calls *k);
/* After the last reference to the VM is gone, if KVM knew of it. */
void ram_fini(struct ram *r);
/* Allocates; what a failure leaves is for ram_fini(). Not enough memory is ERR_CONTENTION. */
int ram_alloc(struct ram *r, const struct ram_plan *p, struct warnings *w, struct err *e);
/* Memory is what it was at [@at, @at + @len), after a mapping over it that came to nothing. */
void ram_restore(struct ram *r, void *at, size_t len);
/* A page at @base for a machine whose memory comes later. */
int ram_placeholder(struct ram *r, uint64_t base, struct err *e);

#endif
