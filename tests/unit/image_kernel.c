/* SPDX-License-Identifier: GPL-2.0-only */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "image/kernel.h"
#include "mini_elf.h"
#include "mini_kernel.h"
#include "squeeze.h"

static void assert_refused(const struct buf *b, size_t len, const char *text)
{
	SCOPED(buf_fini) struct buf out = { 0 };
	struct kernel_info info;
	struct err e = { 0 };
	int same = 7;

	if (kernel_inspect(b->at ? b->at : "", len, &info, &e) == 0 &&
	    kernel_unpack(b->at, len, &out, &same, &e) == 0)
		fail_msg("accepted instead of \"%s\"", text);
	if (!strstr(e.text, text))
		fail_msg("\"%s\" does not say \"%s\"", e.text, text);
	assert_int_equal(out.len, 0);
	assert_int_equal(same, 7);
}

static void assert_refused_data(const void *data, size_t len, const char *text)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	buf_put(&b, data, len);
	assert_refused(&b, len, text);
}

TEST(a_bzimage_yields_its_elf_kernel)
{
	SCOPED(buf_fini) struct buf elf = { 0 };

	mini_vmlinux(&elf, EM_X86_64);
	for (const struct squeeze *s = squeezes; s->name; s++) {
		SCOPED(buf_fini) struct buf b = { 0 };
		SCOPED(buf_fini) struct buf out = { 0 };
		struct kernel_info info;
		struct err e = { 0 };
		int same = 1;

		mini_bzimage_of(&b, s->name);
		assert_int_equal(kernel_inspect(b.at, b.len, &info, &e), 0);
		assert_int_equal(info.format, KERNEL_BZIMAGE);
		assert_int_equal(info.arch, ARCH_X86_64);
		assert_string_equal(info.version, MINI_VERSION);
		assert_int_equal(info.image_size, 0x123000);
		assert_int_equal(kernel_unpack(b.at, b.len, &out, &same, &e), 0);
		assert_int_equal(same, 0);
		assert_int_equal(out.len, elf.len);
		assert_memory_equal(out.at, elf.at, elf.len);
	}
}

TEST(an_elf_kernel_is_described)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	SCOPED(buf_fini) struct buf out = { 0 };
	struct kernel_info info;
	int same = 0;

	mini_vmlinux(&b, EM_X86_64);
	assert_int_equal(kernel_inspect(b.at, b.len, &info, NULL), 0);
	assert_int_equal(info.format, KERNEL_ELF);
	assert_int_equal(info.arch, ARCH_X86_64);
	assert_string_equal(info.version, MINI_VERSION);
	assert_int_equal(info.pvh_entry, MINI_PVH_ENTRY);
	assert_int_equal(info.image_size, 0x8000);
	assert_int_equal(kernel_unpack(b.at, b.len, &out, &same, NULL), 0);
	assert_int_equal(same, 1);
	assert_int_equal(out.len, 0);
}

static void assert_image(const struct buf *b, enum kernel_format format, int want_same)
{
	SCOPED(buf_fini) struct buf plain = { 0 };
	SCOPED(buf_fini) struct buf out = { 0 };
	struct kernel_info info;
	struct err e = { 0 };
	int same = -1;

	mini_image(&plain);
	assert_int_equal(kernel_inspect(b->at, b->len, &info, &e), 0);
	assert_int_equal(info.format, format);
	assert_int_equal(info.arch, ARCH_ARM64);
	assert_string_equal(info.version, MINI_VERSION);
	assert_int_equal(info.image_size, 0x9000);
	assert_int_equal(info.pvh_entry, 0);
	assert_int_equal(kernel_unpack(b->at, b->len, &out, &same, &e), 0);
	assert_int_equal(same, want_same);
	if (want_same)
		return;
	assert_int_equal(out.len, plain.len);
	assert_memory_equal(out.at, plain.at, plain.len);
}

TEST(an_arm64_image_is_found_in_all_its_wrappers)
{
	SCOPED(buf_fini) struct buf plain = { 0 };

	mini_image(&plain);
	assert_image(&plain, KERNEL_IMAGE, 1);
	for (const struct squeeze *s = squeezes; s->name; s++) {
		SCOPED(buf_fini) struct buf packed = { 0 };
		SCOPED(buf_fini) struct buf zboot = { 0 };

		s->put(&packed, plain.at, plain.len);
		assert_image(&packed, KERNEL_IMAGE_GZ, 0);
		mini_zboot(&zboot, packed.at, packed.len);
		assert_image(&zboot, KERNEL_IMAGE_GZ, 0);
	}
}

