/* SPDX-License-Identifier: GPL-2.0-only */
/* Is there a QEMU for this guest architecture, and is it new enough? */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "vm/probe.h"
#include "vm/probe_store.h"
#include "vm/spawn.h"

#define OLDEST_MAJOR 10
/* "--version" takes 10 ms; the rest is for hosts out of breath. */
#define VERSION_LIMIT_NS 10000000000ull

static struct {
	bool valid;
	char key[512];
	struct probe_result result;
} cache[NR_ARCHES];

void probe_qemu_forget(void)
{
	memset(cache, 0, sizeof(cache));
}

static bool is_program(const char *path, struct stat *st)
{
	return stat(path, st) == 0 && S_ISREG(st->st_mode) && access(path, X_OK) == 0;
}

/* Like execvp() would, but without running anything. */
static int search_path(const char *name, char *to, size_t cap)
{
	const char *dir = getenv("PATH");
	struct stat st;

	for (; dir && *dir; dir += strcspn(dir, ":"), dir += *dir == ':') {
		int n = snprintf(to, cap, "%.*s/%s", (int)strcspn(dir, ":"), dir, name);

		if (n > 0 && (size_t)n < cap && is_program(to, &st))
			return 0;
	}
	return -ENOENT;
}

/* A replaced program is another one. */
static int make_key(const char *path, char *to, size_t cap)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!is_program(path, &st))
		return -EACCES;
	int n = snprintf(to, cap, "%s %llu:%llu %lld %lld.%09ld", path,
			 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
			 (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return n < 0 || (size_t)n >= cap ? -ENAMETOOLONG : 0;
}

/* Standard output of "PATH --version" until its end, at most VERSION_LIMIT_NS. */
static int read_until(int fd, char *to, size_t cap)
{
	uint64_t deadline_ns = now_ns() + VERSION_LIMIT_NS;
	size_t len = 0;

	for (ssize_t k = 1; k > 0 && len + 1 < cap; len += (size_t)MAX(k, 0)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = now_ns();

		if (now >= deadline_ns || poll(&p, 1, (int)((deadline_ns - now) / 1000000)) == 0)
			return -ETIMEDOUT;
		k = read(fd, to + len, cap - 1 - len);
	}
	to[len] = 0;
	return 0;
}

static int ask_version(const char *path, char *to, size_t cap, struct err *e)
{
	char *const argv[] = { (char *)(uintptr_t)path, (char *)(uintptr_t)"--version", NULL };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "pipe");
	SCOPED(close_fd) int out = ends[0];
	SCOPED(close_fd) int in = ends[1];
	SCOPED(close_fd) int pidfd = -1;
	const int fds[] = { -1, in, in };
	int pid = spawn(path, argv, fds, ARRAY_SIZE(fds), &pidfd, e);

	if (pid < 0)
		return pid;
	close_fd(&in);
	int r = read_until(out, to, cap);
	if (r < 0)
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	waitpid(pid, NULL, 0);
	return r < 0 ? err_sys(e, r, "%s --version", path) : 0;
}

/* Who built it and which build it is: brackets in the first line, *ret_len 0 where there are none. */
static const char *build_of(const char *text, int *ret_len)
{
	const char *open = text + strcspn(text, "(\n"), *close = open + strcspn(open, ")\n");

	*ret_len = *open == '(' && *close == ')' ? (int)(close + 1 - open) : 0;
	return open;
}

static void judge_version(const char *path, const char *text, struct probe_result *ret)
{
	static const char lead[] = "QEMU emulator version ";
	int major, minor, micro;

	if (strncmp(text, lead, sizeof(lead) - 1) != 0 ||
	    sscanf(text + sizeof(lead) - 1, "%d.%d.%d", &major, &minor, &micro) != 3) {
		ret->state = PROBE_UNUSABLE;
		snprintf(ret->text, sizeof(ret->text), "%s: does not answer like QEMU", path);
		return;
	}
	int n;
	const char *build = build_of(text, &n);
	snprintf(ret->version, sizeof(ret->version), "QEMU %d.%d.%d%s%.*s", major, minor, micro,
		 n ? " " : "", n, build);
	ret->state = major >= OLDEST_MAJOR ? PROBE_YES : PROBE_TOO_OLD;
	if (ret->state == PROBE_YES)
		snprintf(ret->text, sizeof(ret->text), "%s at %s", ret->version, path);
	else
		snprintf(ret->text, sizeof(ret->text),
			 "%s at %s: too old, %d.0 is the oldest that works", ret->version, path,
			 OLDEST_MAJOR);
}

static void run_probe(const char *path, struct probe_result *ret)
{
	char text[256];
	struct err e;

	if (ask_version(path, text, sizeof(text), &e) == 0) {
		judge_version(path, text, ret);
		return;
	}
	ret->state = PROBE_UNUSABLE;
	snprintf(ret->text, sizeof(ret->text), "%s", e.text);
}

static void say_absent(enum arch guest, const char *path, int r, struct probe_result *ret)
{
	ret->state = r == -EACCES ? PROBE_FORBIDDEN : PROBE_ABSENT;
	if (path)
		snprintf(ret->text, sizeof(ret->text), "emulator %s: %s", path, strerror(-r));
	else
		snprintf(ret->text, sizeof(ret->text), "qemu-system-%s: not found on PATH",
			 arch_names(guest)->qemu);
}

static const char *package(enum arch guest)
{
	return guest == ARCH_ARM64 ? "qemu-system-arm" : "qemu-system-x86";
}

static void ask(enum arch guest, const char *path, const char *name, const char *key,
		struct probe_result *ret)
{
	uint64_t began_ns = now_ns();

	snprintf(ret->path, sizeof(ret->path), "%s", path);
	if (!probe_load(name, key, ret)) {
		run_probe(path, ret);
		ret->took_ns = now_ns() - began_ns;
		if (ret->state == PROBE_YES)
			probe_save(name, key, ret);
	}
	if (ret->state != PROBE_YES)
		return;
	cache[guest].valid = true;
	cache[guest].result = *ret;
	snprintf(cache[guest].key, sizeof(cache[guest].key), "%s", key);
}

void probe_qemu(enum arch guest, const char *path, struct probe_result *ret)
{
	char name[64], found[sizeof(ret->path)], key[sizeof(cache[0].key)];
	int r = 0;

	*ret = (struct probe_result){ 0 };
	snprintf(name, sizeof(name), "qemu-system-%s", arch_names(guest)->qemu);
	if (path)
		r = (size_t)snprintf(found, sizeof(found), "%s", path) < sizeof(found)
			    ? 0
			    : -ENAMETOOLONG;
	else
		r = search_path(name, found, sizeof(found));
	if (!r)
		r = make_key(found, key, sizeof(key));
	if (!r && cache[guest].valid && !strcmp(key, cache[guest].key)) {
		*ret = cache[guest].result;
		return;
	}
	if (r < 0)
		say_absent(guest, path, r, ret);
	else
		ask(guest, found, name, key, ret);
	if (ret->state != PROBE_YES)
		snprintf(ret->remedy, sizeof(ret->remedy),
			 "install %s %d or newer (on Debian 12 from bookworm-backports)",
			 package(guest), OLDEST_MAJOR);
}
