/* SPDX-License-Identifier: GPL-2.0-only */
/* The command. Nothing else of ours ends the process. How to add a command: cli/cmd.h. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cli/cmd.h"
#include "cli/complete.h"

static int overview(FILE *to, int code)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	help_overview(&b);
	fputs(buf_str(&b), to);
	return code;
}

static int unknown(const char *what)
{
	const char *names[32];
	size_t nr = 0;

	for (; cmd_list[nr] && nr < ARRAY_SIZE(names); nr++)
		names[nr] = cmd_list[nr]->name;
	const char *near = name_nearest(what, names, nr);
	fprintf(stderr, "ktstr: unknown %s \"%s\"", *what == '-' ? "option" : "command", what);
	if (near)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fputs("\nsee 'ktstr -h'\n", stderr);
	return EXIT_CANNOT_RUN;
}

/* For the build and the shell, not for people: __man [COMMAND], __complete WORD... */
static int internal(int argc, char **argv)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	if (!strcmp(argv[1], "__complete"))
		complete_words(cmd_list, argc - 2, (const char *const *)argv + 2, &b);
	else if (argc > 2 && !cmd_find(cmd_list, argv[2]))
		return unknown(argv[2]);
	else
		man_page(argc > 2 ? cmd_find(cmd_list, argv[2]) : NULL, &b);
	return b.bad || fputs(buf_str(&b), stdout) < 0 ? EXIT_CANNOT_RUN : EXIT_PASSED;
}

static int dispatch(int argc, char **argv)
{
	if (argc < 2)
		return overview(stderr, EXIT_CANNOT_RUN);
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))
		return overview(stdout, EXIT_PASSED);
	if (!strcmp(argv[1], "--version"))
		return printf("ktstr %s\n", ktstr_version) < 0 ? EXIT_CANNOT_RUN : EXIT_PASSED;
	if (!strcmp(argv[1], "__man") || !strcmp(argv[1], "__complete"))
		return internal(argc, argv);
	const struct cmd *c = cmd_find(cmd_list, argv[1]);
	return c ? cmd_run_args(c, argc - 2, argv + 2) : unknown(argv[1]);
}

int main(int argc, char **argv)
{
	/* `ktstr ... | head` ends quietly whatever our parent ignores. */
	signal(SIGPIPE, SIG_DFL);
	int code = dispatch(argc, argv);
	if (fflush(stdout) != 0) {
		perror("ktstr: standard output");
		return code ? code : EXIT_CANNOT_RUN;
	}
	return code;
}
