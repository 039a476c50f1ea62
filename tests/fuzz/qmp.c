/* SPDX-License-Identifier: GPL-2.0-only */
/* Any line as QEMU's: refused with a sentence, or facts whose texts end and whose threads and times exist. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "vm/qemu/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qmp_msg m;
	struct err e = { 0 };

	if (qmp_parse((const char *)data, size, &m, &e) < 0) {
		assert(e.code < 0 && e.text[0]);
		return 0;
	}
	assert(memchr(m.reason, 0, sizeof(m.reason)) && memchr(m.text, 0, sizeof(m.text)));
	assert(m.nr_cpus <= TOPO_MAX_CPUS);
	assert(m.seconds >= -1);
	for (uint32_t i = 0; i < m.nr_cpus; i++)
		assert(m.tid[i] >= 0);
	return 0;
}
