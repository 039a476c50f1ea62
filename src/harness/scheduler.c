/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/scheduler.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "harness/program.h"
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

/* Beside the test binary, in this build, on PATH. */
static int add_places(struct words *places, const char *near, enum arch a)
{
	char self[PATH_MAX];
	int r = 0;

	if (near) {
		const char *slash = strrchr(near, '/');
		int dir = slash ? (int)(slash - near) : 1;
		r = program_add_place(places, "%.*s", dir, slash ? near : ".");
		if (!r)
			r = program_add_place(places, "%.*s/../schedulers", dir,
					      slash ? near : ".");
	}
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0 && !r) {
		self[n] = 0;
		*strrchr(self, '/') = 0;
		r = program_add_place(places, "%s/schedulers", self);
		if (!r)
			r = program_add_place(places, "%s/%s/schedulers", self,
					      arch_names(a)->name);
	}
	return r ? r : program_add_path(places);
}

static int find_program(const char *program, const char *near, enum arch a, char **ret,
			struct err *e)
{
	SCOPED(words_fini) struct words places = { 0 };

	SCOPED(mem_free) char *misfit = NULL;

	int r = add_places(&places, near, a);
	if (!r)
		r = program_find(&places, program, a, ret, &misfit);
	if (r == -EXDEV)
		return err_set(e, r, "scheduler %s: not a program for %s guests",
			       misfit ? misfit : program, arch_names(a)->name);
	if (r == -ENOENT && !strchr(program, '/'))
		return err_set(
			e, r,
			"scheduler %s: no such program beside the test binary, in this build's "
			"schedulers folder or on PATH (give a path, or build it)",
			program);
	return r < 0 ? err_sys(e, r, "scheduler %s", program) : 0;
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
