/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "author/entry.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/job.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "ktstr/ktstr.h"

#define EXIT_CANNOT_RUN 3 /* as of the ktstr command */

int ktstr_main(int argc, char **argv)
{
	const char *text = getenv(GUEST_ENV_FD);
	uint32_t fd;

	if (!text)
		return host_main(argc, argv);
	if (parse_u32(text, &fd) < 0 || fd > INT_MAX) {
		fprintf(stderr, "ktstr: %s=%s: not a descriptor\n", GUEST_ENV_FD, text);
		return EXIT_CANNOT_RUN;
	}
	return guest_main((int)fd);
}

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

/* The command of the build tree that the binary lies in: ktstr in the nearest folder above. */
static bool find_above(const char *self, char *ret, size_t cap)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", self);
	for (char *slash = strrchr(dir, '/'); slash; slash = strrchr(dir, '/')) {
		*slash = 0;
		if ((size_t)snprintf(ret, cap, "%s/ktstr", dir) < cap && is_program(ret))
			return true;
	}
	return false;
}

int host_main(int argc, char **argv)
{
	char self[PATH_MAX] = "", above[PATH_MAX];
	const char *ktstr = getenv("KTSTR");
	SCOPED(mem_free) char **args = calloc((size_t)argc + 3, sizeof(*args));

	if (!args || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
		fprintf(stderr, "%s: cannot find itself: %s\n", argv[0], strerror(errno));
		return EXIT_CANNOT_RUN;
	}
	if (!ktstr || !*ktstr)
		ktstr = find_above(self, above, sizeof(above)) ? above : "ktstr";
	args[0] = (char[]){ "ktstr" };
	args[1] = (char[]){ "test" };
	args[2] = self;
	for (int i = 1; i < argc; i++)
		args[i + 2] = argv[i];
	execvp(ktstr, args);
	fprintf(stderr,
		"%s: this is a ktstr test binary, run by the command ktstr, and %s cannot be run: "
		"%s\n"
		"Put ktstr on PATH, or its path into KTSTR, or say: /path/to/ktstr test %s\n",
		argv[0], ktstr, strerror(errno), self);
	return EXIT_CANNOT_RUN;
}
