/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the libraries of foreign architectures are on this machine. */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/closure.h"

/* A cross compiler's folder alone has no libraries. */
static bool has_libraries(const char *root)
{
	static const char *const dirs[] = { "lib", "usr/lib" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		char path[PATH_MAX];

		if (snprintf(path, sizeof(path), "%s/%s", root, dirs[i]) < (int)sizeof(path) &&
		    access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* The folder "sysroot-<arch>" beside the running program. */
static bool beside_program(enum arch a, char *ret, size_t cap)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return false;
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	return snprintf(ret, cap, "%s/sysroot-%s", exe, arch_names(a)->name) < (int)cap &&
	       has_libraries(ret);
}

const char *closure_default_sysroot(enum arch a)
{
	static char found[NR_ARCHES][PATH_MAX];
	const char *named = getenv("KTSTR_SYSROOT");

	if (a == arch_host())
		return "";
	if (named && *named)
		return named;
	if (beside_program(a, found[a], sizeof(found[a])))
		return found[a];
	snprintf(found[a], sizeof(found[a]), "/usr/%s", arch_names(a)->triplet);
	return has_libraries(found[a]) ? found[a] : NULL;
}
