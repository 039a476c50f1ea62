/* SPDX-License-Identifier: GPL-2.0-only */
/* A test run on this machine, with a recorder for the cgroup file system and a made-up sysfs. */
#ifndef UNIT_AUTHOR_FIXTURE_H
#define UNIT_AUTHOR_FIXTURE_H

#include "unit.h"

#include "author/context.h"

/* Every call on the cgroup file system and every frame, one line each. */
struct record {
	struct buf log;
	const char *fail_at; /* the call that fails, "make cg_1" */
};

struct fixture {
	struct record rec;
	struct ktstr *t;
	struct buf json;
};

/* The machine all tests think they run on: 1n2l2c1t. Group set-up and tear-down. */
int fixture_machine_make(void **state);
int fixture_machine_remove(void **state);
/* Of each test. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

struct ktstr_setup setup_of(struct fixture *f, const char *limits);
struct ktstr *begin(struct fixture *f, const char *limits);
enum outcome finish(struct fixture *f);
const char *headline(const struct fixture *f); /* of what was found */

#endif
