/* SPDX-License-Identifier: GPL-2.0-only */
/* The file systems of a guest, and the controllers of its cgroup tree. */
#ifndef GUEST_MOUNT_H
#define GUEST_MOUNT_H

struct err;

/* proc, sysfs, devtmpfs: what is needed to find the link. */
int mount_first(struct err *e);
/* Everything else; what a kernel does not have is left out, if guests can do without. */
int mount_rest(struct err *e);

#endif
