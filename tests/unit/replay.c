/* SPDX-License-Identifier: GPL-2.0-only */
/* What a record needs of the cache, and what is said when it is no longer there. */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/objects.h"
#include "catalog_util.h"
#include "harness/replay.h"

#define GONE "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct recorded {
	struct catalog *c;
	struct replay r;
	struct words said;
};

static void recorded_fini(struct recorded *x)
{
	words_fini(&x->said);
	replay_fini(&x->r);
	catalog_close(x->c);
}
DEFINE_SCOPED_FINI(struct recorded, recorded_fini)

static void put(struct recorded *x, const char *text, char ret[OBJECT_NAME_LEN + 1])
{
	struct err e = { 0 };

	put_file(catalog_dir(x->c), text, text);
	if (object_put_file(x->c, path_format("%s/%s", catalog_dir(x->c), text).s, ret, &e) < 0)
		fail_msg("%s", e.text);
}

/* A run whose kernel, archive and base the cache has. */
static struct recorded record_of_a_run(void)
{
	struct recorded x = {
		.c = open_cache(new_dir().s),
		.r = { .id = "aaaaaaaaaaaa",
		       .kernel_fd = -1,
		       .source = { .fd = -1, .base.fd = -1 },
		       .record.machine = { .freeze_at = 0x403065, .job = strdup("job=1\n") },
		       .record.about = { .kernel = strdup("a kernel"),
					 .file = strdup("a/test"),
					 .test = strdup("test") } },
	};
	struct record_machine *m = &x.r.record.machine;

	put(&x, "kernel", m->kernel);
	put(&x, "archive", m->archive);
	put(&x, "base archive", m->base);
	return x;
}

/* Beside that about emulators, which this host may have or not. */
static void expect_missing(struct recorded *x, const char *text)
{
	struct err e = { 0 };
	bool found = false;

	if (replay_check(&x->r, x->c, &x->said, &e) != 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < x->said.nr; i++)
		found |= strstr(x->said.at[i], text) != NULL;
	if (!found)
		fail_msg("nobody says \"%s\"", text);
}

TEST(the_archive_that_a_record_names_is_what_its_snapshot_is_made_of)
{
	SCOPED(recorded_fini) struct recorded x = record_of_a_run();
	const struct snapshot_base *b = &x.r.source.base;
	char text[20] = "";

	assert_true(replay_check(&x.r, x.c, &x.said, NULL) >= 0);
	for (size_t i = 0; i < x.said.nr; i++)
		assert_null(strstr(x.said.at[i], "snapshot"));
	assert_int_equal(b->size, strlen("base archive"));
	assert_int_equal(pread(b->fd, text, sizeof(text), 0), b->size);
	assert_string_equal(text, "base archive");
	assert_string_equal(b->sha256, x.r.record.machine.base);
	assert_true(b->freeze_at == 0x403065);
}

TEST(a_run_that_booted_has_none)
{
	SCOPED(recorded_fini) struct recorded x = record_of_a_run();

	x.r.record.machine.base[0] = 0;
	assert_true(replay_check(&x.r, x.c, &x.said, NULL) >= 0);
	assert_true(!x.r.source.base.size && x.r.source.base.fd < 0);
}

TEST(what_is_no_longer_there_is_named)
{
	SCOPED(recorded_fini) struct recorded x = record_of_a_run();
	SCOPED(recorded_fini) struct recorded y = record_of_a_run();
	SCOPED(recorded_fini) struct recorded z = record_of_a_run();

	strcpy(x.r.record.machine.base, GONE);
	expect_missing(&x, "the archive of its snapshot is no longer in the cache (SHA-256 "
			   "bbbbbbbbbbbb...)");
	strcpy(y.r.record.machine.archive, GONE);
	expect_missing(&y, "the guest archive of a/test is no longer in the cache");
	strcpy(z.r.record.machine.kernel, GONE);
	expect_missing(&z, "kernel a kernel is no longer in the cache");
}

UNIT_MAIN(NULL, remove_new_dirs)
