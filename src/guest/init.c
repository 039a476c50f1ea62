/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr-init: PID 1 of every guest. From the kernel's hand to the link, then the run, then power-off. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/job.h"
#include "base/err.h"
#include "base/io.h"
#include "base/scoped.h"
#include "guest/console.h"
#include "guest/module.h"
#include "guest/mount.h"
#include "guest/uplink.h"
#include "link/job.h"

#define LINK_WAIT_NS 20000000000u

static int read_job(struct job *ret, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	size_t len;

	if (access(GUEST_SENTINEL_PATH, F_OK) < 0)
		return err_set(e, -ENODATA,
			       "the guest archive was unpacked only in part: "
			       "the guest needs more memory");
	int r = read_file(GUEST_JOB_PATH, JOB_MAX_SIZE, &text, &len, e);
	return r < 0 ? r : job_parse(text, len, ret, e);
}

int main(void)
{
	SCOPED(job_fini) struct job job = { 0 };
	struct uplink up = { .fd = -1 };
	struct err e = { 0 };

	umask(022);
	console_catch_crashes();
	if (mount_first(&e) < 0 || read_job(&job, &e) < 0 || modules_load(&job.modules, &e) < 0 ||
	    uplink_open(&up, now_ns() + LINK_WAIT_NS, &e) < 0) {
		console_fatal(e.text);
		power_off();
	}
	uplink_hello(&up);
	if (mount_rest(&e) < 0)
		uplink_text(&up, FRAME_FATAL, e.text);
	struct exit_msg m = { .kind = EXIT_KIND_NOTHING };
	uplink_send(&up, FRAME_EXIT, &m, sizeof(m));
	uplink_drain(&up, now_ns() + LINK_WAIT_NS);
	power_off();
}
