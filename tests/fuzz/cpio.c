/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as an archive: what is found lies in them, one entry behind the other, and it ends; or
 * it is refused with a sentence.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "guest/cpio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Behind @from, and no byte of it behind @end. */
static void check(const struct cpio_entry *en, const uint8_t *from, const uint8_t *end)
{
	const uint8_t *path = (const uint8_t *)en->path;

	if (path < from || path >= end || !memchr(path, 0, (size_t)(end - path)))
		abort();
	if (en->data <= path || en->data > end || en->len > (size_t)(end - en->data))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpio c = { data, size };
	const uint8_t *from = data;
	struct cpio_entry en;
	struct err e = { 0 };
	int r;

	while ((r = cpio_next(&c, &en, &e)) > 0) {
		check(&en, from, data + size);
		if (c.at != data + size - c.left || c.at < en.data + en.len)
			abort();
		from = c.at;
	}
	if (r < 0 ? r != -EBADMSG || !e.text[0] : c.left)
		abort();
	return 0;
}
