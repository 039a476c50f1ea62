/* SPDX-License-Identifier: GPL-2.0-only */
/* Which packages one kernel is spread over, by what package records say. Hostile text. */
#include "catalog/packages.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/parse.h"
#include "base/scoped.h"
#include "catalog/deb.h"

/* linux-image-7.3.4+deb13-cloud-amd64: a part of one kernel, as opposed to a meta package. */
static bool is_kernel_package(const char *name, size_t len)
{
	static const char *const parts[] = { "linux-image-", "linux-binary-", "linux-modules-",
					     "linux-base-" };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		size_t n = strlen(parts[i]);

		if (len > n && !strncmp(name, parts[i], n))
			return isdigit((unsigned char)name[n]);
	}
	return false;
}

static bool is_known(const struct packages *all, const char *name)
{
	for (size_t i = 0; i < all->nr; i++)
		if (!strcmp(all->at[i].name, name))
			return true;
	return false;
}

/* One alternative-free "NAME (= VERSION)". */
static int follow_one(const char *dep, size_t len, struct packages *all, struct err *e)
{
	struct package pkg = { 0 };
	size_t name = strspn(dep, "abcdefghijklmnopqrstuvwxyz0123456789.+-");

	if (memchr(dep, '|', len) || name >= len || !is_kernel_package(dep, name))
		return 0;
	if (sscanf(dep + name, " (= %127[A-Za-z0-9.+:~-])", pkg.version) != 1)
		return 0;
	if (name >= sizeof(pkg.name))
		return err_set(e, -EBADMSG, "\"%.60s...\": package name too long", dep);
	memcpy(pkg.name, dep, name);
	if (is_known(all, pkg.name))
		return 0;
	if (all->nr == PACKAGES_MAX)
		return err_set(e, -E2BIG, "more than %d packages", PACKAGES_MAX);
	all->at[all->nr++] = pkg;
	return 0;
}

static int follow_record(const char *record, struct packages *all, struct err *e)
{
	const char *deps;
	size_t left = deb_field(record, "Depends", &deps);

	while (left) {
		const char *comma = memchr(deps, ',', left);
		size_t n = comma ? (size_t)(comma - deps) : left;
		size_t blank = strspn(deps, " ");
		int r = blank < n ? follow_one(deps + blank, n - blank, all, e) : 0;

		if (r < 0)
			return r;
		n += comma != NULL;
		deps += n;
		left -= n;
	}
	return 0;
}

static void note_size(const char *record, struct packages *all)
{
	const char *name, *size;
	size_t nl = deb_field(record, "Package", &name), sl = deb_field(record, "Size", &size);
	char digits[24];

	snprintf(digits, sizeof(digits), "%.*s", (int)MIN(sl, sizeof(digits) - 1), size);
	for (size_t i = 0; i < all->nr; i++)
		if (strlen(all->at[i].name) == nl && !memcmp(all->at[i].name, name, nl))
			parse_u64(digits, &all->at[i].size);
}

int packages_follow(const char *text, struct packages *all, struct err *e)
{
	int r = 0;

	while (r == 0 && *text) {
		const char *end = strstr(text, "\n\n");
		SCOPED(mem_free) char *record = end ? strndup(text, (size_t)(end - text))
						    : strdup(text);

		if (!record)
			return err_sys(e, -ENOMEM, "packages");
		note_size(record, all);
		r = follow_record(record, all, e);
		text = end ? end + 2 : text + strlen(text);
	}
	return r;
}
