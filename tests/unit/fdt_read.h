/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads a device tree back with libfdt. What is not there fails the test. */
#ifndef UNIT_FDT_READ_H
#define UNIT_FDT_READ_H

#include <stddef.h>
#include <stdint.h>

uint32_t fdt_read_cell(const void *fdt, int node, const char *name, size_t i);
uint64_t fdt_read_pair(const void *fdt, int node, const char *name, size_t i);
int fdt_read_node(const void *fdt, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The node that phandle @name of @node names. */
int fdt_read_behind(const void *fdt, int node, const char *name);
/* How many nodes directly below @parent begin with @prefix. */
uint32_t fdt_read_count(const void *fdt, int parent, const char *prefix);

#endif
