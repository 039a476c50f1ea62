/* SPDX-License-Identifier: GPL-2.0-only */
/* From a request to the archive: out of the cache, or planned and packed. */
#include "image/guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "image/closure.h"
#include "image/newc.h"
#include "image/part.h"
#include "image/plan.h"

void guest_build_fini(struct guest_build *b)
{
	if (b->size)
		close_fd(&b->fd);
	for (char **m = b->modules; m && *m; m++)
		free(*m);
	free(b->modules);
	free(b->plain_file);
	*b = (struct guest_build){ 0 };
}

static uint64_t wall_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* What guest_image_open() works on. */
struct opening {
	const struct guest_spec *spec;
	const char *sysroot;
	char request[PART_NAME_LEN + 1];
	int fd;
	struct part_hit got;
};

static int build(struct opening *o, struct err *e)
{
	SCOPED(guest_plan_fini) struct guest_plan p = { 0 };
	uint64_t started_ns = wall_clock_ns();
	int r = guest_plan_make(o->spec, o->sysroot, &p, e);

	if (!r)
		r = pack_plan(&p, o->fd, &o->got.sum, e);
	if (!r && o->spec->cache_dir)
		r = part_store(o->spec->cache_dir, o->request, &p, started_ns, &o->got.sum, o->fd,
			       o->got.archive, e);
	if (r >= 0)
		o->got.modules = hand_over(p.modules);
	return MIN(r, 0);
}

/* 1: from the cache, 0: built. */
static int fetch_or_build(struct opening *o, struct err *e)
{
	int r = 0;

	if (o->spec->cache_dir) {
		r = part_request(o->spec, o->sysroot, o->request, e);
		if (!r)
			r = part_fetch(o->spec->cache_dir, o->request, o->fd, &o->got, e);
	}
	return r ? r : build(o, e);
}

int guest_image_open(const struct guest_spec *spec, struct guest_build *ret, struct err *e)
{
	uint64_t from = now_ns();
	const char *sysroot = spec->sysroot ? spec->sysroot : closure_default_sysroot(spec->arch);
	struct opening o = { .spec = spec, .sysroot = sysroot ? sysroot : "" };
	SCOPED(close_fd) int fd = anon_file("ktstr-guest", e);

	if (fd < 0)
		return fd;
	o.fd = fd;
	int r = fetch_or_build(&o, e);
	if (r < 0)
		return r;
	*ret = (struct guest_build){ .fd = hand_over_fd(&fd),
				     .size = o.got.sum.size,
				     .unpacked = o.got.sum.unpacked,
				     .from_cache = r,
				     .took_ns = now_ns() - from,
				     .modules = o.got.modules,
				     .plain_size = o.got.sum.size };
	memcpy(ret->plain_sha256, o.got.sum.sha256, sizeof(ret->plain_sha256));
	if (o.got.archive[0] &&
	    asprintf(&ret->plain_file, "%s/parts/%s.newc", spec->cache_dir, o.got.archive) < 0)
		ret->plain_file = NULL; /* it is in @fd as well */
	return 0;
}

int guest_image_take(int fd, uint64_t size, struct guest_build *ret, struct err *e)
{
	uint64_t from = now_ns();
	SCOPED(close_fd) int own = anon_file("ktstr-guest", e);

	if (own < 0)
		return own;
	int r = copy_front(fd, own, size);
	if (r < 0)
		return err_sys(e, r, "guest archive: copying");
	*ret = (struct guest_build){ .fd = hand_over_fd(&own),
				     .size = size,
				     .unpacked = size,
				     .from_cache = true,
				     .took_ns = now_ns() - from,
				     .plain_size = size };
	return 0;
}

int guest_image_finish(struct guest_build *b, const void *job, size_t job_len, struct err *e)
{
	SCOPED(buf_fini) struct buf tail = { 0 };
	uint64_t from = now_ns();

	if (job_len > JOB_MAX_SIZE)
		return err_set(e, -EFBIG, "job: %zu bytes, at most %u are possible", job_len,
			       JOB_MAX_SIZE);
	newc_file(&tail, GUEST_JOB_PATH, 0644, job, job_len);
	newc_file(&tail, GUEST_SENTINEL_PATH, 0444, NULL, 0);
	newc_end(&tail);
	if (tail.bad)
		return err_sys(e, tail.bad, "guest archive");
	if (lseek(b->fd, (off_t)b->size, SEEK_SET) < 0)
		return err_sys(e, -errno, "guest archive");
	int r = write_full(b->fd, tail.at, tail.len);
	if (r < 0)
		return err_sys(e, r, "guest archive: writing");
	b->size += tail.len;
	b->unpacked += pack_ram(job_len) + pack_ram(0);
	b->took_ns += now_ns() - from;
	return 0;
}
