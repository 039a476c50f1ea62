/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cli/cmd.h"
#include "cli/common.h"
#include "cli/opt.h"
#include "vm/pace.h"

struct inner {
	const char *kernel;
	struct opt_size memory;
};

struct args {
	struct inner vm;
	bool verbose, no_skip;
	struct opt_list filter;
	struct opt_u32 jobs;
	struct opt_u64 big;
	struct opt_hex seed;
	struct opt_duration timeout;
	struct opt_choice format;
};

static const char *const formats[] = { "human", "ktap", "json", NULL };

static const struct opt opts[] = {
	OPT(struct args, vm.kernel, "kernel to boot", 'k', .arg = "KERNEL"),
	OPT(struct args, vm.memory, "guest memory", 'm', .unit = 1 << 20),
	OPT(struct args, verbose, "say more", 'v', .not_with = "format"),
	OPT(struct args, no_skip, "skips are failures"),
	OPT(struct args, filter, "only these"),
	OPT(struct args, jobs, "VMs at once", 'j', .fallback = "4"),
	OPT(struct args, big, "a large number"),
	OPT(struct args, seed, "where randomness starts"),
	OPT(struct args, timeout, "give up after"),
	OPT(struct args, format, "output", .names = formats, .fallback = "ktap"),
	OPT_END,
};

/* Parses a line of words separated by blanks; "_" stands for an empty word. */
struct line {
	char text[200];
	char *argv[20];
	struct args args;
	struct opt_rest rest;
	struct err e;
};

static int parse(struct line *l, const char *words, bool first_ends)
{
	int argc = 0;

	memset(l, 0, sizeof(*l));
	snprintf(l->text, sizeof(l->text), "%s", words);
	for (char *w = strtok(l->text, " "); w; w = strtok(NULL, " "))
		l->argv[argc++] = strcmp(w, "_") ? w : w + 1;
	return opt_parse(opts, first_ends, argc, l->argv, &l->args, &l->rest, &l->e);
}

TEST(every_kind_of_value_is_parsed)
{
	struct line l;

	assert_int_equal(parse(&l,
			       "--kernel=/boot/x -m 512 a --no-skip --filter one --filter=two b "
			       "-vj8 --big 18446744073709551615 --seed 0x1F3a --timeout 250ms",
			       false),
			 0);
	assert_string_equal(l.args.vm.kernel, "/boot/x");
	assert_true(l.args.vm.memory.given && l.args.vm.memory.v == 512u << 20);
	assert_true(l.args.verbose && l.args.no_skip);
	assert_int_equal(l.args.filter.nr, 2);
	assert_string_equal(l.args.filter.at[0], "one");
	assert_string_equal(l.args.filter.at[1], "two");
	assert_true(l.args.jobs.given && l.args.jobs.v == 8);
	assert_true(l.args.big.v == UINT64_MAX);
	assert_int_equal(l.args.seed.v, 0x1f3a);
	assert_int_equal(l.args.timeout.v, 250000000);
	assert_int_equal(l.rest.argc, 2);
	assert_string_equal(l.rest.argv[0], "a");
	assert_string_equal(l.rest.argv[1], "b");
	opt_fini(opts, &l.args);
}

TEST(what_was_not_given_is_known)
{
	struct line l;

	assert_int_equal(parse(&l, "", false), 0);
	assert_null(l.args.vm.kernel);
	assert_false(l.args.vm.memory.given || l.args.seed.given || l.args.verbose);
	assert_int_equal(l.args.filter.nr, 0);
	assert_true(!l.args.jobs.given && l.args.jobs.v == 4);
	assert_true(!l.args.format.given && l.args.format.v == 1);
	assert_int_equal(l.rest.argc, 0);
}

TEST(options_end_where_they_should)
{
	struct line l;

	assert_int_equal(parse(&l, "-v -- -j --nope", false), 0);
	assert_int_equal(l.rest.argc, 2);
	assert_string_equal(l.rest.argv[0], "-j");
	assert_int_equal(parse(&l, "-v nproc -j --all", true), 0);
	assert_int_equal(l.rest.argc, 3);
	assert_string_equal(l.rest.argv[2], "--all");
	assert_int_equal(parse(&l, "-v -- -x -- y", true), 0);
	assert_int_equal(l.rest.argc, 3);
	assert_string_equal(l.rest.argv[1], "--");
	assert_int_equal(parse(&l, "- _", false), 0);
	assert_int_equal(l.rest.argc, 2);
}

TEST(help_is_told_and_not_acted_upon)
{
	struct line l;

	assert_int_equal(parse(&l, "-v -h --nope", false), 0);
	assert_int_equal(l.rest.help, OPT_HELP_SHORT);
	assert_int_equal(parse(&l, "--help", false), 0);
	assert_int_equal(l.rest.help, OPT_HELP_LONG);
	assert_int_equal(parse(&l, "-- --help", false), 0);
	assert_int_equal(l.rest.help, OPT_HELP_NONE);
}

