/* SPDX-License-Identifier: GPL-2.0-only */
/* What a machine is told to do after it was frozen; see abi/parcel.h. */
#ifndef GUEST_PARCEL_H
#define GUEST_PARCEL_H

struct err;
struct job;

/*
 * @base says where the parcel will be. Waits to be frozen, and unpacks what has come meanwhile over the
 * file system, another job file included.
 */
int parcel_take(const struct job *base, struct err *e);

#endif
