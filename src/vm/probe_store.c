/* SPDX-License-Identifier: GPL-2.0-only */
#include "vm/probe_store.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "vm/probe.h"

#define STORED_MAX 4096
#define FIRST_LINE "ktstr-probe 2"

static bool store_off;
static char other_dir[PATH_MAX]; /* "" = none */

void probe_store_off(void)
{
	store_off = true;
}

void probe_store_on(void)
{
	store_off = false;
}

void probe_store_in(const char *dir)
{
	snprintf(other_dir, sizeof(other_dir), "%s", dir);
}

/* The runtime directory dies with the session, the boot id in the key covers the other one. */
static bool store_path(const char *name, char *to, size_t cap)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int n;

	if (store_off)
		return false;
	if (runtime && *runtime == '/')
		n = snprintf(to, cap, "%s/ktstr/probe-%s", runtime, name);
	else if (other_dir[0])
		n = snprintf(to, cap, "%s/probe-%s", other_dir, name);
	else
		return false;
	return n > 0 && (size_t)n < cap;
}

/* A regular file of ours that nobody else may write. */
static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH)) && st.st_size < STORED_MAX;
}

/* Takes the next line out of @at, if it is "name=value". */
static bool take(char **at, const char *name, char *to, size_t cap)
{
	char *line = *at, *end = strchr(line, '\n');
	size_t n = strlen(name);

	if (!end || strncmp(line, name, n) != 0 || line[n] != '=')
		return false;
	*end = 0;
	*at = end + 1;
	return (size_t)snprintf(to, cap, "%s", line + n + 1) < cap;
}

static bool take_number(char **at, const char *name, uint64_t *ret)
{
	char text[32];

	return take(at, name, text, sizeof(text)) && parse_u64(text, ret) == 0;
}

static bool parse_stored(char *text, const char *key, struct probe_result *ret)
{
	char stored_key[STORED_MAX];
	struct probe_result r = { 0 };
	uint64_t state;

	if (strncmp(text, FIRST_LINE "\n", sizeof(FIRST_LINE)) != 0)
		return false;
	text += sizeof(FIRST_LINE);
	if (!take(&text, "key", stored_key, sizeof(stored_key)) || strcmp(stored_key, key) != 0)
		return false;
	if (!take_number(&text, "state", &state) || state > PROBE_LAST ||
	    !take_number(&text, "took_ns", &r.took_ns) ||
	    !take(&text, "text", r.text, sizeof(r.text)) ||
	    !take(&text, "remedy", r.remedy, sizeof(r.remedy)) ||
	    !take(&text, "version", r.version, sizeof(r.version)) ||
	    !take(&text, "path", r.path, sizeof(r.path)) || *text)
		return false;
	r.state = (enum probe_state)state;
	*ret = r;
	return true;
}

bool probe_load(const char *name, const char *key, struct probe_result *ret)
{
	char path[PATH_MAX], text[STORED_MAX];

	if (!store_path(name, path, sizeof(path)))
		return false;
	SCOPED(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || !is_ours(fd))
		return false;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = 0;
	return parse_stored(text, key, ret);
}

static bool make_place(const char *path)
{
	char dir[PATH_MAX];
	struct stat st;

	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	return make_dirs(dir, 0700, NULL) == 0 && lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid();
}

void probe_save(const char *name, const char *key, const struct probe_result *r)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	char path[PATH_MAX];

	if (!store_path(name, path, sizeof(path)) || !make_place(path))
		return;
	buf_printf(&b, FIRST_LINE "\nkey=%s\nstate=%u\ntook_ns=%llu\ntext=%s\nremedy=%s\n", key,
		   r->state, (unsigned long long)r->took_ns, r->text, r->remedy);
	buf_printf(&b, "version=%s\npath=%s\n", r->version, r->path);
	if (!b.bad && b.len < STORED_MAX)
		write_file_atomic(path, b.at, b.len, 0600, NULL);
}
