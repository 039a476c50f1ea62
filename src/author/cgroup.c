/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "author/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"

#define DEFAULT_WEIGHT 100
#define MAX_WEIGHT 10000

enum { CONTROLLER_CPU = 1, CONTROLLER_CPUSET = 2 };

#define PATH_CAP 512

static int real_make(void *root, const char *name, struct err *e)
{
	char path[PATH_CAP];

	snprintf(path, sizeof(path), "%s/%s", (const char *)root, name);
	return mkdir(path, 0755) < 0 ? err_sys(e, -errno, "cannot be made") : 0;
}

static int real_write(void *root, const char *name, const char *file, const char *text,
		      struct err *e)
{
	char path[PATH_CAP];

	snprintf(path, sizeof(path), "%s/%s/%s", (const char *)root, name, file);
	return write_attr(path, text, strlen(text), e);
}

static int real_remove(void *root, const char *name, struct err *e)
{
	char path[PATH_CAP];

	snprintf(path, sizeof(path), "%s/%s", (const char *)root, name);
	return rmdir(path) < 0 ? err_sys(e, -errno, "cannot be removed") : 0;
}

static int real_open(void *root, const char *name, int *ret, struct err *e)
{
	char path[PATH_CAP];

	snprintf(path, sizeof(path), "%s/%s", (const char *)root, name);
	int fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, -errno, "cannot be opened");
	*ret = fd;
	return 0;
}

struct cgroup_fs cgroup_fs_at(const char *root)
{
	union {
		const char *in;
		void *out;
	} ctx = { .in = root };

	return (struct cgroup_fs){ real_make, real_write, real_remove, real_open, ctx.out };
}

void cgroups_fini(struct cgroups *cs)
{
	for (size_t i = 0; i < cs->nr; i++)
		free(cs->at[i]);
	free(cs->at);
	cs->at = NULL;
	cs->nr = 0;
}

static struct cgroup *known(const struct cgroups *cs, const char *name)
{
	for (size_t i = 0; i < cs->nr; i++)
		if (!strcmp(cs->at[i]->name, name))
			return cs->at[i];
	return NULL;
}

int cgroups_find_past(const struct cgroups *cs, const char *name, struct cgroup **ret,
		      struct err *e)
{
	struct cgroup *c = name ? known(cs, name) : NULL;

	if (!c)
		return err_set(e, -ENOENT, "cgroup %s: there is none of this name",
			       name ? name : "(no name)");
	*ret = c;
	return 0;
}

int cgroups_find(const struct cgroups *cs, const char *name, struct cgroup **ret, struct err *e)
{
	struct cgroup *c = NULL;
	int r = cgroups_find_past(cs, name, &c, e);

	if (r < 0)
		return r;
	if (!c->live)
		return err_set(e, -ENOENT, "cgroup %s: it has been removed", name);
	*ret = c;
	return 0;
}

struct cgroup *cgroup_parent(const struct cgroups *cs, const struct cgroup *c)
{
	char name[KTSTR_NAME_MAX];

	memcpy(name, c->name, sizeof(name));
	char *slash = strrchr(name, '/');
	if (!slash)
		return NULL;
	*slash = 0;
	return known(cs, name);
}

struct cpuset cgroup_cpus(const struct cgroups *cs, const struct cgroup *c,
			  const struct cpuset *all)
{
	for (; c; c = cgroup_parent(cs, c))
		if (c->has_cpus)
			return c->cpus;
	return *all;
}

static int check_name(const char *name, struct err *e)
{
	size_t len = name ? strlen(name) : 0;

	if (!len)
		return err_set(e, -EINVAL, "a cgroup needs a name");
	if (len >= KTSTR_NAME_MAX)
		return err_set(e, -ENAMETOOLONG, "cgroup %s: a name has at most %d bytes", name,
			       KTSTR_NAME_MAX - 1);
	if (name[0] == '/' || name[len - 1] == '/' || strstr(name, "//") || strchr(name, '.') ||
	    strpbrk(name, " \t\n"))
		return err_set(e, -EINVAL, "cgroup %s: a name has no dots, blanks or empty parts",
			       name);
	return 0;
}

static int cgroup_write(struct cgroups *cs, const char *name, const char *file, const char *text,
			struct err *e)
{
	int r = cs->fs.write(cs->fs.ctx, name, file, text, e);

	return r < 0 ? err_frame(e, "cgroup %s", *name ? name : "/") : 0;
}

