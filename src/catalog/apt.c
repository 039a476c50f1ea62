/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/apt.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "base/lock_wait.h"
#include "catalog/child.h"
#include "catalog/lock.h"

#define DEFAULT_MIRROR "http://deb.debian.org/debian"
#define DEFAULT_KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"

#define SECONDS(n) ((n) * 1000000000ull)
#define ROOT_WAIT_NS SECONDS(3600)
#define UPDATE_NS SECONDS(180)
#define DOWNLOAD_NS SECONDS(3600) /* apt itself gives up on a mirror that is silent */
#define QUERY_NS SECONDS(60)
#define OPTIONS_MAX 64

void apt_fini(struct apt *a)
{
	/* Rebuilt from the lists in a moment, and larger than they are. */
	if (a->lock_fd > 2)
		remove_tree(path_format("%s/var/cache/apt", a->dir.s).s, NULL);
	if (a->lock_fd > 2)
		close_fd(&a->lock_fd);
	*a = APT_NONE;
}

/* What apt would say, and what to do about it; the first row whose words occur in it. */
static const char *remedy(const char *text)
{
	static const struct {
		const char *words, *help;
	} rows[] = {
		{ "does not have a Release file", "is there such a suite?" },
		{ "is not signed", "the mirror is not Debian's or was tampered with" },
		{ "signature", "the mirror is not Debian's or was tampered with" },
		{ "NO_PUBKEY", "update the package debian-archive-keyring" },
		{ "Hash Sum mismatch", "the mirror is damaged or in the middle of an update" },
		{ "unexpected size", "the mirror is damaged or in the middle of an update" },
		{ "No space left", "free some space (ktstr kernel gc)" },
		{ "No packages found", "this suite has no such kernel" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strstr(text, rows[i].words))
			return rows[i].help;
	return "check the network, or name a mirror in KTSTR_DEBIAN_MIRROR";
}

static int apt_failed(const struct apt *a, const char *what, const struct buf *errors,
		      struct err *e)
{
	const char *all = buf_str(errors), *line = strstr(all, "E: ");
	size_t n = line ? strcspn(line += 3, "\n") : 0;

	while (n && (line[n - 1] == '.' || line[n - 1] == ' '))
		n--;
	return err_set(e, -EIO, "%s: %s: %.*s; %s", a->label, what, (int)MIN(n, 220u),
		       line ? line : "", remedy(all));
}

static int run(const struct apt *a, const char *const *argv, const char *cwd, uint64_t timeout_ns,
	       struct buf *out, struct err *e)
{
	SCOPED(buf_fini) struct buf errors = { 0 };
	const struct child_spec s = {
		.argv = argv, .apt_config = a->conf.s, .cwd = cwd, .timeout_ns = timeout_ns
	};
	int r = child_run(&s, out, &errors, e);

	if (r == -ENOENT)
		return err_set(e, r, "%s: %s is not installed; kernels from Debian need apt",
			       a->label, argv[0]);
	if (r < 0) {
		err_frame(e, "%s", a->label);
		return r;
	}
	return r ? apt_failed(a, argv[1], &errors, e) : 0;
}

/* The proxies and date rules this host's administrator gave apt hold for ours too. */
static int put_host_policy(struct buf *conf, struct err *e)
{
	static const char *const kept[] = { "Acquire::http", "Acquire::https", "Acquire::ForceIPv",
					    "Acquire::Check-" };
	static const char *const argv[] = { "apt-config", "dump", NULL };
	SCOPED(buf_fini) struct buf out = { 0 };
	SCOPED(buf_fini) struct buf errors = { 0 };
	const struct child_spec s = { .argv = argv, .timeout_ns = QUERY_NS };
	int r = child_run(&s, &out, &errors, e);

	if (r == -ENOENT)
		return err_set(e, r, "apt is not installed; kernels from Debian need it");
	if (r)
		return r < 0 ? r : err_set(e, -EIO, "apt-config dump: %.200s", buf_str(&errors));
	for (const char *line = buf_str(&out); *line;) {
		size_t n = strcspn(line, "\n");

		for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
			if (!strncmp(line, kept[i], strlen(kept[i]))) {
				buf_put(conf, line, n);
				buf_putc(conf, '\n');
				break;
			}
		line += n + (line[n] != 0);
	}
	return 0;
}

/* Under the root's lock: a plain overwrite leaves no temporary name, whatever happens to us. */
static int overwrite(struct catalog *c, const char *path, const struct buf *text, struct err *e)
{
	SCOPED(close_fd) int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (text->bad)
		return err_sys(e, text->bad, "%s", path);
	int r = fd < 0 ? -errno : write_full(fd, text->at, text->len);
	return r < 0 ? cache_write_failed(c, r, e) : 0;
}

static int write_conf(struct catalog *c, const struct apt *a, enum arch arch, struct err *e)
{
	SCOPED(buf_fini) struct buf conf = { 0 };
	const char *debian = arch_names(arch)->debian;

	if (strchr(a->dir.s, '"') || strchr(a->dir.s, '\n'))
		return err_set(e, -EINVAL,
			       "cache directory %.200s: apt cannot use a path with '\"'", c->dir);
	buf_printf(&conf, "Dir \"%s/\";\n", a->dir.s);
	buf_printf(&conf, "Dir::State::status \"%s/status\";\n", a->dir.s);
	buf_printf(&conf, "APT::Architecture \"%s\";\n", debian);
	buf_printf(&conf, "APT::Architectures { \"%s\"; };\n", debian);
	buf_puts(&conf, "APT::Get::AllowUnauthenticated \"false\";\n"
			"APT::Update::Error-Mode \"any\";\n"
			"Acquire::AllowInsecureRepositories \"false\";\n"
			"Acquire::Languages \"none\";\n"
			"Acquire::PDiffs \"false\";\n"
			"Acquire::Retries \"1\";\n");
	/* apt gives up root for a user that cannot enter a cache below /root. */
	if (geteuid() == 0)
		buf_puts(&conf, "APT::Sandbox::User \"root\";\n");
	int r = put_host_policy(&conf, e);
	/* After the host's own: a dead mirror must not take minutes to be called dead. */
	buf_puts(&conf, "Acquire::http::Timeout \"20\";\nAcquire::https::Timeout \"20\";\n");
	return r < 0 ? r : overwrite(c, a->conf.s, &conf, e);
}

static int check_word(const char *what, const char *s, struct err *e)
{
	for (const char *p = s; *p; p++)
		if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p) || *p == '[' ||
		    *p == ']')
			return err_set(e, -EINVAL,
				       "%s \"%.150s\": blanks and brackets cannot be used", what,
				       s);
	return 0;
}

