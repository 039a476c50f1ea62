/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/parcel.h"
#include "base/err.h"
#include "base/io.h"
#include "catalog/catalog.h"
#include "catalog/snapshots.h"
#include "link/job.h"

#define FORMAT 1
#define MIB (UINT64_C(1) << 20)
#define PARCEL_LEAST (16 * MIB)
/* A boot under counted instructions, on a host that has other things to do. */
#define MAKER_WAIT_NS (300 * 1000000000ull)
/* Instead of a machine: the guests of this kernel and shape have to boot. */
#define REFUSAL "ktstr: no snapshot: "

void snapshot_base_fini(struct snapshot_base *b)
{
	close_fd(&b->fd);
}

void snapshot_fini(struct snapshot *s)
{
	snapshot_base_fini(&s->base);
	close_fd(&s->lock);
	close_fd(&s->fd);
	catalog_close(s->catalog);
}

/* A few sizes only, so that runs share snapshots. */
static uint64_t parcel_for(uint64_t archive_bytes)
{
	uint64_t size = PARCEL_LEAST;

	while (size < archive_bytes + PARCEL_DATA)
		size *= 2;
	return size;
}

/* ---- the archive that is frozen: init, and the modules that the board takes ---- */

static int base_job(const struct guest_build *b, const struct snapshot *s,
		    const struct snapshot_wish *w, struct buf *out, struct err *e)
{
	SCOPED(job_fini) struct job j = { 0 };
	uint64_t at = vm_parcel_gpa(w->backend, &s->maker);
	int r = job_set_number(&j.parcel_at, 0, at);

	if (!r)
		r = job_set_number(&j.parcel_size, 0, s->maker.parcel_bytes);
	if (!r)
		r = job_set_number(&j.events, 0, EVENTS_KEPT);
	for (char **m = b->modules; !r && m && *m; m++)
		r = job_list_add(&j.modules, *m);
	return r < 0 ? err_sys(e, r, "snapshot") : job_write(&j, out, e);
}

static int build_base(struct snapshot *s, const struct snapshot_wish *w, struct err *e)
{
	const struct guest_spec spec = {
		.arch = w->image->arch,
		.modules_dir = w->image->modules_dir,
		.modules = vm_guest_modules(w->backend, w->image->arch),
		.sysroot = w->image->sysroot,
		.cache_dir = w->image->cache_dir,
	};
	SCOPED(guest_build_fini) struct guest_build b = { 0 };
	SCOPED(buf_fini) struct buf job = { 0 };
	int r = init_freeze_at(spec.arch, &s->base.freeze_at, e);

	if (!r)
		r = guest_image_open(&spec, &b, e);
	if (!r)
		r = base_job(&b, s, w, &job, e);
	if (!r)
		r = guest_image_finish(&b, job.at, job.len, e);
	if (r < 0)
		return r;
	s->base.size = b.size;
	r = hash_fd(b.fd, b.size, s->base.sha256);
	if (r < 0)
		return err_sys(e, r, "guest archive");
	b.size = 0; /* the descriptor is ours now */
	s->base.fd = b.fd;
	return 0;
}

static int take_base(struct snapshot *s, const struct snapshot_base *from, struct err *e)
{
	s->base = *from;
	s->base.fd = fcntl(from->fd, F_DUPFD_CLOEXEC, 3);
	return s->base.fd < 0 ? err_sys(e, -errno, "guest archive") : 0;
}

/* ---- which one ---- */

/* The run's machine without what is the run's own. */
static struct vm_config maker_of(const struct vm_config *vm, uint64_t archive_bytes)
{
	struct vm_config m = *vm;

	m.parcel_bytes = parcel_for(archive_bytes);
	m.seed = 0;
	m.pace.turn_us = 0;
	m.gdb_path = NULL;
	m.freeze_at = 0;
	m.to_save = true;
	m.initrd_fd = -1;
	m.place = NULL;
	return m;
}

int machine_fingerprint(const struct vm_backend *b, const struct vm_config *vm,
			uint64_t archive_bytes, char ret[OBJECT_NAME_LEN + 1], struct err *e)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	struct vm_config maker = maker_of(vm, archive_bytes), runner = maker;

	runner.seed = vm->seed;
	runner.pace = vm->pace;
	runner.to_save = false;
	runner.parcel_bytes = 0;
	int r = vm_fingerprint(b, &runner, &text, e);
	if (!r && archive_bytes)
		r = vm_fingerprint(b, &maker, &text, e);
	if (r < 0 || text.bad)
		return r < 0 ? r : err_sys(e, text.bad, "machine");
	hash_bytes(text.at, text.len, ret);
	return 0;
}

static int make_key(struct snapshot *s, const struct snapshot_wish *w, struct err *e)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	char kernel[OBJECT_NAME_LEN + 1];
	int r = file_hash(s->catalog, w->vm->kernel_path, kernel, e);

	if (r < 0)
		return r;
	buf_printf(&text, "ktstr snapshot %d\n%s\n%s\n%llx\n", FORMAT, kernel, s->base.sha256,
		   (unsigned long long)s->base.freeze_at);
	r = vm_fingerprint(w->backend, &s->maker, &text, e);
	if (r < 0 || text.bad)
		return r < 0 ? r : err_sys(e, text.bad, "snapshot");
	hash_bytes(text.at, text.len, s->key);
	return 0;
}

