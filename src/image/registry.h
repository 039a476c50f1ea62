/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads a test binary's registry (abi/registry.h) from the file, without running it. Hostile input. */
#ifndef IMAGE_REGISTRY_H
#define IMAGE_REGISTRY_H

#include <stddef.h>

#include "abi/registry.h"
#include "base/scoped.h"
#include "machine/arch.h"

struct err;

/* Sorted by name; owned copies. */
struct registry {
	enum arch arch;
	struct ktstr_test_record *tests;
	size_t nr_tests;
	struct ktstr_sched_record *scheds;
	size_t nr_scheds;
};

void registry_fini(struct registry *r);
DEFINE_SCOPED_FINI(struct registry, registry_fini)

/*
 * Refuses: not an ELF file, unsupported architecture, no registry ("not a ktstr test binary"),
 * version or size mismatch, text without NUL, duplicate names, and any field out of range, naming
 * file, test, field and reason.
 */
int registry_read(const char *path, struct registry *ret, struct err *e);
int registry_read_mem(const void *data, size_t len, const char *name, struct registry *ret,
		      struct err *e);

const struct ktstr_sched_record *registry_sched(const struct registry *r, const char *name);

#endif
