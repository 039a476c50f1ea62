/* SPDX-License-Identifier: GPL-2.0-only */
#include "machine/fdt.h"

#include <errno.h>
#include <libfdt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

#define FIRST_CAP 8192
#define LARGEST (2u << 20) /* Documentation/arch/arm64/booting.rst */

void dt_fini(struct dt *d)
{
	free(d->blob);
	*d = (struct dt){ 0 };
}

/* The one place that looks at a result. True when there is now room to try the step again. */
static bool again(struct dt *d, int r)
{
	d->bad = r;
	if (r != -FDT_ERR_NOSPACE || d->cap * 2 > LARGEST)
		return false;
	void *bigger = calloc(1, d->cap * 2);
	if (!bigger)
		return false;
	d->bad = fdt_resize(d->blob, bigger, (int)d->cap * 2);
	free(d->bad ? bigger : d->blob);
	if (d->bad)
		return false;
	d->blob = bigger;
	d->cap *= 2;
	return true;
}

/* A step that finds no room leaves the tree as it was. */
#define STEP(d, call) \
	do { \
		if ((d)->bad) \
			return; \
	} while (again(d, call))

void dt_init(struct dt *d)
{
	*d = (struct dt){ .blob = calloc(1, FIRST_CAP), .cap = FIRST_CAP };
	d->bad = d->blob ? fdt_create(d->blob, FIRST_CAP) : -FDT_ERR_NOSPACE;
	if (!d->bad)
		d->bad = fdt_finish_reservemap(d->blob);
	dt_open(d, "%s", "");
}

static void seal(struct dt *d)
{
	STEP(d, fdt_finish(d->blob));
}

int dt_finish(struct dt *d, struct buf *out, struct err *e)
{
	dt_close(d);
	seal(d);
	if (d->bad)
		return err_set(e, -EINVAL, "device tree: %s", fdt_strerror(d->bad));
	buf_put(out, d->blob, fdt_totalsize(d->blob));
	return out->bad ? err_sys(e, out->bad, "device tree") : 0;
}

void dt_open(struct dt *d, const char *fmt, ...)
{
	char name[64];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(name))
		again(d, -FDT_ERR_BADVALUE);
	STEP(d, fdt_begin_node(d->blob, name));
}

void dt_close(struct dt *d)
{
	STEP(d, fdt_end_node(d->blob));
}

void dt_put_bytes(struct dt *d, const char *name, const void *data, size_t n)
{
	STEP(d, fdt_property(d->blob, name, data, (int)n));
}

void dt_put_flag(struct dt *d, const char *name)
{
	dt_put_bytes(d, name, NULL, 0);
}

void dt_put_str(struct dt *d, const char *name, const char *s)
{
	dt_put_bytes(d, name, s, strlen(s) + 1);
}

void dt_put_u32(struct dt *d, const char *name, uint32_t v)
{
	dt_put_cells(d, name, &v, 1);
}

void dt_put_u64(struct dt *d, const char *name, uint64_t v)
{
	dt_put_pairs(d, name, &v, 1);
}

/* An empty property for @nr items of @size bytes, to be filled in; NULL if there was no room. */
static void *placeholder(struct dt *d, const char *name, size_t nr, size_t size)
{
	void *at = NULL;

	do {
		if (d->bad)
			return NULL;
	} while (again(d, fdt_property_placeholder(d->blob, name, (int)(nr * size), &at)));
	return d->bad ? NULL : at;
}

void dt_put_cells(struct dt *d, const char *name, const uint32_t *v, size_t nr)
{
	fdt32_t *at = placeholder(d, name, nr, sizeof(*at));

	for (size_t i = 0; at && i < nr; i++)
		at[i] = cpu_to_fdt32(v[i]);
}

void dt_put_pairs(struct dt *d, const char *name, const uint64_t *v, size_t nr)
{
	char *at = placeholder(d, name, nr, sizeof(*v));

	for (size_t i = 0; at && i < nr; i++) /* aligned to four bytes only */
		fdt64_st(at + i * sizeof(*v), v[i]);
}
