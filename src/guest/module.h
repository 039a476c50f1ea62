/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel modules, loaded in the order the job gives. */
#ifndef GUEST_MODULE_H
#define GUEST_MODULE_H

struct err;
struct job_list;

/* File names below GUEST_MODULE_DIR. One that is loaded or built in already is fine. */
int modules_load(const struct job_list *names, struct err *e);

#endif