TEST(an_arm64_elf_kernel_becomes_an_image)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	SCOPED(buf_fini) struct buf out = { 0 };
	SCOPED(buf_fini) struct buf gz = { 0 };
	struct kernel_info info;
	int same = 1;

	mini_vmlinux(&b, EM_AARCH64);
	assert_int_equal(kernel_inspect(b.at, b.len, &info, NULL), 0);
	assert_int_equal(info.format, KERNEL_ELF);
	assert_int_equal(info.arch, ARCH_ARM64);
	assert_int_equal(kernel_unpack(b.at, b.len, &out, &same, NULL), 0);
	assert_int_equal(same, 0);
	assert_true(out.len > 0x2000 && out.len < 0x3000); /* without what only memory has */
	assert_int_equal(kernel_inspect(out.at, out.len, &info, NULL), 0);
	assert_int_equal(info.format, KERNEL_IMAGE);
	assert_string_equal(info.version, MINI_VERSION);
	squeeze_named("gzip")->put(&gz, b.at, b.len);
	size_t want = out.len;
	assert_int_equal(kernel_unpack(gz.at, gz.len, &out, &same, NULL), 0);
	assert_int_equal(out.len, 2 * want);
	assert_memory_equal(out.at, out.at + want, want);
}

TEST(other_files_are_called_what_they_are)
{
	SCOPED(buf_fini) struct buf gz = { 0 };
	SCOPED(mem_free) char *self = NULL;
	size_t len;

	assert_refused_data("", 0, "an empty file");
	assert_refused_data("hello\n", 6, "a text file");
	assert_refused_data("!<arch>\ndebian-binary   ", 24, "a Debian package");
	assert_refused_data("\xed\xab\xee\xdb\3\0", 6, "an RPM package");
	assert_refused_data("PK\3\4....", 8, "a zip archive");
	assert_refused_data("0707010000", 10, "a cpio archive");
	assert_refused_data("MZ\x90\0\3", 5, "an EFI or Windows program");
	assert_refused_data("\1\2\3\4", 4, "data of an unknown format");
	assert_refused_data("BZh91AY&SY.", 11, "bzip2 data: this compression is not supported");
	squeeze_named("gzip")->put(&gz, "hello\n", 6);
	assert_refused(&gz, gz.len, "a gzip file that contains a text file");
	buf_clear(&gz);
	squeeze_named("xz")->put(&gz, "hello\n", 6);
	assert_refused(&gz, gz.len, "an xz file that contains a text file");
	assert_int_equal(read_file("/proc/self/exe", 64u << 20, &self, &len, NULL), 0);
	assert_refused_data(self, len, "an ELF file that is no kernel");
}

TEST(truncated_files_say_how_long_they_should_be)
{
	SCOPED(buf_fini) struct buf bz = { 0 };
	SCOPED(buf_fini) struct buf image = { 0 };
	SCOPED(buf_fini) struct buf elf = { 0 };
	SCOPED(buf_fini) struct buf zboot = { 0 };
	char want[80];

	mini_bzimage_of(&bz, "zstd");
	snprintf(want, sizeof(want), "says at least %zu bytes, the file has %zu", bz.len,
		 bz.len - 100);
	assert_refused(&bz, bz.len - 100, want);
	mini_image(&image);
	assert_refused(&image, 8191,
		       "an arm64 Image, but truncated: its header says at least 8192");
	mini_vmlinux(&elf, EM_X86_64);
	assert_refused(&elf, elf.len / 2, "");
	mini_zboot(&zboot, "x", 1);
	zboot.at[13] = 1;
	assert_refused(&zboot, zboot.len, "an EFI zboot image, but truncated");
}

TEST(broken_bzimages_are_refused)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	mini_bzimage_of(&b, "zstd");
	b.at[0x206] = 2;
	assert_refused(&b, b.len, "a bzImage, but of boot protocol 2.02: too old");
	b.at[0x206] = 15;
	b.at[0x236] = 0x7e;
	assert_refused(&b, b.len, "a bzImage, but of a 32-bit kernel");
	b.at[0x236] = 0x7f;
	b.at[0x24c] ^= 1; /* payload length: the last bytes are another size then */
	assert_refused(&b, b.len, "a bzImage, but its payload");
	b.at[0x24c] ^= 1;
	b.at[MINI_BZIMAGE_SETUP + 64] ^= 0xff;
	assert_refused(&b, b.len, "its payload has no known compression");
	b.at[MINI_BZIMAGE_SETUP + 64] ^= 0xff;
	b.at[0x24f] = 0x7f;
	assert_refused(&b, b.len, "a bzImage, but truncated");
	buf_clear(&b);
	mini_bzimage(&b, "BZh91AY&SY.", 11, 100);
	assert_refused(&b, b.len, "bzip2 data: this compression is not supported");
	buf_clear(&b);
	mini_bzimage(&b, "\x1f\x8b\x08.....", 8, UINT32_MAX);
	assert_refused(&b, b.len, "claims to unpack to 4294967295 bytes");
}

TEST(a_payload_that_is_no_kernel_is_refused)
{
	SCOPED(buf_fini) struct buf packed = { 0 };
	SCOPED(buf_fini) struct buf elf = { 0 };
	SCOPED(buf_fini) struct buf b = { 0 };

	squeeze_named("xz")->put(&packed, "#!/bin/sh\n", 10);
	mini_bzimage(&b, packed.at, packed.len, 10);
	assert_refused(&b, b.len, "a bzImage, but it contains a text file and not an ELF kernel");
	buf_clear(&packed);
	buf_clear(&b);
	mini_vmlinux(&elf, EM_AARCH64);
	squeeze_named("xz")->put(&packed, elf.at, elf.len);
	mini_bzimage(&b, packed.at, packed.len, (uint32_t)elf.len);
	assert_refused(&b, b.len, "an ELF file that is no kernel of x86_64 or arm64 and not");
}

