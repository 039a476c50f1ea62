/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest's archive is going to contain, before any file is read: entries by guest path, and
 * every input that was looked at to decide so. Private to this folder.
 */
#ifndef IMAGE_PLAN_H
#define IMAGE_PLAN_H

#include "base/buf.h"
#include "image/inputs.h"

struct err;
struct guest_spec;

enum entry_kind {
	ENTRY_DIR,
	ENTRY_FILE,
	ENTRY_MODULE, /* a file that is decompressed on the way */
	ENTRY_DATA,
	ENTRY_LINK,
	ENTRY_NODE, /* /dev/console: the kernel gives it to init as its first descriptors */
};

struct plan_entry {
	enum entry_kind kind;
	char *guest;
	mode_t mode;
	char *source;	    /* host path, or the target of a link; NULL = made here */
	struct identity id; /* of the host file */
	const void *data;   /* borrowed */
	size_t data_len;
	bool implied; /* a directory only because something is in it */
	size_t order;
};

struct guest_plan {
	struct plan_entry *at;
	size_t nr, cap;
	struct inputs in;
	char **modules; /* file names in load order, NULL-terminated; NULL = none */
	struct buf ld_cache;
};

void guest_plan_fini(struct guest_plan *p);
DEFINE_SCOPED_FINI(struct guest_plan, guest_plan_fini)

/* Sorted by guest path, each path once, parents first. @sysroot is never NULL. */
int guest_plan_make(const struct guest_spec *spec, const char *sysroot, struct guest_plan *ret,
		    struct err *e);

#endif
