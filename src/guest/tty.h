/* SPDX-License-Identifier: GPL-2.0-only */
/* The terminal of an interactive guest: a virtio console of its own, beside the kernel's. */
#ifndef GUEST_TTY_H
#define GUEST_TTY_H

#include <stdbool.h>
#include <stdint.h>

struct child;
struct err;
struct job;
struct winsz_msg;

int tty_open(const struct job *j, uint64_t deadline, int *ret, struct err *e);
int tty_start_shell(int tty, const struct job *j, struct child *ret, struct err *e);
void tty_resize(int tty, const struct winsz_msg *size);
/* Output is on its way still. */
bool tty_is_busy(int tty);

#endif
