/* SPDX-License-Identifier: GPL-2.0-only */
#include "catalog/libarchive.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"

/* The number is that of its binary interface, which all of libarchive 3 has kept. */
#define SONAME "libarchive.so.13"
_Static_assert(ARCHIVE_VERSION_NUMBER / 1000000 == 3,
	       "another libarchive: is " SONAME " its name?");

struct libarchive libarchive;

static const struct {
	const char *name;
	size_t at;
} calls[] = {
#define X(name) { "archive_" #name, offsetof(struct libarchive, name) },
	LIBARCHIVE_CALLS(X)
#undef X
};
_Static_assert(sizeof(struct libarchive) == ARRAY_SIZE(calls) * sizeof(void *), "nothing else");

static int refuse(struct err *e)
{
	return err_set(e, -ENOTSUP, "the library that unpacks packages: %s", dlerror());
}

int libarchive_load(struct err *e)
{
	struct libarchive found;

	if (libarchive.read_new)
		return 0;
	void *lib = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return refuse(e);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		void *call = dlsym(lib, calls[i].name);

		if (!call)
			return refuse(e);
		memcpy((char *)&found + calls[i].at, &call, sizeof(call));
	}
	libarchive = found;
	return 0;
}
