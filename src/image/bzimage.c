/* SPDX-License-Identifier: GPL-2.0-only */
/* bzImage: the x86 boot protocol's header (Documentation/arch/x86/boot.rst) and its payload. */
#include <errno.h>

#include "base/err.h"
#include "base/scoped.h"
#include "image/decompress.h"
#include "image/kernel_format.h"

/* Offsets of the fields used here. */
#define H_SETUP_SECTS 0x1f1
#define H_SYSSIZE 0x1f4 /* in 16 bytes */
#define H_BOOT_FLAG 0x1fe
#define H_MAGIC 0x202
#define H_VERSION 0x206
#define H_KERNEL_VERSION 0x20e
#define H_XLOADFLAGS 0x236
#define H_PAYLOAD_OFFSET 0x248
#define H_PAYLOAD_LENGTH 0x24c
#define H_INIT_SIZE 0x260
#define HEADER_END 0x268

#define PROTOCOL_MIN 0x20c /* the first with xloadflags: Linux 3.8 */
#define XLF_KERNEL_64 1

struct payload {
	const uint8_t *at;
	size_t len;
	uint32_t unpacked_len;
};

static bool is_bzimage(const uint8_t *data, size_t len)
{
	return len >= HEADER_END && get_le16(data + H_BOOT_FLAG) == 0xaa55 &&
	       !memcmp(data + H_MAGIC, "HdrS", 4);
}

/* Where the protected-mode part starts, from which the payload's offset counts. */
static size_t setup_len(const uint8_t *data)
{
	uint8_t sectors = data[H_SETUP_SECTS];

	return 512u * ((sectors ? sectors : 4) + 1u);
}

static int inspect(const uint8_t *data, size_t len, struct kernel_info *ret, struct err *e)
{
	uint16_t version = get_le16(data + H_VERSION);
	uint64_t end = setup_len(data) + 16ull * get_le32(data + H_SYSSIZE);

	if (version < PROTOCOL_MIN)
		return err_set(e, -ENOEXEC, "a bzImage, but of boot protocol %u.%02u: too old",
			       version >> 8, version & 0xff);
	if (!(get_le16(data + H_XLOADFLAGS) & XLF_KERNEL_64))
		return err_set(e, -ENOEXEC, "a bzImage, but of a 32-bit kernel");
	if (end > len + 15) /* the size is rounded up, the file need not be */
		return kernel_truncated(&kernel_bzimage, end, len, e);
	ret->format = KERNEL_BZIMAGE;
	ret->arch = ARCH_X86_64;
	ret->image_size = get_le32(data + H_INIT_SIZE);
	size_t text = 0x200u + get_le16(data + H_KERNEL_VERSION);
	if (text > 0x200 && text < MIN(len, setup_len(data)))
		kernel_copy_version(data + text, MIN(len, setup_len(data)) - text, ret);
	return 0;
}

/* The payload ends with its unpacked size; in gzip's own format that is the trailer already. */
static int find_payload(const uint8_t *data, size_t len, struct payload *ret, struct err *e)
{
	uint64_t at = setup_len(data) + (uint64_t)get_le32(data + H_PAYLOAD_OFFSET);
	uint32_t n = get_le32(data + H_PAYLOAD_LENGTH);

	if (at + n > len)
		return kernel_truncated(&kernel_bzimage, at + n, len, e);
	if (n < 8)
		return err_set(e, -ENOEXEC, "a bzImage, but without a payload");
	*ret = (struct payload){ .at = data + at,
				 .len = n - 4,
				 .unpacked_len = get_le32(data + at + n - 4) };
	const char *how = compression_name(ret->at, ret->len);
	if (how && !strcmp(how, "gzip"))
		ret->len = n;
	return 0;
}

static int unpack(const uint8_t *data, size_t len, struct buf *out, struct err *e)
{
	struct payload p = { 0 };
	int r = find_payload(data, len, &p, e);

	if (r < 0)
		return r;
	if (!compression_name(p.at, p.len))
		return err_set(e, -ENOEXEC, "a bzImage, but its payload has no known compression");
	if (p.unpacked_len > KERNEL_UNPACKED_MAX)
		return err_set(e, -EFBIG, "a bzImage, but its payload claims to unpack to %u bytes",
			       p.unpacked_len);
	r = decompress_exact(p.at, p.len, p.unpacked_len, out, e);
	return r < 0 ? err_frame(e, "a bzImage, but its payload") : 0;
}

const struct kernel_type kernel_bzimage = {
	.name = "a bzImage",
	.is = is_bzimage,
	.inspect = inspect,
	.unpack = unpack,
	.inner = &kernel_vmlinux,
};