TEST(errors_name_the_option_and_the_way_out)
{
	static const struct {
		const char *words, *text;
	} row[] = {
		{ "--kernl x", "unknown option --kernl; did you mean --kernel?" },
		{ "--tiemout=3", "unknown option --tiemout; did you mean --timeout?" },
		{ "--xyzzy", "unknown option --xyzzy" },
		{ "-vq", "unknown option -q" },
		{ "--kernel", "--kernel needs a value: KERNEL" },
		{ "-j", "--jobs needs a value: N" },
		{ "--jobs=-1", "--jobs: \"-1\" is not a number" },
		{ "-j 4294967296", "--jobs: \"4294967296\" is too large" },
		{ "--big x", "--big: \"x\" is not a number" },
		{ "--seed 12345678901234567", "--seed: \"12345678901234567\" is too large" },
		{ "--seed 0x", "--seed: \"0x\" is not a hexadecimal number such as 1f3a" },
		{ "--seed 1:", "--seed: \"1:\" is not a hexadecimal number such as 1f3a" },
		{ "-m 2GB", "--memory: \"2GB\" is not a size such as 512M or 2G" },
		{ "--timeout x", "--timeout: \"x\" is not a time such as 30s, 2m or 250ms" },
		{ "--no-skip=1", "--no-skip takes no value" },
		{ "--format jsn",
		  "--format: \"jsn\" is none of human, ktap, json; did you mean json?" },
		{ "--format _", "--format: \"\" is none of human, ktap, json" },
		{ "-v --format json", "--verbose and --format exclude each other" },
		{ "--no_skip", "unknown option --no_skip; did you mean --no-skip?" },
	};
	struct line l;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		assert_int_equal(parse(&l, row[i].words, false), -EINVAL);
		assert_string_equal(l.e.text, row[i].text);
		opt_fini(opts, &l.args);
	}
}

TEST(nearest_names_are_near)
{
	static const char *const names[] = { "test", "run", "shell", "kernel" };

	assert_string_equal(name_nearest("tset", names, 4), "test");
	assert_string_equal(name_nearest("kernels", names, 4), "kernel");
	assert_null(name_nearest("x", names, 4));
	assert_null(name_nearest("zzzzzz", names, 4));
	assert_null(name_nearest("", names, 4));
}

static void check_opts(const struct cmd *c)
{
	char name[OPT_NAME_MAX], other[OPT_NAME_MAX];
	size_t nr = 0;

	for (const struct opt *o = c->opts; o && o->field; o++, nr++) {
		opt_name(o, name);
		assert_true(strlen(name) < OPT_NAME_MAX - 1);
		assert_ptr_equal(opt_find(c->opts, name), o);
		assert_true(o->letter != 'h' && strcmp(name, "help") != 0);
		assert_true(o->offset < c->args_size);
		assert_true((o->kind == OPT_CHOICE) == (o->names != NULL));
		assert_true(!o->not_with || opt_find(c->opts, o->not_with));
		for (const struct opt *p = c->opts; p < o; p++)
			if (o->letter && p->letter == o->letter)
				fail_msg("%s: -%c is --%s and --%s", c->name, o->letter, name,
					 opt_name(p, other));
	}
	assert_true(nr <= 64);
}

static void check_width(const struct cmd *c)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	const char *line;

	help_short(c, &b);
	for (line = buf_str(&b); *line; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > 80)
			fail_msg("%s -h: too wide: %.*s", c->name, (int)strcspn(line, "\n"), line);
}

/* Whoever adds a command or an option learns here what its row lacks. */
static void check_list(const struct cmd *const *list)
{
	for (; *list; list++) {
		const struct cmd *c = *list;

		assert_non_null(c->name);
		assert_non_null(c->summary);
		assert_true(!c->subs == !!c->main);
		assert_true(!c->max_args == !c->usage || c->subs);
		check_opts(c);
		check_width(c);
		if (c->subs)
			check_list(c->subs);
	}
}

TEST(the_tables_of_all_commands_are_sound)
{
	assert_non_null(cmd_list[0]);
	check_list(cmd_list);
}

/* ---- --rate and --turn ---- */

TEST(rates_and_turns_become_a_wish)
{
	static const uint32_t mips[] = { 1000, 500, 250, 125, 62, 31, 15 };
	const struct opt_u32 none = { 0 }, turn = { 400, true }, zero = { 0, true };
	struct pace_wish w;
	struct err e;

	assert_int_equal(common_pace(&none, &none, &w, &e), 0);
	assert_false(w.have_rate || w.have_turn);
	for (uint32_t i = 0; i < ARRAY_SIZE(mips); i++) {
		const struct opt_u32 rate = { mips[i], true };

		assert_int_equal(common_pace(&rate, &none, &w, &e), 0);
		assert_true(w.have_rate && !w.have_turn);
		assert_int_equal(w.pace.rate_shift, i);
	}
	assert_int_equal(common_pace(&none, &turn, &w, &e), 0);
	assert_true(!w.have_rate && w.have_turn);
	assert_int_equal(w.pace.turn_us, 400);
	assert_int_equal(common_pace(&none, &zero, &w, &e), 0);
	assert_true(w.have_turn && !w.pace.turn_us);
}

TEST(rates_and_turns_out_of_range_are_refused_with_what_there_is)
{
	const struct opt_u32 none = { 0 }, rate = { 300, true }, zero = { 0, true };
	const struct opt_u32 longest = { PACE_TURN_MAX_US, true };
	const struct opt_u32 longer = { PACE_TURN_MAX_US + 1, true };
	struct pace_wish w;
	struct err e;

	assert_int_equal(common_pace(&rate, &none, &w, &e), -EINVAL);
	assert_string_equal(e.text, "--rate 300: there are 1000, 500, 250, 125, 62, 31 and 15 "
				    "million instructions per second");
	assert_int_equal(common_pace(&zero, &none, &w, &e), -EINVAL);
	assert_int_equal(common_pace(&none, &longest, &w, &e), 0);
	assert_int_equal(common_pace(&none, &longer, &w, &e), -EINVAL);
	assert_string_equal(e.text, "--turn 10001: the longest turn is 10000 us");
}

UNIT_MAIN(NULL, NULL)
