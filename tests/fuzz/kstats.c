/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a statistics file: refused with a sentence, or counters that stand in it. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "vm/kvm/kstats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kstats s = { .known = 1u << 31 }, untouched = s, sum = { 0 };
	struct err e = { 0 };

	if (kstats_parse(data, size, &s, &e) < 0) {
		if (e.code >= 0 || !e.text[0] || memcmp(&s, &untouched, sizeof(s)))
			abort();
		return 0;
	}
	for (uint32_t i = 0; i < 32; i++) {
		if (!(s.known & 1u << i))
			continue;
		if (i >= NR_KSTATS ||
		    !memmem(data, size, kstat_names[i], strlen(kstat_names[i]) + 1) ||
		    !memmem(data, size, &s.value[i], sizeof(s.value[i])))
			abort();
	}
	kstats_add(&sum, &s);
	if (sum.known != s.known)
		abort();
	return 0;
}