static const char *env_or(const char *name, const char *otherwise)
{
	const char *v = getenv(name);

	return v && *v ? v : otherwise;
}

static int check_keyring(const char *keyring, struct err *e)
{
	if (access(keyring, R_OK) == 0)
		return 0;
	return err_sys(e, -errno, "keyring %.200s: install the package debian-archive-keyring",
		       keyring);
}

int catalog_can_fetch(const struct catalog *c, struct err *e)
{
	static const char *const argv[] = { "apt-get", "--version", NULL };
	SCOPED(buf_fini) struct buf out = { 0 };
	SCOPED(buf_fini) struct buf errors = { 0 };
	const struct child_spec s = { .argv = argv, .timeout_ns = QUERY_NS };
	int r = cache_check_writable(c, e);

	if (!r)
		r = check_keyring(env_or("KTSTR_DEBIAN_KEYRING", DEFAULT_KEYRING), e);
	if (r < 0)
		return r;
	r = child_run(&s, &out, &errors, e);
	if (r == -ENOENT)
		return err_set(e, r, "apt is not installed; kernels from Debian need it");
	return r > 0 ? err_set(e, -EIO, "apt-get --version: %.200s", buf_str(&errors)) : r;
}

static int write_sources(struct catalog *c, struct apt *a, const char *suite, struct err *e)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	struct path to = path_format("%s/etc/apt/sources.list", a->dir.s);
	const char *keyring = env_or("KTSTR_DEBIAN_KEYRING", DEFAULT_KEYRING);
	const char *mirror = env_or("KTSTR_DEBIAN_MIRROR", DEFAULT_MIRROR);
	int r = check_word("KTSTR_DEBIAN_MIRROR", mirror, e);

	if (r == 0)
		r = check_word("KTSTR_DEBIAN_KEYRING", keyring, e);
	if (r < 0)
		return r;
	r = check_keyring(keyring, e);
	if (r < 0)
		return r;
	snprintf(a->mirror, sizeof(a->mirror), "%s", mirror);
	buf_printf(&text, "deb [signed-by=%s] %s %s main\n", keyring, mirror, suite);
	return overwrite(c, to.s, &text, e);
}

