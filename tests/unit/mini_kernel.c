/* SPDX-License-Identifier: GPL-2.0-only */
#include "mini_kernel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "mini_elf.h"
#include "squeeze.h"

#define BANNER "Linux version %s (x)\0Linux version " MINI_VERSION " (us@here) (gcc) #1 SMP"

static void put_le(struct buf *out, size_t at, uint64_t v, size_t bytes)
{
	assert(at + bytes <= out->len);
	for (size_t i = 0; i < bytes; i++)
		out->at[at + i] = (char)(v >> (8 * i));
}

/* What an arm64 kernel has at its start, wherever that is. */
static void put_image_header(struct buf *out, size_t at, uint64_t image_size)
{
	put_le(out, at + 16, image_size, 8);
	memcpy(out->at + at + 56, "ARM\x64", 4);
}

void mini_vmlinux(struct buf *out, uint16_t machine)
{
	static const struct {
		Elf64_Nhdr head;
		char name[4];
		uint64_t entry;
	} __attribute__((packed)) pvh = { { 4, 8, 18 }, "Xen", MINI_PVH_ENTRY };
	struct mini_elf m = { .type = ET_EXEC, .machine = machine };
	SCOPED(buf_fini) struct buf text = { 0 };

	buf_zero(&text, 4096);
	if (machine == EM_AARCH64)
		put_image_header(&text, 0, 0x9000);
	mini_elf_segment(&m, PT_LOAD, 0xffffffff81000000, 0x1000000, text.at, text.len, text.len);
	mini_elf_segment(&m, PT_LOAD, 0xffffffff81002000, 0x1002000, BANNER, sizeof(BANNER),
			 0x6000);
	if (machine == EM_X86_64)
		mini_elf_segment(&m, PT_NOTE, 0, 0, &pvh, sizeof(pvh), sizeof(pvh));
	mini_elf_finish(&m, out);
}

void mini_bzimage(struct buf *out, const void *payload, size_t len, uint32_t unpacked_len)
{
	size_t start = out->len, room = ALIGN_UP(64 + len + 4, 16);

	assert(!start);
	buf_zero(out, MINI_BZIMAGE_SETUP + room);
	memcpy(out->at, "MZ", 2);
	put_le(out, 0x1f1, MINI_BZIMAGE_SETUP / 512 - 1, 1);
	put_le(out, 0x1f4, room / 16, 4);
	put_le(out, 0x1fe, 0xaa55, 2);
	memcpy(out->at + 0x202, "HdrS", 4);
	put_le(out, 0x206, 0x20f, 2);
	put_le(out, 0x20e, 0x100, 2);
	strcpy(out->at + 0x300, MINI_VERSION " (us@here) #1 SMP");
	put_le(out, 0x236, 0x7f, 2);
	put_le(out, 0x248, 64, 4);
	put_le(out, 0x24c, len + 4, 4);
	put_le(out, 0x260, 0x123000, 4);
	memcpy(out->at + MINI_BZIMAGE_SETUP + 64, payload, len);
	put_le(out, MINI_BZIMAGE_SETUP + 64 + len, unpacked_len, 4);
}

void mini_bzimage_of(struct buf *out, const char *compression)
{
	SCOPED(buf_fini) struct buf plain = { 0 };
	SCOPED(buf_fini) struct buf packed = { 0 };
	const struct squeeze *s = squeeze_named(compression);

	mini_vmlinux(&plain, EM_X86_64);
	s->put(&packed, plain.at, plain.len);
	if (!strcmp(compression, "gzip"))
		packed.len -= 4; /* its own trailer is that size */
	mini_bzimage(out, packed.at, packed.len, (uint32_t)plain.len);
}

/* With the PE header that EFI kernels have: one section, up to the end of the file. */
void mini_image(struct buf *out)
{
	size_t pe = 128, file = 8192;

	assert(!out->len);
	buf_zero(out, file);
	memcpy(out->at, "MZ", 2);
	put_image_header(out, 0, 0x9000);
	put_le(out, 60, pe, 4);
	memcpy(out->at + pe, "PE\0\0", 4);
	put_le(out, pe + 6, 1, 2);
	put_le(out, pe + 20, 16, 2);
	put_le(out, pe + 24 + 16 + 16, file - 4096, 4);
	put_le(out, pe + 24 + 16 + 20, 4096, 4);
	memcpy(out->at + 5000, BANNER, sizeof(BANNER));
}

void mini_zboot(struct buf *out, const void *payload, size_t len)
{
	assert(!out->len);
	buf_zero(out, 512);
	memcpy(out->at, "MZ\0\0zimg", 8);
	put_le(out, 8, 512, 4);
	put_le(out, 12, len, 4);
	buf_put(out, payload, len);
	buf_puts(out, "after the payload");
}
