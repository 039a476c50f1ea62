/* SPDX-License-Identifier: GPL-2.0-only */
#include "harness/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"
#include "base/io.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "harness/events.h"
#include "harness/session.h"
#include "harness/snapshot.h"
#include "vm/vm.h"

/* Copies whose failures show at the end. */
static char *copy(const char *text, bool *bad)
{
	char *s = strdup(text ? text : "");

	*bad |= !s;
	return s;
}

static void set_chars(char *to, size_t cap, const char *from)
{
	snprintf(to, cap, "%s", from);
}

static void fill_machine(const struct recorder *rec, const struct cell_result *r,
			 struct record_machine *m, bool *bad)
{
	const struct vm_config *vm = rec->vm;

	set_chars(m->ktstr, sizeof(m->ktstr), KTSTR_VERSION);
	set_chars(m->emulator, sizeof(m->emulator), r->emulator);
	m->arch = vm->arch;
	topo_format(&vm->topo, m->topology, sizeof(m->topology));
	m->memory_mib = (uint32_t)(vm->memory_bytes >> 20);
	set_chars(m->archive, sizeof(m->archive), rec->source->sha256);
	set_chars(m->base, sizeof(m->base), rec->source->base.sha256);
	m->freeze_at = rec->source->base.freeze_at;
	m->job = copy(rec->source->job, bad);
	m->cmdline = copy(vm->cmdline, bad);
	m->verbose = vm->verbose;
	m->seed = vm->seed;
	m->rate_shift = vm->pace.rate_shift;
	m->turn_us = vm->pace.turn_us;
}

static void fill_about(const struct recorder *rec, const struct cell_result *r,
		       struct record_about *a, bool *bad)
{
	const struct cell *c = r->cell;

	a->made_at = (uint64_t)time(NULL);
	a->name = copy(c->name, bad);
	a->test = copy(c->test, bad);
	a->summary = copy(c->summary, bad);
	a->file = copy(c->file, bad);
	a->kernel = copy(c->kernel, bad);
	a->kernel_key = copy(c->kernel_key, bad);
	a->scheduler = copy(c->scheduler, bad);
	a->scheduler_name = copy(c->scheduler_name, bad);
	a->again = copy(r->rerun, bad);
	a->expect_fail = rec->wishes.expect_fail;
	a->allow_inconclusive = rec->wishes.allow_inconclusive;
	a->no_skip = rec->wishes.no_skip;
	a->expect = copy(rec->wishes.expect, bad);
}

static void fill_outcome(const struct cell_result *r, struct record_outcome *o, bool *bad)
{
	o->verdict = r->verdict;
	o->cause = r->cause;
	o->headline = copy(r->headline, bad);
	o->schedule = r->schedule;
	o->over_ns = r->end_ns;
}

/* JSON cannot carry anything else, and a job that comes back changed is another run. */
static bool is_text(const char *s)
{
	size_t n;

	for (; *s; s += n)
		if (!(n = utf8_decode(s, NULL)))
			return false;
	return true;
}

/* Only for people to compare: a program that cannot be read any more has no hash. */
static void hash_program(const char *path, char ret[OBJECT_NAME_LEN + 1])
{
	SCOPED(close_fd) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || hash_fd(fd, (uint64_t)st.st_size, ret) < 0)
		ret[0] = 0;
}

static bool says_nothing(enum cause c)
{
	return c == CAUSE_EMULATOR_DIED || c == CAUSE_EMULATOR_HUNG || c == CAUSE_HARNESS ||
	       c == CAUSE_INTERRUPTED;
}

static bool is_recorded(struct catalog *c, const char *id)
{
	char found[RUN_ID_LEN + 1];

	return run_find(c, id, found, NULL) == 0;
}

static int store(struct catalog *c, const char *id, const struct run_record *record,
		 const struct cell_result *r, struct err *e)
{
	SCOPED(buf_fini) struct buf text = { 0 };
	SCOPED(buf_fini) struct buf events = { 0 };
	const char *const objects[] = { record->machine.kernel, record->machine.archive,
					record->machine.base };
	size_t nr_objects = ARRAY_SIZE(objects) - !*record->machine.base;

	run_record_write(record, &text);
	int bad = events_write(r->sched_events, r->sched_events ? r->schedule.kept : 0, &events);
	if (text.bad || bad)
		return err_sys(e, text.bad ? text.bad : bad, "record of run %s", id);
	const struct run_file files[] = {
		{ RECORD_FILE, text.at, text.len },
		{ RECORD_EVENTS, events.at, events.len },
	};
	return run_store(c, id, files, ARRAY_SIZE(files), objects, nr_objects, e);
}

/* Objects first, under a lock: gc must not take away what the record is going to name. */
static int put_objects(struct catalog *c, const struct recorder *rec, struct run_record *record,
		       int *ret_lock, struct err *e)
{
	const struct session_source *s = rec->source;
	int r = objects_hold(c, ret_lock, e);

	if (!r)
		r = object_put_file(c, rec->vm->kernel_path, record->machine.kernel, e);
	if (!r)
		r = object_put_fd(c, s->sha256, s->fd, s->size, s->file, e);
	if (!r && s->base.size)
		r = object_put_fd(c, s->base.sha256, s->base.fd, s->base.size, NULL, e);
	return r;
}

int recorder_store(const struct recorder *rec, struct cell_result *r, struct err *e)
{
	SCOPED(catalog_close) struct catalog *c = NULL;
	SCOPED(run_record_fini) struct run_record record = { 0 };
	SCOPED(close_fd) int lock = -1;
	char id[RUN_ID_LEN + 1];
	bool bad = false;

	fill_machine(rec, r, &record.machine, &bad);
	fill_about(rec, r, &record.about, &bad);
	fill_outcome(r, &record.outcome, &bad);
	if (bad)
		return err_sys(e, -ENOMEM, "record");
	if (!is_text(record.machine.job) || !is_text(record.machine.cmdline))
		return err_set(e, -EILSEQ, "an argument is not UTF-8");
	hash_program(rec->file, record.about.file_sha256);
	hash_program(rec->scheduler, record.about.scheduler_sha256);
	int err = machine_fingerprint(rec->backend, rec->vm,
				      rec->source->base.size ? rec->source->size : 0,
				      record.machine.fingerprint, e);
	if (!err)
		err = catalog_open(rec->cache_dir, &c, e);
	if (!err)
		err = put_objects(c, rec, &record, &lock, e);
	if (err < 0)
		return err;
	run_record_id(&record.machine, id);
	if (!says_nothing(r->cause) || !is_recorded(c, id))
		err = store(c, id, &record, r, e);
	if (err < 0)
		return err;
	memcpy(r->run, id, sizeof(id));
	close_fd(&lock);
	runs_trim(c);
	return 0;
}

void recorder_try(const struct recorder *rec, struct cell_result *r)
{
	SCOPED(buf_fini) struct buf why = { 0 };
	struct err e = { 0 };

	if (!r->virtual_time || !rec->source->job || recorder_store(rec, r, &e) == 0)
		return;
	buf_printf(&why, "this run left no record: %s", e.text);
	cell_result_note(r, "record", buf_str(&why));
}
