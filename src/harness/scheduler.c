/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/scheduler.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "image/registry.h"

#define ATTACH_TIMEOUT_MS 10000

void sched_choice_fini(struct sched_choice *s)
{
	free(s->command);
	free(s->display);
	free(s->name);
	free(s->path);
	free(s->kargs);
	words_fini(&s->args);
	words_fini(&s->sysctls);
	*s = (struct sched_choice){ 0 };
}

/* 0: a program that guests of @a can run (scripts always can); else why not. */
static int program_fits(const char *path, enum arch a)
{
	unsigned char id[20] = { 0 };
	SCOPED(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	int r = read_full(fd, id, sizeof(id));
	if (r < 0)
		return r;
	if (id[0] == '#' && id[1] == '!')
		return 0;
	if (memcmp(id, ELFMAG, SELFMAG))
		return -ENOEXEC;
	uint16_t machine = (uint16_t)(id[18] | id[19] << 8);
	return machine == arch_names(a)->elf_machine ? 0 : -EXDEV;
}

/* Where programs are looked for, in order; %s: directory, then architecture where it says so. */
static void add_places(struct words *places, const char *near, enum arch a)
{
	char path[PATH_MAX], self[PATH_MAX];
	const char *slash = near ? strrchr(near, '/') : NULL;
	int dir = slash ? (int)(slash - near) : 1;

	if (near) {
		snprintf(path, sizeof(path), "%.*s", dir, slash ? near : ".");
		words_add(places, path);
		snprintf(path, sizeof(path), "%.*s/../schedulers", dir, slash ? near : ".");
		words_add(places, path);
	}
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = 0;
		*strrchr(self, '/') = 0;
		snprintf(path, sizeof(path), "%s/schedulers", self);
		words_add(places, path);
		snprintf(path, sizeof(path), "%s/%s/schedulers", self, arch_names(a)->name);
		words_add(places, path);
	}
	const char *env = getenv("PATH");
	while (env && *env) {
		size_t len = strcspn(env, ":");
		snprintf(path, sizeof(path), "%.*s", (int)len, env);
		words_add(places, path);
		env += len + (env[len] == ':');
	}
}

static int wrong_arch(const char *path, enum arch a, struct err *e)
{
	return err_set(e, -EXDEV, "scheduler %s: not a program for %s guests", path,
		       arch_names(a)->name);
}

static int find_program(const char *program, const char *near, enum arch a, char **ret,
			struct err *e)
{
	SCOPED(words_fini) struct words places = { 0 };
	char path[PATH_MAX], misfit[PATH_MAX] = "";

	if (strchr(program, '/')) {
		int r = program_fits(program, a);
		if (r == -EXDEV || r == -ENOEXEC || r == -ENODATA)
			return wrong_arch(program, a, e);
		if (r < 0)
			return err_sys(e, r, "scheduler %s", program);
		*ret = strdup(program);
		return *ret ? 0 : -ENOMEM;
	}
	add_places(&places, near, a);
	for (size_t i = 0; i < places.nr; i++) {
		snprintf(path, sizeof(path), "%s/%s", places.at[i], program);
		int r = program_fits(path, a);
		if (!r) {
			*ret = strdup(path);
			return *ret ? 0 : -ENOMEM;
		}
		if (r == -EXDEV)
			snprintf(misfit, sizeof(misfit), "%s", path);
	}
	if (misfit[0])
		return wrong_arch(misfit, a, e);
	return err_set(e, -ENOENT,
		       "scheduler %s: no such program beside the test binary, in this build's "
		       "schedulers folder or on PATH (give a path, or build it)",
		       program);
}

/* "kernel.foo=1" to the job's "kernel/foo 1". */
static int add_sysctls(struct sched_choice *s, const char *text)
{
	SCOPED(words_fini) struct words list = { 0 };
	int r = words_split(text, &list);

	for (size_t i = 0; !r && i < list.nr; i++) {
		char *value = strchr(list.at[i], '=');
		if (!value || value == list.at[i])
			return -EINVAL;
		*value = ' ';
		for (char *p = list.at[i]; p < value; p++)
			if (*p == '.')
				*p = '/';
		r = words_add(&s->sysctls, list.at[i]);
	}
	return r;
}

static int add_record(struct sched_choice *s, const struct ktstr_sched_record *rec, struct err *e)
{
	s->record = rec;
	if (rec->attach_timeout_ms)
		s->attach_timeout_ms = rec->attach_timeout_ms;
	s->kargs = strdup(rec->kargs);
	if (!s->kargs)
		return err_set(e, -ENOMEM, "scheduler %s: out of memory", rec->name);
	if (words_split(rec->args, &s->args) < 0)
		return err_set(e, -EINVAL, "scheduler %s: field args: open quote", rec->name);
	if (add_sysctls(s, rec->sysctls) < 0)
		return err_set(e, -EINVAL, "scheduler %s: field sysctls: want \"key=value ...\"",
			       rec->name);
	return 0;
}

static char *join(const char *first, const struct words *extra)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	buf_puts(&b, first);
	for (size_t i = 0; i < extra->nr; i++) {
		buf_putc(&b, ' ');
		shell_quote(&b, extra->at[i]);
	}
	return b.bad ? NULL : strdup(buf_str(&b));
}

static int set_names(struct sched_choice *s, const char *first, const struct words *extra)
{
	const char *slash = strrchr(first, '/');

	s->command = join(first, extra);
	s->display = join(slash ? slash + 1 : first, extra);
	s->name = strdup(slash ? slash + 1 : first);
	return s->command && s->name && s->display ? 0 : -ENOMEM;
}

int sched_choose(const char *command, const char *more_args, const struct registry *reg,
		 const char *near, enum arch a, struct sched_choice *ret, struct err *e)
{
	SCOPED(sched_choice_fini) struct sched_choice s = { .attach_timeout_ms =
								    ATTACH_TIMEOUT_MS };
	SCOPED(words_fini) struct words given = { 0 }, extra = { 0 };

	if (words_split(command ? command : "", &given) < 0)
		return err_set(e, -EINVAL, "scheduler \"%s\": open quote", command);
	const char *first = given.nr ? given.at[0] : SCHED_EEVDF;
	bool none = !strcmp(first, SCHED_EEVDF);
	const struct ktstr_sched_record *rec = reg && !none ? registry_sched(reg, first) : NULL;
	int r = rec ? add_record(&s, rec, e) : 0;
	if (r < 0)
		return r;
	for (size_t i = 1; !r && i < given.nr; i++)
		r = words_add(&extra, given.at[i]);
	if (!r && !none)
		r = words_split(more_args ? more_args : "", &extra);
	for (size_t i = 0; !r && i < extra.nr; i++)
		r = words_add(&s.args, extra.at[i]);
	if (!r)
		r = set_names(&s, first, &extra);
	if (r < 0)
		return err_sys(e, r, "scheduler \"%s\"", command ? command : first);
	if (!none)
		r = find_program(rec && rec->binary[0] ? rec->binary : first, near, a, &s.path, e);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct sched_choice){ 0 };
	return 0;
}
