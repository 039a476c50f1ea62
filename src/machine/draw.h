/* SPDX-License-Identifier: GPL-2.0-only */
/* Pictures of machines for people, in text. */
#ifndef MACHINE_DRAW_H
#define MACHINE_DRAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct topology;

/* Where one CPU is. Numbers are names: they need not start at zero nor be without holes. */
struct topo_place {
	uint32_t cpu;
	uint32_t node;
	uint32_t llc;  /* machine-wide */
	uint32_t core; /* machine-wide */
};

/* The places of all topo_cpus(@t) CPUs. */
void topo_places(const struct topology *t, struct topo_place *ret);

/*
 * Appends a picture at most @columns wide (less than 40 counts as 40): nodes hold LLCs, LLCs hold
 * cores side by side, the threads of a core stand below each other. Large machines get a line per
 * LLC instead. Below it, what a picture does not show: capacities, nodes of memory only.
 * @unicode: box drawing characters, else ASCII. Trouble sticks in @out.
 */
void topo_draw(const struct topology *t, struct buf *out, int columns, bool unicode);
/* The same for any machine; @place is sorted by node, llc, core, cpu. */
void topo_draw_places(const struct topo_place *place, size_t nr, struct buf *out, int columns,
		      bool unicode);

#endif
