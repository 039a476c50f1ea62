/* SPDX-License-Identifier: GPL-2.0-only */
/* A static busybox of the guest's architecture: the host's own where that is one, else Debian's. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/apt.h"
#include "catalog/cache.h"
#include "catalog/deb.h"

#define HOST_BUSYBOX "/bin/busybox"
#define SUITE "trixie"
#define BUSYBOX_MAX (64u << 20)

/* A program of @a that asks for no loader. */
static bool is_static(const char *path, enum arch a)
{
	SCOPED(mapping_close) struct mapping m = { 0 };
	Elf64_Ehdr eh;

	if (access(path, X_OK) < 0 || mapping_open(&m, path, NULL) < 0 || m.len < sizeof(eh))
		return false;
	memcpy(&eh, m.at, sizeof(eh));
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_machine != arch_names(a)->elf_machine ||
	    eh.e_phentsize != sizeof(Elf64_Phdr) || !eh.e_phnum || eh.e_phoff > m.len ||
	    (m.len - eh.e_phoff) / sizeof(Elf64_Phdr) < eh.e_phnum)
		return false;
	for (size_t i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, m.at + eh.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_INTERP)
			return false;
	}
	return true;
}

static bool is_busybox(const char *name)
{
	return !strcmp(name, "bin/busybox");
}

static void glob_done(glob_t *g)
{
	globfree(g);
}
DEFINE_SCOPED_FINI(glob_t, glob_done)

static int unpack(const char *dir, struct err *e)
{
	SCOPED(glob_done) glob_t found = { 0 };
	SCOPED(mapping_close) struct mapping m = { 0 };

	if (glob(path_format("%s/*.deb", dir).s, 0, NULL, &found) != 0)
		return err_set(e, -ENOENT, "package busybox-static: apt downloaded nothing");
	int r = mapping_open(&m, found.gl_pathv[0], e);
	if (r == 0)
		r = deb_unpack(m.at, m.len, is_busybox, dir, BUSYBOX_MAX, e);
	if (r < 0)
		err_frame(e, "package busybox-static");
	return r;
}

/* rename(2) over a file is atomic: a reader has the old one or the new one. */
static int put_in_place(struct catalog *c, const char *from, enum arch a, const char *to,
			struct err *e)
{
	SCOPED(close_fd) int fd = open(from, O_RDONLY | O_CLOEXEC);
	struct path dir = cache_path(c, "/busybox/%s", arch_names(a)->name);

	if (fd < 0)
		return err_sys(e, -errno, "package busybox-static: bin/busybox");
	if (fchmod(fd, 0755) < 0 || fsync(fd) < 0)
		return cache_write_failed(c, -errno, e);
	close_fd(&fd);
	if (!is_static(from, a))
		return err_set(e, -EBADMSG, "package busybox-static: no static program for %s",
			       arch_names(a)->name);
	int r = make_dirs(dir.s, 0755, NULL);
	if (r == 0 && rename(from, to) < 0)
		r = -errno;
	return r < 0 ? cache_write_failed(c, r, e) : 0;
}

static int fetch(struct catalog *c, enum arch a, const char *to, const struct catalog_progress *p,
		 struct err *e)
{
	static const char *const list[] = { "busybox-static", NULL };
	SCOPED(draft_fini) struct draft d = DRAFT_NONE;
	SCOPED(apt_fini) struct apt apt = APT_NONE;
	int r = apt_open(c, SUITE, a, p, &apt, e);

	if (r < 0 || is_static(to, a)) /* somebody else's, while we waited */
		return r;
	progress_say(p, "%s: fetching busybox-static from %s", apt.label, apt.mirror);
	r = apt_update(&apt, e);
	if (r == 0)
		r = draft_open(c, &d, e);
	if (r == 0)
		r = apt_download(&apt, list, d.dir, e);
	if (r == 0)
		r = unpack(d.dir, e);
	return r < 0 ? r : put_in_place(c, path_format("%s/bin/busybox", d.dir).s, a, to, e);
}

int catalog_busybox(struct catalog *c, enum arch a, const struct catalog_progress *p,
		    const char **ret, struct err *e)
{
	struct path own = cache_path(c, "/busybox/%s/busybox", arch_names(a)->name);

	if (c->busybox[a]) {
		*ret = c->busybox[a];
		return 0;
	}
	bool host = a == arch_host() && is_static(HOST_BUSYBOX, a);
	int r = host || is_static(own.s, a) ? 0 : fetch(c, a, own.s, p, e);

	if (r < 0)
		return r;
	c->busybox[a] = strdup(host ? HOST_BUSYBOX : own.s);
	if (!c->busybox[a])
		return err_sys(e, -ENOMEM, "busybox");
	*ret = c->busybox[a];
	return 0;
}