/* ---- having it, or making it ---- */

static void have_none(struct snapshot *s, const char *why)
{
	snprintf(s->why_not, sizeof(s->why_not), "%s", why);
	s->state = SNAPSHOT_NONE;
	snapshot_base_fini(&s->base);
	s->base = (struct snapshot_base){ .fd = -1 };
	close_fd(&s->lock);
	close_fd(&s->fd);
}

static void look_at_refusal(struct snapshot *s)
{
	char text[sizeof(s->why_not)] = "";
	ssize_t n = pread(s->fd, text, sizeof(text) - 1, 0);

	if (n > 0 && !strncmp(text, REFUSAL, sizeof(REFUSAL) - 1))
		have_none(s, text + sizeof(REFUSAL) - 1);
}

static int open_it(struct snapshot *s, struct err *e)
{
	int r = snapshot_open(s->catalog, s->key, &s->fd, e);

	if (r == -EBADMSG) { /* something else is in its place */
		snapshot_drop(s->catalog, s->key);
		return -ENOENT;
	}
	if (r < 0)
		return r;
	s->state = SNAPSHOT_READY;
	look_at_refusal(s);
	return 0;
}

/* Whoever comes while another one makes it waits for that. A cache that cannot be written shares none. */
static int open_or_make(struct snapshot *s, struct err *e)
{
	int r = open_it(s, e);

	if (r != -ENOENT)
		return r;
	s->state = SNAPSHOT_MAKING;
	r = snapshot_hold(s->catalog, s->key, MAKER_WAIT_NS, &s->patience, &s->lock, e);
	if (r < 0)
		return r == -EINTR ? r : 0;
	r = open_it(s, e);
	if (r == -ENOENT) {
		s->state = SNAPSHOT_MAKING;
		return 0;
	}
	close_fd(&s->lock);
	return r;
}

/* That one is in the run's own archive, and waits for nobody. */
static bool has_own_init(const char *cmdline)
{
	static const char word[] = "rdinit=";

	for (const char *at = cmdline; at && (at = strstr(at, word)); at++)
		if (at == cmdline || at[-1] == ' ')
			return true;
	return false;
}

int snapshot_find(struct snapshot *s, const struct snapshot_wish *w, struct err *e)
{
	int r;

	if (!w->image->cache_dir || !vm_can_be_saved(w->backend, w->vm))
		return 0;
	if (has_own_init(w->vm->cmdline)) {
		have_none(s, "its command line names another first process");
		return 0;
	}
	s->patience = w->patience;
	s->maker = maker_of(w->vm, w->archive_bytes);
	if (!vm_parcel_gpa(w->backend, &s->maker)) {
		have_none(s, "the end of its memory is at a hole");
		return 0;
	}
	r = catalog_open(w->image->cache_dir, &s->catalog, e);
	if (!r)
		r = w->again ? take_base(s, w->again, e) : build_base(s, w, e);
	if (!r)
		r = make_key(s, w, e);
	if (!r)
		r = open_or_make(s, e);
	return r < 0 ? err_frame(e, "snapshot") : 0;
}

int snapshot_save(struct snapshot *s, struct vm *vm, const struct buf *console, struct err *e)
{
	s->fd = anon_file("ktstr-snapshot", e);
	if (s->fd < 0)
		return s->fd;
	int r = vm_save(vm, console, s->fd, e);
	if (r < 0)
		return r;
	/* The run goes on with what it has; only the next one pays for a cache that is full. */
	if (snapshot_put(s->catalog, s->key, s->fd, NULL) == 0)
		snapshots_trim(s->catalog);
	close_fd(&s->lock);
	s->state = SNAPSHOT_READY;
	return 0;
}

void snapshot_refuse(struct snapshot *s, const char *why)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	SCOPED(close_fd) int fd = anon_file("ktstr-refusal", NULL);

	buf_printf(&text, REFUSAL "%s", why);
	if (fd >= 0 && !text.bad && write_full(fd, text.at, text.len) == 0)
		(void)snapshot_put(s->catalog, s->key, fd, NULL);
	have_none(s, why);
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* Who else found it damaged may have made it anew while we waited. */
void snapshot_redo(struct snapshot *s)
{
	SCOPED(close_fd) int damaged = hand_over_fd(&s->fd);

	/* who is interrupted here hears it from what waits next */
	(void)snapshot_hold(s->catalog, s->key, MAKER_WAIT_NS, &s->patience, &s->lock, NULL);
	if (open_it(s, NULL) == 0 && !same_file(s->fd, damaged)) {
		close_fd(&s->lock);
		return;
	}
	close_fd(&s->fd);
	snapshot_drop(s->catalog, s->key);
	s->state = SNAPSHOT_MAKING;
}

void snapshot_apply(const struct snapshot *s, struct vm_config *cfg)
{
	if (s->state == SNAPSHOT_NONE)
		return;
	if (s->state == SNAPSHOT_READY) {
		cfg->parcel_bytes = s->maker.parcel_bytes;
		cfg->resume_fd = s->fd;
		return;
	}
	const struct vm_placement *place = cfg->place;
	*cfg = s->maker;
	cfg->place = place;
	cfg->initrd_fd = s->base.fd;
	cfg->freeze_at = s->base.freeze_at;
}
