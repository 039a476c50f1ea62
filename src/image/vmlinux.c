/* SPDX-License-Identifier: GPL-2.0-only */
/* ELF kernels: loadable segments, the PVH entry note, and how arm64 makes an Image of one. */
#include <elf.h>
#include <errno.h>

#include "base/err.h"
#include "base/scoped.h"
#include "image/kernel_format.h"

#define KERNEL_HALF 0xff00000000000000ull /* where kernels live: no program is linked there */
#define XEN_NOTE_PHYS32_ENTRY 18
#define PHDR_MAX 256

struct elf_kernel {
	const uint8_t *data;
	size_t len;
	uint64_t entry_count;
	uint64_t table;
};

static bool program_header(const struct elf_kernel *k, uint64_t i, Elf64_Phdr *ret)
{
	if (i >= k->entry_count)
		return false;
	memcpy(ret, k->data + k->table + i * sizeof(*ret), sizeof(*ret));
	return true;
}

/* False if @data has no ELF header of a 64-bit little-endian file with a sane segment table. */
static bool open_elf(const uint8_t *data, size_t len, struct elf_kernel *ret, Elf64_Ehdr *eh)
{
	if (len < sizeof(*eh) || memcmp(data, ELFMAG, SELFMAG))
		return false;
	memcpy(eh, data, sizeof(*eh));
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return false;
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum || eh->e_phnum > PHDR_MAX)
		return false;
	if (eh->e_phoff > len || len - eh->e_phoff < eh->e_phnum * sizeof(Elf64_Phdr))
		return false;
	*ret = (struct elf_kernel){
		.data = data, .len = len, .entry_count = eh->e_phnum, .table = eh->e_phoff
	};
	return true;
}

static bool is_kernel(const uint8_t *data, size_t len, uint16_t machine)
{
	struct elf_kernel k;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (!open_elf(data, len, &k, &eh) || eh.e_machine != machine)
		return false;
	for (uint64_t i = 0; program_header(&k, i, &ph); i++)
		if (ph.p_type == PT_LOAD && ph.p_vaddr >= KERNEL_HALF)
			return true;
	return false;
}

static uint64_t align4(uint64_t n)
{
	return (n + 3) & ~3ull;
}

static uint64_t pvh_entry(const uint8_t *note, uint64_t len)
{
	Elf64_Nhdr n;

	for (uint64_t at = 0; len - at >= sizeof(n);) {
		memcpy(&n, note + at, sizeof(n));
		uint64_t name = at + sizeof(n), desc = name + align4(n.n_namesz);
		uint64_t next = desc + align4(n.n_descsz);

		if (next > len)
			return 0;
		if (n.n_type == XEN_NOTE_PHYS32_ENTRY && n.n_namesz == 4 &&
		    !memcmp(note + name, "Xen", 4) && n.n_descsz >= 4)
			return n.n_descsz >= 8 ? get_le64(note + desc) : get_le32(note + desc);
		at = next;
	}
	return 0;
}

/* Physical range of all loaded segments, and how much of it comes from the file. */
struct span {
	uint64_t first, end, file_end;
};

static int add_segment(struct span *s, const Elf64_Phdr *ph, struct err *e)
{
	uint64_t end;

	if (__builtin_add_overflow(ph->p_paddr, ph->p_memsz, &end) || ph->p_filesz > ph->p_memsz)
		return err_set(e, -ENOEXEC, "an ELF kernel, but with an impossible segment");
	s->first = MIN(s->first, ph->p_paddr);
	s->end = MAX(s->end, end);
	s->file_end = MAX(s->file_end, ph->p_paddr + ph->p_filesz);
	return 0;
}

static int load_span(const struct elf_kernel *k, const struct kernel_type *t, struct span *ret,
		     struct err *e)
{
	struct span s = { .first = UINT64_MAX };
	Elf64_Phdr ph;

	for (uint64_t i = 0; program_header(k, i, &ph); i++) {
		uint64_t end;

		if (ph.p_type != PT_LOAD && ph.p_type != PT_NOTE)
			continue;
		if (__builtin_add_overflow(ph.p_offset, ph.p_filesz, &end) || end > k->len)
			return kernel_truncated(t, end, k->len, e);
		bool loads = ph.p_type == PT_LOAD && (ph.p_memsz || ph.p_filesz);
		int r = loads ? add_segment(&s, &ph, e) : 0;
		if (r < 0)
			return r;
	}
	if (s.end <= s.first)
		return err_set(e, -ENOEXEC, "an ELF kernel, but with nothing to load");
	*ret = s;
	return 0;
}

static int inspect(const uint8_t *data, size_t len, struct kernel_info *ret,
		   const struct kernel_type *t, struct err *e)
{
	struct elf_kernel k;
	struct span s;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (!open_elf(data, len, &k, &eh) || arch_from_elf(eh.e_machine, &ret->arch) < 0)
		return err_set(e, -ENOEXEC, "not an ELF kernel");
	int r = load_span(&k, t, &s, e);
	if (r < 0)
		return r;
	ret->format = KERNEL_ELF;
	ret->image_size = s.end - s.first;
	for (uint64_t i = 0; program_header(&k, i, &ph); i++) {
		if (ph.p_type == PT_NOTE && !ret->pvh_entry)
			ret->pvh_entry = pvh_entry(data + ph.p_offset, ph.p_filesz);
		if (ph.p_type == PT_LOAD)
			kernel_find_version(data + ph.p_offset, ph.p_filesz, ret);
	}
	return 0;
}

static bool is_x86(const uint8_t *data, size_t len)
{
	return is_kernel(data, len, EM_X86_64);
}

static int inspect_x86(const uint8_t *data, size_t len, struct kernel_info *ret, struct err *e)
{
	return inspect(data, len, ret, &kernel_vmlinux, e);
}

static bool is_arm64(const uint8_t *data, size_t len)
{
	return is_kernel(data, len, EM_AARCH64);
}

static int inspect_arm64(const uint8_t *data, size_t len, struct kernel_info *ret, struct err *e)
{
	return inspect(data, len, ret, &kernel_vmlinux_arm64, e);
}

/* An Image is what the segments look like in memory, from the first to the last byte of the file. */
static int flatten(const uint8_t *data, size_t len, struct buf *out, struct err *e)
{
	struct elf_kernel k;
	struct span s;
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (!open_elf(data, len, &k, &eh))
		return err_set(e, -ENOEXEC, "not an ELF kernel");
	int r = load_span(&k, &kernel_vmlinux_arm64, &s, e);
	if (r < 0)
		return r;
	if (s.file_end <= s.first || s.file_end - s.first > KERNEL_UNPACKED_MAX)
		return err_set(e, -EFBIG, "an ELF kernel, but its segments are too far apart");
	size_t start = out->len;
	buf_zero(out, s.file_end - s.first);
	for (uint64_t i = 0; !out->bad && program_header(&k, i, &ph); i++)
		if (ph.p_type == PT_LOAD && ph.p_filesz)
			memcpy(out->at + start + (ph.p_paddr - s.first), data + ph.p_offset,
			       ph.p_filesz);
	return out->bad ? err_sys(e, out->bad, "kernel") : 0;
}

const struct kernel_type kernel_vmlinux = {
	.name = "an ELF kernel",
	.is = is_x86,
	.inspect = inspect_x86,
};

const struct kernel_type kernel_vmlinux_arm64 = {
	.name = "an ELF kernel for arm64",
	.is = is_arm64,
	.inspect = inspect_arm64,
	.unpack = flatten,
	.inner = &kernel_arm64_image,
};
