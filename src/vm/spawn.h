/* SPDX-License-Identifier: GPL-2.0-only */
/* Starts a program that cannot outlive us and sees nothing of ours but the descriptors given. */
#ifndef VM_SPAWN_H
#define VM_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

struct err;

#define SPAWN_MAX_FDS 128

/*
 * fds[i] becomes descriptor i of the program; -1 = /dev/null; no other is open in it. The program
 * is killed when the calling thread ends, has a process group and an empty signal mask of its own,
 * and leaves no core file. Returns its pid (to be reaped by the caller) and a pidfd in @ret_pidfd.
 */
int spawn(const char *path, char *const argv[], const int *fds, size_t nr, int *ret_pidfd,
	  struct err *e);

#endif
