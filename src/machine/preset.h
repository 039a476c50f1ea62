/* SPDX-License-Identifier: GPL-2.0-only */
/* Presets by name; the table itself is declared in topology.h. */
#ifndef MACHINE_PRESET_H
#define MACHINE_PRESET_H

struct err;
struct topo_preset;

/* NULL if there is none of that name. */
const struct topo_preset *topo_preset_find(const char *name);
/* -EINVAL with a sentence that proposes the preset that looks most like @name, if any does. */
int topo_preset_unknown(const char *name, struct err *e);

#endif
