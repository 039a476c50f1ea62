/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files that write the device tree of arm64. Private to this folder. */
#ifndef MACHINE_FDT_ARM64_PART_H
#define MACHINE_FDT_ARM64_PART_H

struct dt;
struct err;
struct fdt_board;

enum phandle {
	PHANDLE_GIC = 1,
	PHANDLE_CLOCK,
	PHANDLE_CPU = 0x1000,
	PHANDLE_CACHE = 0x1000, /* times the level, which is 2 at least */
};

/* /cpus with its CPUs, caches and cpu-map. */
void fdt_put_cpus(struct dt *d, const struct fdt_board *b);
int fdt_check_cpus(const struct fdt_board *b, struct err *e);

#endif
