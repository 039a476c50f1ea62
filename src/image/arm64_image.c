/* SPDX-License-Identifier: GPL-2.0-only */
/* arm64's Image (Documentation/arch/arm64/booting.rst), alone or in an EFI zboot wrapper. */
#include <assert.h>
#include <errno.h>

#include "base/err.h"
#include "base/scoped.h"
#include "image/decompress.h"
#include "image/kernel_format.h"

#define IMAGE_TEXT_OFFSET 8
#define IMAGE_SIZE 16
#define IMAGE_FLAGS 24
#define IMAGE_MAGIC 56
#define IMAGE_PE_OFFSET 60
#define IMAGE_HEADER_LEN 64
#define FLAG_BIG_ENDIAN 1
#define FLAG_PAGE(flags) ((flags) >> 1 & 3) /* 0: not said, then 4, 16 and 64 KiB */
#define FLAG_ANYWHERE 8
static_assert(IMAGE_HEADER_LEN == KERNEL_PLACEMENT_HEADER, "kernel.h says another length");

#define COFF_LEN 24 /* with the signature */
#define SECTION_LEN 40

#define ZBOOT_MAGIC 4
#define ZBOOT_OFFSET 8
#define ZBOOT_LENGTH 12
#define ZBOOT_HEADER_LEN 64

static bool is_image(const uint8_t *data, size_t len)
{
	return len >= IMAGE_HEADER_LEN && !memcmp(data + IMAGE_MAGIC, "ARM\x64", 4);
}

/*
 * How long the file must be according to its PE section table. The Image header itself only knows
 * the size in memory, which is larger than the file.
 */
static uint64_t pe_file_len(const uint8_t *data, size_t len)
{
	uint64_t at = get_le32(data + IMAGE_PE_OFFSET), need = IMAGE_HEADER_LEN;

	if (at + COFF_LEN > len || memcmp(data + at, "PE\0\0", 4))
		return need;
	uint64_t table = at + COFF_LEN + get_le16(data + at + 20);
	uint16_t nr = get_le16(data + at + 6);
	for (uint64_t i = 0; i < nr; i++) {
		uint64_t row = table + i * SECTION_LEN;

		if (row + SECTION_LEN > len)
			return row + SECTION_LEN;
		uint64_t end = (uint64_t)get_le32(data + row + 16) + get_le32(data + row + 20);
		need = MAX(need, end);
	}
	return need;
}

static int check_header(const uint8_t *data, struct err *e)
{
	if (get_le64(data + IMAGE_FLAGS) & FLAG_BIG_ENDIAN)
		return err_set(e, -ENOEXEC, "an arm64 Image, but of a big-endian kernel");
	if (!get_le64(data + IMAGE_SIZE))
		return err_set(e, -ENOEXEC, "an arm64 Image, but too old: its header has no size");
	return 0;
}

int kernel_placement(const void *header, uint64_t len, struct kernel_placement *ret, struct err *e)
{
	static const uint32_t pages[] = { 0, 4096, 16384, 65536 };

	if (!is_image(header, MIN(len, (uint64_t)IMAGE_HEADER_LEN)))
		return err_set(e, -ENOEXEC, "not an arm64 Image");
	int r = check_header(header, e);
	if (r < 0)
		return r;
	const uint8_t *h = header;
	uint64_t flags = get_le64(h + IMAGE_FLAGS);
	*ret = (struct kernel_placement){
		.text_offset = get_le64(h + IMAGE_TEXT_OFFSET),
		.size = MAX(get_le64(h + IMAGE_SIZE), len),
		.anywhere = flags & FLAG_ANYWHERE,
		.page = pages[FLAG_PAGE(flags)],
	};
	return 0;
}

static int inspect_image(const uint8_t *data, size_t len, struct kernel_info *ret, struct err *e)
{
	uint64_t need = pe_file_len(data, len);
	int r = check_header(data, e);

	if (r < 0)
		return r;
	if (len < need)
		return kernel_truncated(&kernel_arm64_image, need, len, e);
	ret->format = KERNEL_IMAGE;
	ret->arch = ARCH_ARM64;
	ret->image_size = get_le64(data + IMAGE_SIZE);
	kernel_find_version(data, len, ret);
	return 0;
}

static bool is_zboot(const uint8_t *data, size_t len)
{
	return len >= ZBOOT_HEADER_LEN && !memcmp(data, "MZ", 2) &&
	       !memcmp(data + ZBOOT_MAGIC, "zimg", 4);
}

static int unpack_zboot(const uint8_t *data, size_t len, struct buf *out, struct err *e)
{
	uint64_t at = get_le32(data + ZBOOT_OFFSET), n = get_le32(data + ZBOOT_LENGTH);

	if (at + n > len)
		return kernel_truncated(&kernel_zboot, at + n, len, e);
	int r = decompress(data + at, n, KERNEL_UNPACKED_MAX, out, e);
	return r < 0 ? err_frame(e, "an EFI zboot image, but its payload") : 0;
}

static int inspect_zboot(const uint8_t *data, size_t len, struct kernel_info *ret, struct err *e)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	int r = unpack_zboot(data, len, &b, e);

	if (r < 0)
		return r;
	if (!is_image((const uint8_t *)b.at, b.len))
		return err_set(e, -ENOEXEC, "an EFI zboot image, but not of an arm64 kernel");
	r = inspect_image((const uint8_t *)b.at, b.len, ret, e);
	ret->format = KERNEL_IMAGE_GZ;
	return r;
}

const struct kernel_type kernel_arm64_image = {
	.name = "an arm64 Image",
	.is = is_image,
	.inspect = inspect_image,
};

const struct kernel_type kernel_zboot = {
	.name = "an EFI zboot image",
	.is = is_zboot,
	.inspect = inspect_zboot,
	.unpack = unpack_zboot,
	.inner = &kernel_arm64_image,
};
