/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that init starts. Init is everybody's parent, so it reaps strangers too. */
#ifndef GUEST_CHILD_H
#define GUEST_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct err;

/* Zero-initialised: nothing was started. */
struct child {
	pid_t pid;
	bool ended;
	int status; /* as wait(2) gives it */
};

struct spawn {
	char *const *argv; /* NULL = no program, only @first */
	char *const *env;
	const char *path;    /* file to execute; NULL = argv[0], looked for in the PATH of @env */
	const char *cwd;     /* NULL = / */
	int in, out, err;    /* negative = /dev/null */
	int keep;	     /* one more descriptor that stays open, or negative */
	bool terminal;	     /* @in becomes the controlling terminal */
	void (*first)(void); /* what the child does before it becomes the program */
};

/*
 * In a session of its own. Does not wait for the exec: under a scheduler that starves everybody that
 * could take forever. So a program that cannot run shows as exit status 127 or 126 and a line on
 * its standard error, as it does in a shell.
 */
int child_spawn(struct child *c, const struct spawn *s, struct err *e);

static inline bool child_runs(const struct child *c)
{
	return c->pid > 0 && !c->ended;
}
/* To the whole group; nothing happens if it has ended. */
void child_signal(const struct child *c, int sig);

/* Takes in every process that has ended, and notes it in the one of @known that it belongs to. */
void children_reap(struct child *const *known, size_t nr);

#endif
