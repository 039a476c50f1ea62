/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr-init as data; built by src/guest/meson.build, which also embeds it. */
#include <errno.h>

#include "base/err.h"
#include "image/guest.h"

extern const uint8_t ktstr_init_x86_64[], ktstr_init_x86_64_end[];
extern const uint8_t ktstr_init_arm64[], ktstr_init_arm64_end[];

static const struct {
	const uint8_t *at, *end;
	const char *package; /* what a build without it lacked */
} blobs[NR_ARCHES] = {
	[ARCH_X86_64] = { ktstr_init_x86_64, ktstr_init_x86_64_end, "gcc-x86-64-linux-gnu" },
	[ARCH_ARM64] = { ktstr_init_arm64, ktstr_init_arm64_end, "gcc-aarch64-linux-gnu" },
};

int init_blob(enum arch a, const void **ret, size_t *ret_len, struct err *e)
{
	if (blobs[a].at == blobs[a].end)
		return err_set(e, -ENOENT,
			       "%s guests: this ktstr was built without their init: "
			       "install the package %s and build again",
			       arch_names(a)->name, blobs[a].package);
	*ret = blobs[a].at;
	*ret_len = (size_t)(blobs[a].end - blobs[a].at);
	return 0;
}
