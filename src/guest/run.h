/* SPDX-License-Identifier: GPL-2.0-only */
/* One run, from the working link to the last frame: one loop over everything that can happen. */
#ifndef GUEST_RUN_H
#define GUEST_RUN_H

struct early;
struct err;
struct job;
struct uplink;

/*
 * Returns when the machine may be switched off; negative if the host could not be told all. If
 * @broken has a code the run consists of reporting that.
 */
int run_job(const struct job *j, struct uplink *up, struct early *early, const struct err *broken,
	    struct err *e);

#endif