TEST(broken_images_are_refused)
{
	SCOPED(buf_fini) struct buf b = { 0 };

	mini_image(&b);
	b.at[24] = 1;
	assert_refused(&b, b.len, "an arm64 Image, but of a big-endian kernel");
	b.at[24] = 0;
	memset(b.at + 16, 0, 8);
	assert_refused(&b, b.len, "an arm64 Image, but too old");
}

TEST(broken_elf_kernels_are_refused)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	struct mini_elf m = { .type = ET_EXEC, .machine = EM_X86_64 };

	mini_elf_segment(&m, PT_LOAD, 0xffffffff81000000, UINT64_MAX - 10, "x", 1, 100);
	mini_elf_finish(&m, &b);
	assert_refused(&b, b.len, "an ELF kernel, but with an impossible segment");
	buf_clear(&b);
	mini_elf_segment(&m, PT_LOAD, 0xffffffff81000000, 0, "xyz", 3, 2);
	mini_elf_finish(&m, &b);
	assert_refused(&b, b.len, "an ELF kernel, but with an impossible segment");
	buf_clear(&b);
	m.machine = EM_AARCH64; /* would take 4 GiB as an Image */
	mini_elf_segment(&m, PT_LOAD, 0xffffffff81000000, 0, "x", 1, 1);
	mini_elf_segment(&m, PT_LOAD, 0xffffffff81001000, 1ull << 32, "x", 1, 1);
	mini_elf_finish(&m, &b);
	assert_refused(&b, b.len, "too far apart");
}

TEST(a_kernel_without_a_version_has_an_empty_one)
{
	SCOPED(buf_fini) struct buf b = { 0 };
	struct kernel_info info;
	struct mini_elf m = { .type = ET_EXEC, .machine = EM_X86_64 };

	mini_elf_segment(&m, PT_LOAD, 0xffffffff81000000, 0, "Linux version ", 14, 64);
	mini_elf_finish(&m, &b);
	assert_int_equal(kernel_inspect(b.at, b.len, &info, NULL), 0);
	assert_string_equal(info.version, "");
	assert_int_equal(info.pvh_entry, 0);
	buf_clear(&b);
	mini_bzimage_of(&b, "gzip");
	memset(b.at + 0x300, 'x', MINI_BZIMAGE_SETUP - 0x300); /* no end in the setup part */
	assert_int_equal(kernel_inspect(b.at, b.len, &info, NULL), 0);
	assert_string_equal(info.version, "");
}

/* vmm.md 1.1, item 12: text_offset is what the header says, whatever it says. */
TEST(item_12_an_image_says_where_it_has_to_be)
{
	static const struct {
		uint64_t text_offset, size, flags, len;
		struct kernel_placement want;
	} rows[] = {
		{ 0, 0x2800000, 0xa, 0x100000, { 0, 0x2800000, true, 4096 } },
		{ 0x80000, 0x100000, 0x0, 0x180000, { 0x80000, 0x180000, false, 0 } },
		{ 0x1000, 1, 0x6, 64, { 0x1000, 64, false, 65536 } },
		{ UINT64_MAX, UINT64_MAX, 0xc, 64, { UINT64_MAX, UINT64_MAX, true, 16384 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t header[KERNEL_PLACEMENT_HEADER] = { 0 };
		struct kernel_placement got = { 0 };

		memcpy(header + 8, &rows[i].text_offset, 8);
		memcpy(header + 16, &rows[i].size, 8);
		memcpy(header + 24, &rows[i].flags, 8);
		memcpy(header + 56, "ARM\x64", 4);
		assert_int_equal(kernel_placement(header, rows[i].len, &got, NULL), 0);
		assert_int_equal(got.text_offset, rows[i].want.text_offset);
		assert_int_equal(got.size, rows[i].want.size);
		assert_int_equal(got.anywhere, rows[i].want.anywhere);
		assert_int_equal(got.page, rows[i].want.page);
	}
}

TEST(what_cannot_be_placed_is_refused)
{
	uint8_t header[KERNEL_PLACEMENT_HEADER] = { 0 };
	struct kernel_placement got;
	struct err e = { 0 };

	assert_int_equal(kernel_placement(header, 64, &got, &e), -ENOEXEC);
	assert_string_equal(e.text, "not an arm64 Image");
	memcpy(header + 56, "ARM\x64", 4);
	assert_int_equal(kernel_placement(header, 63, &got, &e), -ENOEXEC);
	assert_string_equal(e.text, "not an arm64 Image");
	assert_int_equal(kernel_placement(header, 64, &got, &e), -ENOEXEC);
	assert_string_equal(e.text, "an arm64 Image, but too old: its header has no size");
	header[24] = 1;
	assert_int_equal(kernel_placement(header, 64, &got, &e), -ENOEXEC);
	assert_string_equal(e.text, "an arm64 Image, but of a big-endian kernel");
}

UNIT_MAIN(NULL, NULL)
