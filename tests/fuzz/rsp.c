/* SPDX-License-Identifier: GPL-2.0-only */
/* What a gdb stub may say: the same packets however the bytes are cut. */
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "vm/qemu/rsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes down all tokens; @step bytes at a time. */
static void take_all(const uint8_t *data, size_t size, size_t step, struct buf *out)
{
	struct rsp_parser p = { 0 };

	for (size_t at = 0; at < size; at += step) {
		const char *bytes = (const char *)data + at;
		size_t len = MIN(step, size - at);
		enum rsp_token t;

		while ((t = rsp_take(&p, &bytes, &len)) != RSP_NONE) {
			uint8_t signal;
			uint32_t thread;

			buf_printf(out, "%d", t);
			if (t != RSP_PACKET)
				continue;
			if (strlen(p.text) != p.len || p.len > RSP_MAX)
				abort();
			rsp_parse_stop(p.text, &signal, &thread);
			buf_puts(out, p.text);
		}
		if (len)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(buf_fini) struct buf one = { 0 };
	SCOPED(buf_fini) struct buf two = { 0 };

	take_all(data, size, 1, &one);
	take_all(data, size, size ? size : 1, &two);
	if (strcmp(buf_str(&one), buf_str(&two)))
		abort();
	return 0;
}
