/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The cgroups of a test, by name. Unknown names are errors. */
#ifndef AUTHOR_CGROUP_H
#define AUTHOR_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/parse.h"
#include "base/scoped.h"
#include "ktstr/registry.h"

struct err;

/* What is done to the cgroup file system; unit tests put a recorder here. @name "" is the root. */
struct cgroup_fs {
	int (*make)(void *ctx, const char *name, struct err *e);
	int (*write)(void *ctx, const char *name, const char *file, const char *text,
		     struct err *e);
	int (*remove)(void *ctx, const char *name, struct err *e);
	/* Its directory, to fork into; -1 where that is not possible, as with a recorder. */
	int (*open)(void *ctx, const char *name, int *ret, struct err *e);
	void *ctx; /* borrowed */
};
/* The real one below the directory @root (borrowed). */
struct cgroup_fs cgroup_fs_at(const char *root);

struct cgroup {
	char name[KTSTR_NAME_MAX];
	bool live;	      /* exists now */
	bool has_cpus;	      /* a cpuset of its own */
	struct cpuset cpus;   /* then this */
	unsigned weight;      /* cpu.weight */
	unsigned next_worker; /* number of the next worker */
	unsigned enabled;     /* controllers its children may use: bits of cgroup.c */
	const char *unsteady; /* why shares over its whole life mean nothing, or NULL */
};

struct cgroups {
	struct cgroup_fs fs;
	struct cgroup **at;
	size_t nr;
	unsigned root_enabled;
};
void cgroups_fini(struct cgroups *cs);
DEFINE_SCOPED_FINI(struct cgroups, cgroups_fini)

/* Makes it and what of its parents is missing. @cpus NULL = no cpuset; @weight 0 = default. */
int cgroups_add(struct cgroups *cs, const char *name, const struct cpuset *cpus, unsigned weight,
		struct err *e);
int cgroups_find(const struct cgroups *cs, const char *name, struct cgroup **ret, struct err *e);
/* Also one that has been removed. */
int cgroups_find_past(const struct cgroups *cs, const char *name, struct cgroup **ret,
		      struct err *e);
/* No worker may be left in it. */
int cgroup_remove(struct cgroups *cs, struct cgroup *c, struct err *e);
int cgroup_set_cpus(struct cgroups *cs, struct cgroup *c, const struct cpuset *cpus, struct err *e);
int cgroup_set_weight(struct cgroups *cs, struct cgroup *c, unsigned weight, struct err *e);
int cgroup_open(struct cgroups *cs, const struct cgroup *c, int *ret, struct err *e);
int cgroup_take(struct cgroups *cs, const struct cgroup *c, pid_t pid, struct err *e);
/* NULL at the top. */
struct cgroup *cgroup_parent(const struct cgroups *cs, const struct cgroup *c);
/* The cpuset in force: its own or the nearest parent's; @all if none has one. */
struct cpuset cgroup_cpus(const struct cgroups *cs, const struct cgroup *c,
			  const struct cpuset *all);

#endif
