/* SPDX-License-Identifier: GPL-2.0-only */
#include "image/elf_file.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

void elf_file_close(struct elf_file *f)
{
	elf_end(f->elf);
	*f = (struct elf_file){ 0 };
}

static int take(struct elf_file *f, Elf *elf, const char *name, struct err *e)
{
	*f = (struct elf_file){ .elf = elf, .name = name };
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &f->head)) {
		elf_file_close(f);
		return err_set(e, -ENOEXEC, "%s: not an ELF file", name);
	}
	if (f->head.e_ident[EI_CLASS] != ELFCLASS64 || f->head.e_ident[EI_DATA] != ELFDATA2LSB) {
		elf_file_close(f);
		return err_set(e, -ENOEXEC, "%s: not a 64-bit little-endian ELF file", name);
	}
	return 0;
}

int elf_file_open(struct elf_file *f, int fd, const char *name, struct err *e)
{
	elf_version(EV_CURRENT);
	return take(f, elf_begin(fd, ELF_C_READ, NULL), name, e);
}

int elf_file_open_mem(struct elf_file *f, const void *data, size_t len, const char *name,
		      struct err *e)
{
	elf_version(EV_CURRENT);
	/* libelf only reads what it gets here, but does not say so in its prototype */
	return take(f, len ? elf_memory((char *)(uintptr_t)data, len) : NULL, name, e);
}

static Elf_Scn *find_section(struct elf_file *f, const char *section, GElf_Shdr *sh)
{
	size_t names;

	if (elf_getshdrstrndx(f->elf, &names))
		return NULL;
	for (Elf_Scn *s = NULL; (s = elf_nextscn(f->elf, s));) {
		const char *name = gelf_getshdr(s, sh) ? elf_strptr(f->elf, names, sh->sh_name)
						       : NULL;

		if (name && !strcmp(name, section))
			return s;
	}
	return NULL;
}

int elf_file_section(struct elf_file *f, const char *section, const uint8_t **ret, size_t *ret_len,
		     struct err *e)
{
	GElf_Shdr sh;
	Elf_Scn *s = find_section(f, section, &sh);

	if (!s)
		return err_set(e, -ENOENT, "%s: no section %s", f->name, section);
	Elf_Data *d = sh.sh_type == SHT_NOBITS || sh.sh_flags & SHF_COMPRESSED
			      ? NULL
			      : elf_rawdata(s, NULL);
	if (!d || d->d_size != sh.sh_size || (!d->d_buf && d->d_size))
		return err_set(e, -EBADMSG, "%s: section %s is damaged or not in the file", f->name,
			       section);
	*ret = d->d_buf;
	*ret_len = d->d_size;
	return 0;
}
