/* SPDX-License-Identifier: GPL-2.0-only */
/* Any text: refused with a sentence, or a machine that is possible and whose text parses again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "machine/topology.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(mem_free) char *text = strndup((const char *)data, size);
	char again[TOPO_TEXT_MAX];
	struct topology t, u;
	struct err e = { 0 };

	if (!text)
		return 0;
	if (topo_parse(text, &t, &e) < 0) {
		assert(e.code < 0 && e.text[0]);
		return 0;
	}
	assert(topo_check(&t, NULL) == 0);
	assert(topo_parse(topo_format(&t, again, sizeof(again)), &u, NULL) == 0);
	assert(!memcmp(&t, &u, sizeof(t)));
	return 0;
}
