/* SPDX-License-Identifier: GPL-2.0-only */
#include "image/module_info.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "image/elf_file.h"

#define DEPENDS "depends="

/* The section is NUL-terminated "key=value" texts with any number of NULs between them. */
static void take_depends(const char *text, size_t len, struct buf *out)
{
	if (len < strlen(DEPENDS) || memcmp(text, DEPENDS, strlen(DEPENDS)))
		return;
	for (size_t at = strlen(DEPENDS); at < len;) {
		const char *comma = memchr(text + at, ',', len - at);
		size_t n = comma ? (size_t)(comma - text) - at : len - at;

		if (n) {
			buf_put(out, text + at, n);
			buf_putc(out, 0);
		}
		at += n + 1;
	}
}

int module_depends(const void *data, size_t len, const char *name, struct buf *out, struct err *e)
{
	SCOPED(elf_file_close) struct elf_file f = { 0 };
	const uint8_t *info;
	size_t info_len;
	int r = elf_file_open_mem(&f, data, len, name, e);

	if (r < 0)
		return r;
	if (f.head.e_type != ET_REL)
		return err_set(e, -ENOEXEC, "%s: not a kernel module", name);
	r = elf_file_section(&f, ".modinfo", &info, &info_len, e);
	if (r < 0)
		return r;
	for (size_t at = 0; at < info_len;) {
		size_t n = strnlen((const char *)info + at, info_len - at);

		take_depends((const char *)info + at, n, out);
		at += n + 1;
	}
	return out->bad ? err_sys(e, out->bad, "%s", name) : 0;
}
