/* SPDX-License-Identifier: GPL-2.0-only */
/* Which format a kernel file has; the formats themselves have a file each. */
#include "image/kernel.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/scoped.h"
#include "image/decompress.h"
#include "image/kernel_format.h"

#define BANNER "Linux version "

/* Every format that may stand in a file of its own; a compressed file may contain the last three. */
static const struct kernel_type *const types[] = {
	&kernel_bzimage, &kernel_zboot, &kernel_arm64_image, &kernel_vmlinux, &kernel_vmlinux_arm64,
};
#define FIRST_PLAIN 2

static const struct kernel_type *find_type(size_t first, const uint8_t *data, size_t len)
{
	for (size_t i = first; i < ARRAY_SIZE(types); i++)
		if (types[i]->is(data, len))
			return types[i];
	return NULL;
}

void kernel_copy_version(const void *text, size_t len, struct kernel_info *ret)
{
	const char *s = text;
	size_t n = 0;

	while (n < len && n < sizeof(ret->version) && s[n] &&
	       (isalnum((unsigned char)s[n]) || strchr("._+-~:", s[n])))
		n++;
	bool ends = n < len && n < sizeof(ret->version) && (!s[n] || isspace((unsigned char)s[n]));
	if (!ends || !isdigit((unsigned char)s[0]))
		n = 0;
	memcpy(ret->version, s, n);
	ret->version[n] = 0;
}

void kernel_find_version(const uint8_t *data, size_t len, struct kernel_info *ret)
{
	const uint8_t *end = data + len, *at = data;

	while (!ret->version[0] && (at = memmem(at, (size_t)(end - at), BANNER, strlen(BANNER)))) {
		at += strlen(BANNER);
		kernel_copy_version(at, (size_t)(end - at), ret);
	}
}

int kernel_truncated(const struct kernel_type *t, uint64_t want, size_t have, struct err *e)
{
	return err_set(e, -ENODATA,
		       "%s, but truncated: its header says at least %llu bytes, the file has %zu",
		       t->name, (unsigned long long)want, have);
}

/* What people pass by mistake, by what such files start with. */
static const struct {
	size_t at;
	const char *magic;
	const char *name;
} others[] = {
	{ 0, "!<arch>\ndebian-binary", "a Debian package" },
	{ 0, "!<arch>\n", "a library archive" },
	{ 0, "\xed\xab\xee\xdb", "an RPM package" },
	{ 0, "PK\x03\x04", "a zip archive" },
	{ 0, "070701", "a cpio archive" },
	{ 257, "ustar", "a tar archive" },
	{ 0, "\x27\x05\x19\x56", "a U-Boot image" },
	{ 0, "ANDROID!", "an Android boot image" },
	{ 0, "\xd0\x0d\xfe\xed", "a device tree" },
	{ 0, "QFI\xfb", "a qcow2 disk image" },
	{ 0, "hsqs", "a squashfs image" },
	{ 0, "MZ", "an EFI or Windows program that is no Linux kernel" },
	{ 0, "\177ELF", "an ELF file that is no kernel of x86_64 or arm64" },
	{ 510, "\x55\xaa", "a disk image" },
};

static bool is_text(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < MIN(len, (size_t)512); i++)
		if (data[i] < 0x20 && !isspace(data[i]))
			return false;
	return true;
}

static const char *describe(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		size_t n = strlen(others[i].magic);

		if (len >= others[i].at + n && !memcmp(data + others[i].at, others[i].magic, n))
			return others[i].name;
	}
	if (!len)
		return "an empty file";
	return is_text(data, len) ? "a text file" : "data of an unknown format";
}

static const char *article(const char *word)
{
	return strchr("aeioux", word[0]) ? "an" : "a"; /* an xz file */
}

/* Decompresses a file that is wholly compressed, and says what kind of kernel is in it. */
static int open_compressed(const uint8_t *data, size_t len, struct buf *out,
			   const struct kernel_type **ret, struct err *e)
{
	const char *how = compression_name(data, len);
	size_t start = out->len;
	int r = decompress(data, len, KERNEL_UNPACKED_MAX, out, e);

	if (r < 0)
		return err_frame(e, "kernel file");
	const uint8_t *in = (const uint8_t *)buf_str(out) + start;
	const struct kernel_type *t = find_type(FIRST_PLAIN, in, out->len - start);
	if (!t)
		return err_set(e, -ENOEXEC, "not a kernel: %s %s file that contains %s",
			       article(how), how, describe(in, out->len - start));
	*ret = t;
	return 0;
}

static int inspect_compressed(const uint8_t *data, size_t len, struct kernel_info *ret,
			      struct err *e)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	const struct kernel_type *t;
	int r = open_compressed(data, len, &b, &t, e);

	if (r < 0)
		return r;
	r = t->inspect((const uint8_t *)b.at, b.len, ret, e);
	ret->format = KERNEL_IMAGE_GZ;
	return r;
}

int kernel_inspect(const void *data, size_t len, struct kernel_info *ret, struct err *e)
{
	const struct kernel_type *t = find_type(0, data, len);
	struct kernel_info info = { 0 };
	int r;

	if (t)
		r = t->inspect(data, len, &info, e);
	else if (compression_name(data, len))
		r = inspect_compressed(data, len, &info, e);
	else
		r = err_set(e, -ENOEXEC, "not a kernel: %s", describe(data, len));
	if (r < 0)
		return r;
	*ret = info;
	return 0;
}

/* Unpacks @data of type @t; what comes out must be a sound kernel of the type's inner kind. */
static int unpack_type(const struct kernel_type *t, const uint8_t *data, size_t len,
		       struct buf *out, struct err *e)
{
	size_t start = out->len;
	struct kernel_info info = { 0 };
	int r = t->inspect(data, len, &info, e);

	if (r < 0 || !t->unpack)
		return r;
	r = t->unpack(data, len, out, e);
	if (r < 0)
		return r;
	const uint8_t *in = (const uint8_t *)buf_str(out) + start;
	if (!t->inner->is(in, out->len - start))
		return err_set(e, -ENOEXEC, "%s, but it contains %s and not %s", t->name,
			       describe(in, out->len - start), t->inner->name);
	return t->inner->inspect(in, out->len - start, &info, e);
}

/* For a compressed ELF kernel of arm64, which takes two steps, the first one's output goes away. */
static int unpack_compressed(const uint8_t *data, size_t len, struct buf *out, struct err *e)
{
	size_t start = out->len;
	const struct kernel_type *t;
	int r = open_compressed(data, len, out, &t, e);

	if (r < 0)
		return r;
	size_t n = out->len - start;
	SCOPED(mem_free) char *inner = NULL;
	if (t->unpack) {
		inner = malloc(n);
		if (!inner)
			return err_sys(e, -ENOMEM, "kernel file");
		memcpy(inner, out->at + start, n);
		out->len = start;
		return unpack_type(t, (const uint8_t *)inner, n, out, e);
	}
	return unpack_type(t, (const uint8_t *)out->at + start, n, out, e);
}

int kernel_unpack(const void *data, size_t len, struct buf *out, int *ret_same, struct err *e)
{
	const struct kernel_type *t = find_type(0, data, len);
	size_t start = out->len;
	int r;

	if (t)
		r = unpack_type(t, data, len, out, e);
	else if (compression_name(data, len))
		r = unpack_compressed(data, len, out, e);
	else
		r = err_set(e, -ENOEXEC, "not a kernel: %s", describe(data, len));
	if (r < 0) {
		out->len = start;
		return r;
	}
	*ret_same = t && !t->unpack;
	return 0;
}
