/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of cached parts: SHA-256 over everything that decides what is in them. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "base/err.h"
#include "image/decompress.h"
#include "image/guest.h"
#include "image/part.h"
#include "image/plan.h"

/* Change it whenever the same inputs would give another archive or another plan. */
#define FORMAT "ktstr part 3"

static void add_bytes(struct sha256_ctx *h, const void *data, size_t len)
{
	uint64_t n = len;

	sha256_update(h, sizeof(n), (const uint8_t *)&n);
	sha256_update(h, len, data);
}

static void add_text(struct sha256_ctx *h, const char *text)
{
	add_bytes(h, text ? text : "", text ? strlen(text) + 1 : 0);
}

static void add_number(struct sha256_ctx *h, uint64_t v)
{
	add_bytes(h, &v, sizeof(v));
}

static void finish(struct sha256_ctx *h, char *ret)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t sum[SHA256_DIGEST_SIZE];

	sha256_digest(h, sizeof(sum), sum);
	for (size_t i = 0; i < sizeof(sum); i++) {
		ret[2 * i] = hex[sum[i] >> 4];
		ret[2 * i + 1] = hex[sum[i] & 15];
	}
	ret[PART_NAME_LEN] = 0;
}

int part_request(const struct guest_spec *spec, const char *sysroot, char *ret, struct err *e)
{
	struct sha256_ctx h;
	char cwd[PATH_MAX];
	const void *init;
	size_t init_len;
	int r = init_blob(spec->arch, &init, &init_len, e);

	if (r < 0)
		return r;
	if (!getcwd(cwd, sizeof(cwd))) /* relative paths count from it */
		return err_sys(e, -errno, "current directory");
	sha256_init(&h);
	add_text(&h, FORMAT);
	add_number(&h, checksum64(0, init, init_len));
	add_number(&h, spec->arch);
	add_text(&h, cwd);
	add_text(&h, sysroot);
	add_text(&h, spec->modules_dir);
	for (const char *const *m = spec->modules; m && *m; m++)
		add_text(&h, *m);
	add_text(&h, NULL);
	add_text(&h, spec->busybox);
	for (size_t i = 0; i < spec->nr_includes; i++) {
		add_text(&h, spec->includes[i].host_path);
		add_text(&h, spec->includes[i].guest_path);
		add_number(&h, spec->includes[i].program);
	}
	finish(&h, ret);
	return 0;
}

void part_archive_name(const struct guest_plan *p, char *ret)
{
	struct sha256_ctx h;

	sha256_init(&h);
	add_text(&h, FORMAT);
	for (size_t i = 0; i < p->nr; i++) {
		const struct plan_entry *en = &p->at[i];

		add_text(&h, en->guest);
		add_number(&h, en->kind);
		add_number(&h, en->mode);
		if (en->kind == ENTRY_FILE || en->kind == ENTRY_MODULE)
			add_bytes(&h, &en->id, sizeof(en->id));
		if (en->kind == ENTRY_LINK)
			add_text(&h, en->source);
		add_bytes(&h, en->data ? en->data : "", en->data_len);
	}
	finish(&h, ret);
}
