/* SPDX-License-Identifier: GPL-2.0-only */
#include "fdt_read.h"

#include <libfdt.h>

#include "unit.h"

uint32_t fdt_read_cell(const void *fdt, int node, const char *name, size_t i)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt, node, name, &len);

	assert_non_null(p);
	assert_true((size_t)len >= (i + 1) * sizeof(*p));
	return fdt32_to_cpu(p[i]);
}

uint64_t fdt_read_pair(const void *fdt, int node, const char *name, size_t i)
{
	return (uint64_t)fdt_read_cell(fdt, node, name, 2 * i) << 32 |
	       fdt_read_cell(fdt, node, name, 2 * i + 1);
}

int fdt_read_node(const void *fdt, const char *fmt, ...)
{
	char path[96];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	int node = fdt_path_offset(fdt, path);
	if (node < 0)
		fail_msg("%s: %s", path, fdt_strerror(node));
	return node;
}

int fdt_read_behind(const void *fdt, int node, const char *name)
{
	int at = fdt_node_offset_by_phandle(fdt, fdt_read_cell(fdt, node, name, 0));

	assert_true(at >= 0);
	return at;
}

uint32_t fdt_read_count(const void *fdt, int parent, const char *prefix)
{
	uint32_t n = 0;
	int node;

	fdt_for_each_subnode(node, fdt, parent)
		n += !strncmp(fdt_get_name(fdt, node, NULL), prefix, strlen(prefix));
	return n;
}
