/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr-init: PID 1 of every guest. From the kernel's hand to the link, then the run, then power-off. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "guest/console.h"
#include "guest/early.h"
#include "guest/module.h"
#include "guest/mount.h"
#include "guest/parcel.h"
#include "guest/run.h"
#include "guest/setup.h"
#include "guest/uplink.h"
#include "link/job.h"

#define LINK_WAIT_NS 20000000000u
/* When something is wrong already, the link is tried only to say so over it. */
#define LINK_WAIT_BROKEN_NS 2000000000u

static int read_job(struct job *ret, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	size_t len;

	if (access(GUEST_SENTINEL_PATH, F_OK) < 0)
		return err_set(
			e, -ENODATA,
			"the archive was unpacked only in part: the guest needs more memory");
	int r = read_file(GUEST_JOB_PATH, JOB_MAX_SIZE, &text, &len, e);
	return r < 0 ? r : job_parse(text, len, ret, e);
}

/* Without a console the kernel leaves 0 to 2 closed, and nothing else may ever get these numbers. */
static void hold_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close_fd(&fd);
}

/* The real job comes with it. What takes long is done before, as it is the same each time. */
static int take_parcel(struct job *job, struct uplink *up, struct early *early, struct err *e)
{
	int r = modules_load(&job->modules, e);

	if (!r)
		r = uplink_open(up, now_ns() + LINK_WAIT_NS, e);
	if (!r)
		r = early_prepare_all(early, job, e);
	if (!r)
		r = parcel_take(job, e);
	if (r < 0)
		return r;
	job_fini(job);
	r = read_job(job, e);
	if (!r)
		early_adopt(early, job);
	return r;
}

static int prepare(struct job *ret, struct uplink *up, struct early *early, struct err *e)
{
	int r = mount_first(e);

	if (r < 0)
		return r;
	hold_standard_streams();
	r = read_job(ret, e);
	if (!r && ret->parcel_at)
		r = take_parcel(ret, up, early, e);
	if (!r)
		r = setup_seed(ret, e);
	return r < 0 ? r : modules_load(&ret->modules, e);
}

int main(void)
{
	SCOPED(job_fini) struct job job = { 0 };
	struct err broken = { 0 }, e = { 0 };
	struct uplink up = { .fd = -1 };
	struct early early = { 0 };

	umask(022);
	console_catch_crashes();
	int r = prepare(&job, &up, &early, &broken);
	if (up.fd < 0 &&
	    uplink_open(&up, now_ns() + (r ? LINK_WAIT_BROKEN_NS : LINK_WAIT_NS), &e) < 0) {
		console_fatal(r ? broken.text : e.text);
		power_off();
	}
	uplink_hello(&up);
	if (run_job(&job, &up, &early, &broken, &e) < 0)
		console_fatal(e.text);
	power_off();
}
