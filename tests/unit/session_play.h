/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sessions in virtual time by a backend that plays machines that are frozen, saved and resumed; the
 * cache is a real one, the host's time is played, too.
 */
#ifndef UNIT_SESSION_PLAY_H
#define UNIT_SESSION_PLAY_H

#include "unit.h"

#include "catalog_util.h"
#include "harness/session.h"

#define MS 1000000ull
#define SEC (1000 * MS)
#define START (5000 * SEC) /* of the host's clock */
#define MIB (UINT64_C(1) << 20)

enum what {
	NOTHING_MORE,
	SAY, /* on the console */
	TELL_FATAL,
	FREEZE,
	WORK, /* and say nothing until so many seconds old */
	RUN,  /* from HELLO to the end */
	DIE,  /* with a text: by the guest's own wish */
	WAIT_FOR_OTHERS,
};

struct step {
	enum what what;
	const char *text;
	uint64_t seconds;
};

/* How machines behave, and what was asked of them. */
struct play {
	const struct step *maker, *runner, *booter; /* NULL = as they should */
	int save_error;
	bool no_room;
	bool clock_stands; /* virtual time does not pass */
	unsigned int made, resumed, booted, saved;
	struct vm_config maker_cfg, last_cfg;
	char maker_initrd[12], last_initrd[12]; /* how they begin */
	uint64_t first_look; /* at the clock of the last machine, since its birth */
	struct buf console;
};

extern struct play p;
extern uint64_t host_ns;
/* Of WAIT_FOR_OTHERS: told that it waits, and what tells it to go on. */
extern int ready_fd, go_fd;

/* What is run, and where; each test starts with begin(), which makes a new cache. */
extern struct path cache, kernel;
extern struct vm_config wish;
extern struct snapshot_base base; /* what the record says, but for its file */
extern uint64_t archive_bytes;	  /* without the job */
extern const char *cache_dir;

void begin(void);
void put_kernel(const char *text);
/* As begin() left it and the test changed it; again and the like are the caller's. */
struct session_spec spec_of(void);
/* A session of such a spec, in a fresh @how; one that was recorded if @spec has neither job nor again. */
int play_session(struct session_spec *spec, struct play how, struct cell_result *ret,
		 struct err *e);
struct cell_result run(struct play how); /* of a record; must work */

void expect(struct cell_result r, enum cause c, const char *text, const char *snapshot);
/* How many machines the last session had: to be frozen, resumed, and booted as a whole. */
void expect_machines(unsigned int made, unsigned int resumed, unsigned int booted);
/* Runs that pass in one of the three ways. */
void run_makes(void);
void run_uses(void);
void run_boots(struct play how);
size_t nr_snapshots(void);
int session_play_teardown(void **state);

#endif