static int make_root(struct catalog *c, struct apt *a, struct err *e)
{
	static const char *const dirs[] = {
		"etc/apt/apt.conf.d",
		"etc/apt/preferences.d",
		"etc/apt/sources.list.d",
		"var/lib/apt/lists/partial",
		"var/cache/apt/archives/partial",
	};
	struct path status = path_format("%s/status", a->dir.s);
	const struct buf none = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		struct path p = path_format("%s/%s", a->dir.s, dirs[i]);
		int r = make_dirs(p.s, 0755, NULL);

		if (r < 0)
			return cache_write_failed(c, r, e);
	}
	return overwrite(c, status.s, &none, e);
}

static void say_wait(void *ctx, const char *what)
{
	progress_say(ctx, "waiting for %s", what);
}

int apt_open(struct catalog *c, const char *suite, enum arch arch, const struct catalog_progress *p,
	     struct apt *ret, struct err *e)
{
	SCOPED(apt_fini) struct apt a = APT_NONE;
	const char *debian = arch_names(arch)->debian;
	struct path lock = cache_path(c, "/locks/debian-%s-%s.lock", suite, debian);
	struct catalog_progress say = p ? *p : (struct catalog_progress){ 0 };
	const struct patience how = { .on_wait = say_wait, .ctx = &say };
	int r = cache_check_writable(c, e);

	if (r < 0)
		return r;
	a.dir = cache_path(c, "/debian/%s-%s", suite, debian);
	a.conf = path_format("%s/apt.conf", a.dir.s);
	snprintf(a.label, sizeof(a.label), "debian %s (%s)", suite, debian);
	r = lock_take(lock.s, LOCK_EX, ROOT_WAIT_NS, a.label, &how, &a.lock_fd, e);
	if (r == 0)
		r = make_root(c, &a, e);
	if (r == 0)
		r = write_sources(c, &a, suite, e);
	if (r == 0)
		r = write_conf(c, &a, arch, e);
	if (r < 0)
		return r;
	futimens(a.lock_fd, NULL); /* stamp of last use, for gc */
	*ret = a;
	a.lock_fd = -1;
	return 0;
}

int apt_update(const struct apt *a, struct err *e)
{
	static const char *const argv[] = { "apt-get", "update", "-q", NULL };
	SCOPED(buf_fini) struct buf out = { 0 };

	return run(a, argv, NULL, UPDATE_NS, &out, e);
}

/* argv: the fixed words, then the given ones. */
static int run_list(const struct apt *a, const char *const *fixed, const char *const *more,
		    const char *cwd, uint64_t timeout_ns, struct buf *out, struct err *e)
{
	const char *argv[OPTIONS_MAX + 1] = { 0 };
	size_t n = 0;

	while (fixed[n]) {
		argv[n] = fixed[n];
		n++;
	}
	for (size_t i = 0; more[i]; i++) {
		if (n == OPTIONS_MAX)
			return err_set(e, -E2BIG, "%s: more than %d packages", a->label,
				       OPTIONS_MAX);
		argv[n++] = more[i];
	}
	return run(a, argv, cwd, timeout_ns, out, e);
}

int apt_show(const struct apt *a, const char *const *names, struct buf *out, struct err *e)
{
	static const char *const fixed[] = { "apt-cache", "show", "--no-all-versions", NULL };

	return run_list(a, fixed, names, NULL, QUERY_NS, out, e);
}

int apt_download(const struct apt *a, const char *const *packages, const char *dir, struct err *e)
{
	static const char *const fixed[] = { "apt-get", "download", "-q", NULL };
	SCOPED(buf_fini) struct buf out = { 0 };

	return run_list(a, fixed, packages, dir, DOWNLOAD_NS, &out, e);
}
