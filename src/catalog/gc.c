/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in the cache, and what can go. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "catalog/apt.h"
#include "catalog/cache.h"
#include "catalog/deb.h"

void kernel_list_fini(struct kernel_list *l)
{
	for (size_t i = 0; i < l->nr; i++)
		kernel_fini(&l->at[i]);
	free(l->at);
	*l = (struct kernel_list){ 0 };
}

static int newest_use_first(const void *a, const void *b)
{
	const struct kernel *x = a, *y = b;

	if (x->used_at != y->used_at)
		return x->used_at < y->used_at ? 1 : -1;
	return strcmp(x->key, y->key);
}

int catalog_list(struct catalog *c, struct kernel_list *ret, size_t *ret_damaged, struct err *e)
{
	SCOPED(key_list_fini) struct key_list keys = { 0 };
	SCOPED(kernel_list_fini) struct kernel_list l = { 0 };
	size_t damaged = 0;
	int r = cache_keys(c, &keys, e);

	if (r < 0)
		return r;
	l.at = calloc(keys.nr + 1, sizeof(*l.at));
	if (!l.at)
		return err_sys(e, -ENOMEM, "cache");
	for (size_t i = 0; i < keys.nr; i++) {
		r = entry_peek(c, keys.at[i], &l.at[l.nr], e);
		if (r == 0)
			l.nr++;
		else if (r == -EBADMSG)
			damaged++;
		else if (r != -ENOENT) /* gone since we read the directory */
			return r;
	}
	qsort(l.at, l.nr, sizeof(*l.at), newest_use_first);
	*ret = l;
	l = (struct kernel_list){ 0 };
	if (ret_damaged)
		*ret_damaged = damaged;
	return 0;
}
