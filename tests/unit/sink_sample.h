/* SPDX-License-Identifier: GPL-2.0-only */
/* Made-up runs that exercise every format: each scenario is a plan, results and how it ended. */
#ifndef UNIT_SINK_SAMPLE_H
#define UNIT_SINK_SAMPLE_H

#include <stddef.h>

struct sink;

extern const char *const sample_names[]; /* NULL-terminated */
/* Plays scenario @name into @sinks; 0 or -1 if there is none of that name. */
int sample_play(const char *name, struct sink *const *sinks, size_t nr);

#endif
