/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel file is refused and leaves nothing, or what comes out of it boots without more unpacking. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "image/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_unpacked(const struct buf *out)
{
	struct kernel_info info;

	if (kernel_inspect(out->at, out->len, &info, NULL) < 0 ||
	    info.format != (info.arch == ARCH_X86_64 ? KERNEL_ELF : KERNEL_IMAGE))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct kernel_info info = { 0 };
	struct err e = { 0 };
	int same = 7, known = kernel_inspect(data, size, &info, &e);

	if (known < 0 ? !*e.text : !memchr(info.version, 0, sizeof(info.version)))
		abort();
	int r = kernel_unpack(data, size, &out, &same, &e);
	if (r < 0 ? out.len || same != 7 : known < 0 || (same && out.len))
		abort();
	if (!r && !same)
		check_unpacked(&out);
	return 0;
}
