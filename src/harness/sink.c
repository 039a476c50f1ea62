/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/term.h"

/* Every output format, in the order the help shows them. */
const struct sink_type *const sink_types[] = {
	&sink_human, &sink_ktap, &sink_tap, &sink_json, &sink_junit, NULL,
};

void *sink_state(struct sink *s)
{
	return s->state;
}

void sink_write(struct sink *s, struct buf *b)
{
	if (!s->bad)
		s->bad = b->bad;
	if (!s->bad && b->len && fwrite(b->at, 1, b->len, s->out) != b->len)
		s->bad = -errno;
	if (!s->bad && fflush(s->out) != 0)
		s->bad = -errno;
	buf_clear(b);
}

void sink_destroy(struct sink *s)
{
	if (!s)
		return;
	if (s->state && s->type->fini)
		s->type->fini(s);
	if (s->owned && s->out)
		fclose(s->out);
	free(s->state);
	free(s->path);
	free(s);
}

static int find_type(const char *format, const struct sink_type **ret, struct err *e)
{
	SCOPED(buf_fini) struct buf all = { 0 };

	for (const struct sink_type *const *t = sink_types; *t; t++) {
		if (!strcmp((*t)->name, format)) {
			*ret = *t;
			return 0;
		}
		buf_printf(&all, "%s%s", all.len ? ", " : "", (*t)->name);
	}
	return err_set(e, -EINVAL, "format \"%s\" is none of %s", format, buf_str(&all));
}

static int check_directory(const char *path, struct err *e)
{
	char copy[PATH_MAX];

	if (!*path || strlen(path) >= sizeof(copy))
		return err_sys(e, *path ? -ENAMETOOLONG : -ENOENT, "output file \"%s\"", path);
	strcpy(copy, path);
	if (access(dirname(copy), W_OK | X_OK) < 0)
		return err_sys(e, -errno, "output file %s", path);
	return 0;
}

/* A file that is there and cannot be replaced (a pipe, a device) is written to directly. */
static int open_out(struct sink *s, const char *path, struct err *e)
{
	struct stat st;
	bool there = stat(path, &st) == 0;
	SCOPED(close_fd) int fd = -1;

	if (there && S_ISDIR(st.st_mode))
		return err_sys(e, -EISDIR, "output file %s", path);
	if (there && !S_ISREG(st.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return err_sys(e, -errno, "output file %s", path);
	} else {
		int r = check_directory(path, e);

		fd = r < 0 ? r : anon_file("ktstr-output", e);
		if (fd < 0)
			return fd;
		s->whole = true;
	}
	s->path = strdup(path);
	if (!s->path)
		return err_sys(e, -ENOMEM, "output file %s", path);
	s->out = fdopen(fd, "w");
	if (!s->out)
		return err_sys(e, -errno, "output file %s", path);
	s->owned = true;
	hand_over_fd(&fd);
	return 0;
}

int sink_open(const char *format, const char *path, bool verbose, struct sink **ret, struct err *e)
{
	SCOPED(sink_destroy) struct sink *s = calloc(1, sizeof(*s));

	if (!s)
		return err_sys(e, -ENOMEM, "format %s", format);
	int r = find_type(format, &s->type, e);
	if (r < 0)
		return r;
	s->state = calloc(1, s->type->state_size + 1);
	if (!s->state)
		return err_sys(e, -ENOMEM, "format %s", format);
	s->out = path ? NULL : stdout;
	r = path ? open_out(s, path, e) : 0;
	if (r < 0)
		return r;
	s->verbose = verbose;
	s->terminal = term_redraws(fileno(s->out));
	s->colour = term_colour(fileno(s->out));
	*ret = hand_over(s);
	return 0;
}

static int publish(struct sink *s, struct err *e)
{
	SCOPED(mapping_close) struct mapping m = { 0 };
	int r = mapping_open_fd(&m, fileno(s->out), s->path, e);

	return r < 0 ? r : write_file_atomic(s->path, m.at, m.len, 0666, e);
}

int sink_close(struct sink *s, struct err *e)
{
	int r = s->bad;

	if (!r && fflush(s->out) != 0)
		r = -errno;
	if (r < 0)
		err_sys(e, r, "writing %s to %s", s->type->name,
			s->path ? s->path : "standard output");
	else if (s->whole)
		r = publish(s, e);
	sink_destroy(s);
	return r;
}

void sink_set_fini(struct sink_set *set)
{
	for (size_t i = 0; i < set->nr; i++)
		sink_destroy(set->at[i]);
	set->nr = 0;
}

int sinks_tick(struct sink *const *sinks, size_t nr)
{
	int timeout = -1;

	for (size_t i = 0; i < nr; i++) {
		if (!sinks[i]->terminal || !sinks[i]->type->tick)
			continue;
		sinks[i]->type->tick(sinks[i]);
		timeout = 1000;
	}
	return timeout;
}

static const struct sink *on_stdout(const struct sink_set *set)
{
	for (size_t i = 0; i < set->nr; i++)
		if (!set->at[i]->owned)
			return set->at[i];
	return NULL;
}

int sink_set_add_file(struct sink_set *set, const char *format, const char *path, bool verbose,
		      struct err *e)
{
	const struct sink *first = path ? NULL : on_stdout(set);

	if (set->nr == SINKS_MAX)
		return err_set(e, -E2BIG, "format %s: more than %d outputs", format, SINKS_MAX);
	if (first)
		return err_set(e, -EINVAL,
			       "formats %s and %s would both go to standard output: "
			       "give one a file, %s=FILE",
			       first->type->name, format, format);
	int r = sink_open(format, path, verbose, &set->at[set->nr], e);
	if (!r)
		set->nr++;
	return r;
}

int sink_set_add(struct sink_set *set, const char *spec, bool verbose, struct err *e)
{
	SCOPED(mem_free) char *copy = strdup(spec);
	char *rest = copy;
	int r = copy ? 0 : err_sys(e, -ENOMEM, "format %s", spec);

	while (!r && rest) {
		char *item = strsep(&rest, ",");
		char *path = strchr(item, '=');

		if (path)
			*path++ = 0;
		r = sink_set_add_file(set, item, path, verbose, e);
	}
	return r;
}

int sink_set_complete(struct sink_set *set, bool verbose, struct err *e)
{
	return on_stdout(set) ? 0 : sink_set_add_file(set, "human", NULL, verbose, e);
}

int sink_set_close(struct sink_set *set, struct err *e)
{
	int first = 0;

	for (size_t i = 0; i < set->nr; i++) {
		int r = sink_close(set->at[i], first ? NULL : e);

		first = first ? first : r;
	}
	set->nr = 0;
	return first;
}
