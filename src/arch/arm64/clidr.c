/* SPDX-License-Identifier: GPL-2.0-only */
#include "arch/arm64/clidr.h"

#include <string.h>

#include "base/scoped.h"

#define CTYPES 0x1fffffull /* three bits each */
#define LOC_SHIFT 24
#define LOC (7ull << LOC_SHIFT)

const struct clidr_types clidr_declared = {
	{ CLIDR_SEPARATE, CLIDR_UNIFIED, CLIDR_UNIFIED },
};

void clidr_add(struct clidr_types *t, const char *level, const char *type)
{
	static const struct {
		const char *name;
		uint8_t bits;
	} types[] = {
		{ "Instruction", CLIDR_INSTRUCTION },
		{ "Data", CLIDR_DATA },
		{ "Unified", CLIDR_UNIFIED },
	};

	if (level[0] < '1' || level[0] > '0' + CLIDR_LEVELS || level[1])
		return;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(type, types[i].name))
			t->level[level[0] - '1'] |= types[i].bits;
}

static uint8_t type_of(uint8_t bits)
{
	return bits & CLIDR_UNIFIED ? CLIDR_UNIFIED : bits;
}

uint64_t clidr_merge(uint64_t old, const struct clidr_types *t)
{
	uint64_t types = 0, n = 0;

	for (; n < CLIDR_LEVELS && t->level[n]; n++)
		types |= (uint64_t)type_of(t->level[n]) << 3 * n;
	return (old & ~(CTYPES | LOC)) | types | n << LOC_SHIFT;
}
