/* SPDX-License-Identifier: GPL-2.0-only */
/* A Debian package: whatever it contains, files appear only below the directory given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "catalog/deb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool all_but_doc(const char *name)
{
	return strncmp(name, "share/doc/", 10) != 0;
}

static void die(const char *why)
{
	fprintf(stderr, "%s\n", why);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	char outer[64], dir[80];
	struct err e = { 0 };

	snprintf(outer, sizeof(outer), "%s/ktstr-fuzz-XXXXXX", where);
	if (!mkdtemp(outer))
		die("mkdtemp");
	snprintf(dir, sizeof(dir), "%s/a", outer);
	if (make_dirs(dir, 0755, NULL) < 0)
		die("make_dirs");
	int r = deb_unpack(data, size, all_but_doc, dir, 1 << 16, &e);
	if (r < 0 && !e.text[0])
		die("an error without a sentence");
	if (remove_tree(dir, NULL) < 0 || rmdir(outer) < 0)
		die("something was made outside the directory");
	return 0;
}
