/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr help [COMMAND...] */
#include <stdio.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "cli/cmd.h"

const struct cmd cmd_help;

static int help_main(void *args, int argc, char **argv)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	const struct cmd *const *list = cmd_list;
	const struct cmd *c = NULL;

	for (int i = 0; i < argc; i++) {
		c = cmd_find(list, argv[i]);
		if (!c)
			return cmd_usage_error(&cmd_help, "there is no command \"%s\"", argv[i]);
		list = c->subs;
	}
	if (c)
		help_long(c, &b);
	else
		help_overview(&b);
	return cmd_print(&cmd_help, &b);
}

const struct cmd cmd_help = {
	.name = "help",
	.summary = "explain a command",
	.usage = "[COMMAND]",
	.max_args = 2,
	.complete = COMPLETE_COMMAND,
	.main = help_main,
};