/* Lets the children of @parent (NULL: of the root) use @controllers. */
static int enable(struct cgroups *cs, struct cgroup *parent, unsigned controllers, struct err *e)
{
	unsigned *enabled = parent ? &parent->enabled : &cs->root_enabled;
	unsigned missing = controllers & ~*enabled;

	if (!missing)
		return 0;
	if (parent) {
		int r = enable(cs, cgroup_parent(cs, parent), missing, e);
		if (r < 0)
			return r;
	}
	char text[32];
	snprintf(text, sizeof(text), "%s%s%s", missing & CONTROLLER_CPU ? "+cpu" : "",
		 missing == (CONTROLLER_CPU | CONTROLLER_CPUSET) ? " " : "",
		 missing & CONTROLLER_CPUSET ? "+cpuset" : "");
	int r = cgroup_write(cs, parent ? parent->name : "", "cgroup.subtree_control", text, e);
	if (r == -EBUSY)
		err_set(e, r, "cgroup %s: it has workers of its own, so it cannot have children",
			parent ? parent->name : "/");
	if (!r)
		*enabled |= missing;
	return r;
}

/* A name may come back after its removal; its statistics then go on. */
static struct cgroup *entry(struct cgroups *cs, const char *name)
{
	struct cgroup *c = known(cs, name);

	if (c)
		return c;
	struct cgroup **more = reallocarray(cs->at, cs->nr + 1, sizeof(*more));
	if (!more)
		return NULL;
	cs->at = more;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	snprintf(c->name, sizeof(c->name), "%s", name);
	cs->at[cs->nr++] = c;
	return c;
}

/* The cpu controller is always on: what a cgroup's fair share is follows from it. */
static int make_one(struct cgroups *cs, const char *name, struct cgroup **ret, struct err *e)
{
	struct cgroup *c = entry(cs, name);

	if (!c)
		return err_sys(e, -ENOMEM, "cgroup %s", name);
	int r = enable(cs, cgroup_parent(cs, c), CONTROLLER_CPU, e);
	if (r < 0)
		return r;
	r = cs->fs.make(cs->fs.ctx, name, e);
	if (r < 0)
		return err_frame(e, "cgroup %s", name);
	if (c->next_worker)
		c->unsteady = "it was removed and made again";
	c->live = true;
	c->has_cpus = false;
	c->weight = DEFAULT_WEIGHT;
	c->enabled = 0;
	*ret = c;
	return 0;
}

static int make_parents(struct cgroups *cs, const char *name, struct err *e)
{
	char part[KTSTR_NAME_MAX];
	struct cgroup *c;

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - name), name);
		c = known(cs, part);
		int r = c && c->live ? 0 : make_one(cs, part, &c, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int cgroups_add(struct cgroups *cs, const char *name, const struct cpuset *cpus, unsigned weight,
		struct err *e)
{
	int r = check_name(name, e);

	if (r < 0)
		return r;
	struct cgroup *c = known(cs, name);
	if (c && c->live)
		return err_set(e, -EEXIST, "cgroup %s: there is one of this name", name);
	r = make_parents(cs, name, e);
	if (r < 0)
		return r;
	r = make_one(cs, name, &c, e);
	if (!r && cpus)
		r = cgroup_set_cpus(cs, c, cpus, e);
	if (!r && weight)
		r = cgroup_set_weight(cs, c, weight, e);
	return r;
}

int cgroup_remove(struct cgroups *cs, struct cgroup *c, struct err *e)
{
	int r = cs->fs.remove(cs->fs.ctx, c->name, e);

	if (r < 0)
		return err_frame(e, "cgroup %s", c->name);
	c->live = false;
	return 0;
}

int cgroup_set_cpus(struct cgroups *cs, struct cgroup *c, const struct cpuset *cpus, struct err *e)
{
	char list[1024];

	if (cpuset_format(cpus, list, sizeof(list)) < 0)
		return err_set(e, -ENOSPC, "cgroup %s: the list of CPUs is too long", c->name);
	int r = enable(cs, cgroup_parent(cs, c), CONTROLLER_CPUSET, e);
	if (!r)
		r = cgroup_write(cs, c->name, "cpuset.cpus", list, e);
	if (r < 0)
		return r;
	c->has_cpus = true;
	c->cpus = *cpus;
	return 0;
}

int cgroup_set_weight(struct cgroups *cs, struct cgroup *c, unsigned weight, struct err *e)
{
	char text[16];

	if (weight < 1 || weight > MAX_WEIGHT)
		return err_set(e, -EINVAL, "cgroup %s: weight %u is not between 1 and %d", c->name,
			       weight, MAX_WEIGHT);
	snprintf(text, sizeof(text), "%u", weight);
	int r = cgroup_write(cs, c->name, "cpu.weight", text, e);
	if (!r)
		c->weight = weight;
	return r;
}

int cgroup_open(struct cgroups *cs, const struct cgroup *c, int *ret, struct err *e)
{
	int r = cs->fs.open(cs->fs.ctx, c->name, ret, e);

	return r < 0 ? err_frame(e, "cgroup %s", c->name) : 0;
}

int cgroup_take(struct cgroups *cs, const struct cgroup *c, pid_t pid, struct err *e)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	return cgroup_write(cs, c->name, "cgroup.procs", text, e);
}
