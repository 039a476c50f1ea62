/* SPDX-License-Identifier: GPL-2.0-only */
#include "author_fixture.h"

#include <errno.h>
#include <string.h>

#include "abi/frame.h"
#include "base/err.h"
#include "base/io.h"

static int note_call(struct record *rec, struct err *e, const char *call)
{
	buf_printf(&rec->log, "%s\n", call);
	if (rec->fail_at && !strncmp(call, rec->fail_at, strlen(rec->fail_at)))
		return err_sys(e, -EIO, "planted");
	return 0;
}

static int fake_make(void *ctx, const char *name, struct err *e)
{
	char call[200];

	snprintf(call, sizeof(call), "make %s", name);
	return note_call(ctx, e, call);
}

static int fake_write(void *ctx, const char *name, const char *file, const char *text,
		      struct err *e)
{
	char call[200];

	if (!strcmp(file, "cgroup.procs"))
		text = "PID";
	snprintf(call, sizeof(call), "%s/%s=%s", name, file, text);
	return note_call(ctx, e, call);
}

static int fake_remove(void *ctx, const char *name, struct err *e)
{
	char call[200];

	snprintf(call, sizeof(call), "remove %s", name);
	return note_call(ctx, e, call);
}

static int fake_open(void *ctx, const char *name, int *ret, struct err *e)
{
	char call[200];

	*ret = -1;
	snprintf(call, sizeof(call), "open %s", name);
	return note_call(ctx, e, call);
}

static void fake_send(void *ctx, uint16_t type, const void *payload, size_t len)
{
	struct record *rec = ctx;
	const struct stage_msg *msg = payload;

	assert_int_equal(type, FRAME_STAGE);
	assert_int_equal(len, sizeof(*msg));
	buf_printf(&rec->log, "stage %u\n", msg->stage);
}

/* A machine of one node, two caches and two CPUs each. */
static char sysfs[] = "/tmp/ktstr-unit-sys-XXXXXX";

static void put_file(const char *path, const char *text)
{
	char full[300], *slash;

	snprintf(full, sizeof(full), "%s/%s", sysfs, path);
	slash = strrchr(full, '/');
	*slash = 0;
	assert_int_equal(make_dirs(full, 0755, NULL), 0);
	*slash = '/';
	assert_int_equal(write_file_atomic(full, text, strlen(text), 0644, NULL), 0);
}

int fixture_machine_make(void **state)
{
	char path[100];

	assert_non_null(mkdtemp(sysfs));
	put_file("devices/system/cpu/online", "0-3\n");
	put_file("devices/system/node/has_cpu", "0\n");
	put_file("devices/system/node/node0/cpulist", "0-3\n");
	for (int cpu = 0; cpu < 4; cpu++) {
		const char *own = (const char *[]){ "0\n", "1\n", "2\n", "3\n" }[cpu];

		snprintf(path, sizeof(path),
			 "devices/system/cpu/cpu%d/cache/index0/shared_cpu_list", cpu);
		put_file(path, own);
		snprintf(path, sizeof(path),
			 "devices/system/cpu/cpu%d/cache/index1/shared_cpu_list", cpu);
		put_file(path, cpu < 2 ? "0-1\n" : "2-3\n");
	}
	return 0;
}

int fixture_machine_remove(void **state)
{
	return remove_tree(sysfs, NULL);
}

struct ktstr_setup setup_of(struct fixture *f, const char *limits)
{
	return (struct ktstr_setup){
		.limits = limits,
		.topology = "1n2l2c1t",
		.sysfs = sysfs,
		.seed = 7,
		.duration_ms = 100,
		.fs = { fake_make, fake_write, fake_remove, fake_open, &f->rec },
		.send = fake_send,
		.send_ctx = &f->rec,
	};
}

struct ktstr *begin(struct fixture *f, const char *limits)
{
	struct ktstr_setup s = setup_of(f, limits);
	struct err e;

	assert_int_equal(ktstr_create_(&s, &f->t, &e), 0);
	return f->t;
}

enum outcome finish(struct fixture *f)
{
	struct err e;

	assert_int_equal(ktstr_finish_(f->t, &f->json, &e), 0);
	return findings_verdict(&f->t->findings);
}

const char *headline(const struct fixture *f)
{
	return f->t->findings.nr ? f->t->findings.at[0].text : "";
}

int fixture_set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return !*state;
}

int fixture_tear_down(void **state)
{
	struct fixture *f = *state;

	ktstr_destroy_(f->t);
	buf_fini(&f->rec.log);
	buf_fini(&f->json);
	free(f);
	return 0;
}
