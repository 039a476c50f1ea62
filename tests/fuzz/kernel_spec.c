/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of kernels as users write them, and package records and versions as archives do. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "catalog/deb.h"
#include "catalog/debian.h"
#include "catalog/packages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A suite becomes part of a path and a word of a configuration file. */
static void check_suite(const char *s)
{
	if (!*s)
		abort();
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '-')
			abort();
}

static void check_packages(const char *text)
{
	struct packages all = { 0 };

	packages_follow(text, &all, NULL);
	for (size_t i = 0; i < all.nr; i++) {
		if (strncmp(all.at[i].name, "linux-", 6) || strpbrk(all.at[i].name, "=/ \n"))
			abort();
		if (!all.at[i].version[0] || strpbrk(all.at[i].version, "=/ \n"))
			abort();
	}
}

static void check_order(const char *text)
{
	size_t half = strlen(text) / 2;
	SCOPED(mem_free) char *a = strndup(text, half);
	const char *b = text + half;
	int ab = deb_version_compare(a, b), ba = deb_version_compare(b, a);

	if ((ab > 0) != (ba < 0) || (ab < 0) != (ba > 0) || deb_version_compare(a, a))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(mem_free) char *text = strndup((const char *)data, size);
	struct debian_spec s;
	struct err e = { 0 };

	if (!strncmp(text, "debian", 6)) {
		if (debian_spec_parse(text, ARCH_ARM64, &s, &e) == 0)
			check_suite(s.suite);
		else if (!e.text[0])
			abort();
	}
	check_packages(text);
	check_order(text);
	return 0;
}
