/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <string.h>

#include "base/buf.h"
#include "cli/complete.h"

struct args {
	struct opt_choice arch;
	struct opt_list format;
	const char *topology, *dir;
	struct opt_u32 jobs;
	bool verbose;
};

static const char *const arches[] = { "x86_64", "arm64", NULL };

static const struct opt opts[] = {
	OPT(struct args, arch, "architecture", 'a', .names = arches),
	OPT(struct args, format, "format", .complete = COMPLETE_FORMAT),
	OPT(struct args, topology, "shape", 't', .complete = COMPLETE_TOPOLOGY),
	OPT(struct args, dir, "folder", .complete = COMPLETE_DIR),
	OPT(struct args, jobs, "how many", 'j'),
	OPT(struct args, verbose, "more", 'v'),
	OPT_END,
};

static const struct cmd files = { .name = "files", .opts = opts, .complete = COMPLETE_FILE };
static const struct cmd quiet = { .name = "quiet", .opts = opts };
static const struct cmd run = { .name = "run", .opts = opts, .first_ends = true };
static const struct cmd *const subs[] = { &files, &quiet, NULL };
static const struct cmd group = { .name = "group", .subs = subs };
static const struct cmd *const list[] = { &files, &run, &group, NULL };

/* Completes the last of the words in @line, which are separated by single blanks. */
static void expect(const char *line, const char *want)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	const char *words[10];
	char copy[100], *rest = copy;
	int nr = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	while (rest)
		words[nr++] = strsep(&rest, " ");
	complete_words(list, nr, words, &b);
	assert_string_equal(buf_str(&b), want);
}

TEST(commands_and_their_commands_are_offered)
{
	expect("", "files\nrun\ngroup\n--help\n--version\n");
	expect("r", "run\n");
	expect("--v", "--version\n");
	expect("x", "");
	expect("group f", "files\n");
	expect("nothing ", "");
	expect("group nothing ", "");
}

TEST(options_and_their_values_are_offered)
{
	expect("files --a", "--arch\n");
	expect("files --h", "--help\n");
	expect("files --arch ", "x86_64\narm64\n");
	expect("files -a ar", "arm64\n");
	expect("files -va ar", "arm64\n");
	expect("files --arch=x", "--arch=x86_64\n");
	expect("files -j ", "");
	expect("group quiet --arch a", "arm64\n");
	expect("files --dir ", ":dirs\n");
	expect("files --verbose=", "");
	expect("files -t smt-", "smt-2llc\nsmt-3llc\n");
}

TEST(formats_are_a_list)
{
	expect("files --format j", "json\njunit\n");
	expect("files --format human,kt", "human,ktap\n");
	expect("files --format=human,kt", "--format=human,ktap\n");
	expect("files --format ktap=", ":files\n");
}

TEST(arguments_are_not_taken_for_options)
{
	expect("files ", ":files\n");
	expect("files --arch arm64 ", ":files\n");
	expect("files -- --a", ":files\n");
	expect("quiet ", "");
	expect("run prog --a", ":files\n");
	expect("run -v --a", "--arch\n");
	expect("run -t x --a", "--arch\n");
}

UNIT_MAIN(NULL, NULL)
